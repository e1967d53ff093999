-- Lots that wait for a count, are held, expire, and are promised to orders by name; recalls of what was made of them.

ALTER TABLE lots
    ADD COLUMN pending bigint NOT NULL DEFAULT 0,
    ADD COLUMN pinned  bigint NOT NULL DEFAULT 0,
    ADD COLUMN sell_by date,
    ADD CONSTRAINT pending_units_are_of_the_lot CHECK (pending >= 0 AND pending <= quantity),
    ADD CONSTRAINT pinned_units_are_not_negative CHECK (pinned >= 0),
    DROP CONSTRAINT a_spent_lot_has_no_units,
    ADD CONSTRAINT a_spent_lot_has_no_units CHECK (NOT spent OR quantity = 0);
COMMENT ON COLUMN lots.pending IS 'units that were not found and wait for a count; part of `quantity`, held';
COMMENT ON COLUMN lots.pinned IS 'units that confirmed orders are promised by name: the sum over reservations.lots';
COMMENT ON COLUMN lots.sell_by IS 'last day of sale: expires_on less the item''s min_life_days';
COMMENT ON COLUMN lots.spent IS 'no units, and none promised: of no interest to what moves stock';

ALTER TABLE items
    ADD COLUMN min_life_days integer NOT NULL DEFAULT 0,
    ADD CONSTRAINT min_life_is_not_negative CHECK (min_life_days >= 0);
COMMENT ON COLUMN items.min_life_days IS 'days of life that whoever gets a unit of it is to have left';

ALTER TABLE reservations ADD COLUMN lots jsonb;
COMMENT ON COLUMN reservations.lots IS 'of orders: [lot, units promised by name, units gone] ...; null: none';

ALTER TABLE counts ADD COLUMN lot_id uuid;
COMMENT ON COLUMN counts.lot_id IS 'the one lot that was counted; null: all of the item';
CREATE INDEX counts_of_a_lot ON counts (lot_id, (coalesce(counted_at, at))) WHERE lot_id IS NOT NULL;

CREATE INDEX lots_on_sale ON lots (sell_by, item_id) WHERE status = 'available' AND NOT spent AND sell_by IS NOT NULL;

CREATE TABLE pins_due (
    item_id text COLLATE "C" NOT NULL
);
COMMENT ON TABLE pins_due IS 'items of which orders were promised units of a lot that are not to be had: a job promises others';

CREATE TABLE recalls (
    lot_id       uuid        PRIMARY KEY,
    cause_lot_id uuid,
    reason       text        NOT NULL,
    actor        text        NOT NULL,
    at           timestamptz NOT NULL,
    due          boolean     NOT NULL
);
COMMENT ON COLUMN recalls.cause_lot_id IS 'the lot whose recall this one follows from; null: it was recalled itself';
COMMENT ON COLUMN recalls.due IS 'batches may have made more of it since: a job recalls that too';
CREATE INDEX recalls_due ON recalls (lot_id) WHERE due;

UPDATE lots SET sell_by = expires_on WHERE expires_on IS NOT NULL;

-- What is held by now waits for a count: of the lots that leave first.
WITH placed AS (
    SELECT lots.lot_id, lots.quantity, stock.held,
           sum(lots.quantity) OVER (
               PARTITION BY lots.item_id ORDER BY lots.expires_on NULLS LAST, lots.made_at, lots.lot_id
           ) - lots.quantity AS earlier
    FROM lots
    JOIN stock ON stock.item_id = lots.item_id
    WHERE NOT lots.spent AND stock.held > 0
)
UPDATE lots
SET pending = greatest(0, least(placed.quantity, placed.held - placed.earlier))
FROM placed
WHERE lots.lot_id = placed.lot_id;
