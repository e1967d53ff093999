"""The inventory service: stock, holds, the ledger, and the queue for what is short."""
