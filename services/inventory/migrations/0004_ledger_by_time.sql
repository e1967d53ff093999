-- The ledger is read by time, too; the rows of a month are written in that order, so the index grows at its end.
CREATE INDEX ledger_by_time ON ledger (at, transaction_id);
