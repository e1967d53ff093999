-- What a customer was promised: the first promise and every later one, kept for ever; the newest is open until the order ends.
CREATE TABLE order_promises (
    order_id    uuid        NOT NULL REFERENCES orders (order_id),
    number      integer     NOT NULL,
    made_at     timestamptz NOT NULL,
    promised_on date        NOT NULL,
    basis       text        NOT NULL,
    cause       text        NOT NULL,
    open        boolean     NOT NULL,
    PRIMARY KEY (order_id, number),
    CONSTRAINT promises_are_numbered_from_one CHECK (number >= 1),
    CONSTRAINT basis_is_known CHECK (basis IN ('stock', 'batch', 'lead_days'))
);
CREATE INDEX open_promises_by_day ON order_promises (promised_on, order_id) WHERE open;
CREATE UNIQUE INDEX one_open_promise_per_order ON order_promises (order_id) WHERE open;
