-- Lots: where units came from, how many of each are left, and every move of them. An item's units are those of its lots.

CREATE TABLE lots (
    lot_id       uuid           PRIMARY KEY,
    item_id      text COLLATE "C" NOT NULL REFERENCES items (id),
    kind         text           NOT NULL,
    lot_code     text           NOT NULL,
    supplier_lot text,
    batch_id     uuid,
    quantity     bigint         NOT NULL,
    spent        boolean        NOT NULL,
    status       text           NOT NULL DEFAULT 'available',
    made         bigint         NOT NULL,
    total_cost   numeric(24, 4),
    produced_on  date,
    expires_on   date,
    made_at      timestamptz    NOT NULL,
    CONSTRAINT lot_kind_is_known CHECK (kind IN ('receipt', 'batch', 'opening', 'found')),
    CONSTRAINT lot_status_is_known CHECK (
        status IN ('available', 'quarantine', 'on_hold', 'recalled', 'expired', 'pending_count')
    ),
    CONSTRAINT lot_units_are_not_negative CHECK (quantity >= 0 AND made >= 0),
    CONSTRAINT a_spent_lot_has_no_units CHECK (spent = (quantity = 0)),
    CONSTRAINT a_batch_makes_its_lot CHECK ((kind = 'batch') = (batch_id IS NOT NULL)),
    CONSTRAINT lot_cost_is_not_negative CHECK (total_cost >= 0)
) WITH (fillfactor = 60);
COMMENT ON COLUMN lots.total_cost IS 'of the units that were made, frozen; null: not known';

-- `spent` and not `quantity`: it changes once in a lot's life, so that all other updates stay heap-only.
CREATE INDEX lots_with_units ON lots (item_id, expires_on, made_at, lot_id) WHERE NOT spent;
CREATE INDEX lots_of_an_item ON lots (item_id, lot_id);
CREATE UNIQUE INDEX one_lot_per_batch ON lots (batch_id);

CREATE TABLE lot_movements (
    lot_id         uuid        NOT NULL,
    transaction_id uuid        NOT NULL,
    item_id        text COLLATE "C" NOT NULL,
    quantity       bigint      NOT NULL,
    cost           numeric(24, 4),
    type           text        NOT NULL,
    reference_type text        NOT NULL,
    reference_id   text COLLATE "C" NOT NULL,
    shipment_id    uuid,
    at             timestamptz NOT NULL,
    PRIMARY KEY (lot_id, transaction_id),
    CONSTRAINT a_movement_moves_units CHECK (quantity <> 0)
);
COMMENT ON TABLE lot_movements IS 'units of a lot by ledger row: never changed; what a lot has is the sum';
COMMENT ON COLUMN lot_movements.cost IS 'of the units, signed like them; null: the lot''s is not known';
CREATE INDEX lot_movements_of_a_reference ON lot_movements (reference_id, lot_id);

CREATE FUNCTION refuse_to_rewrite_movements() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'movements of lots are append-only' USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER movements_are_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON lot_movements
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_to_rewrite_movements();

ALTER TABLE shipments_deducted ADD COLUMN customer_id text;
ALTER TABLE batches_received ADD COLUMN produced_on date;

-- What is in stock came last: the newest receipts and batches keep what is left of them, the rest is of one older lot.
WITH births AS (
    SELECT lot_id, item_id, 'receipt' AS kind, supplier_lot AS lot_code, supplier_lot, NULL::uuid AS batch_id, quantity,
           round(unit_cost * quantity, 4) AS total_cost, NULL::date AS produced_on, expires_on, at
    FROM receipts
    UNION ALL
    SELECT uuidv7(), item_id, 'batch', lot_code, NULL, batch_id, quantity, NULL, NULL, expires_on, at
    FROM batches_received
    WHERE quantity > 0
), placed AS (
    SELECT births.*, stock.current,
           sum(births.quantity) OVER (PARTITION BY births.item_id ORDER BY at DESC, lot_id DESC) - births.quantity AS newer
    FROM births
    JOIN stock ON stock.item_id = births.item_id
), kept AS (
    INSERT INTO lots (lot_id, item_id, kind, lot_code, supplier_lot, batch_id, quantity, spent, made, total_cost,
                      produced_on, expires_on, made_at)
    SELECT lot_id, item_id, kind, lot_code, supplier_lot, batch_id, greatest(0, least(quantity, current - newer)),
           current - newer <= 0, quantity, total_cost, produced_on, expires_on, at
    FROM placed
    RETURNING item_id, quantity
)
INSERT INTO lots (lot_id, item_id, kind, lot_code, quantity, spent, made, made_at)
SELECT uuidv7(), stock.item_id, 'opening', 'opening', stock.current - coalesce(sum(kept.quantity), 0), false,
       stock.current - coalesce(sum(kept.quantity), 0), clock_timestamp()
FROM stock
LEFT JOIN kept ON kept.item_id = stock.item_id
GROUP BY stock.item_id, stock.current
HAVING stock.current > coalesce(sum(kept.quantity), 0);
