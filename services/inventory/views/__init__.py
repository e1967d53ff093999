"""What inventory shows: items with their stock, reservations, the ledger, alerts, deviations."""
