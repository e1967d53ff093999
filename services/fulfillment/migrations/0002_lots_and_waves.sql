-- Units by lot, what the floor has to do next of each fulfillment, and picking lists of many orders.

ALTER TABLE lines ADD COLUMN lots jsonb;
COMMENT ON COLUMN lines.lots IS 'told: lots to ship from; bench, gone, short: units by lot id; null: no lot is known';
ALTER TABLE shipments ADD COLUMN lots jsonb NOT NULL DEFAULT '{}';
COMMENT ON COLUMN shipments.lots IS 'units by product id and lot id, as far as lots are known';

CREATE TABLE waves (
    wave_id   uuid        PRIMARY KEY,
    order_ids text[]      NOT NULL,
    made_by   text        NOT NULL,
    made_at   timestamptz NOT NULL
);

ALTER TABLE fulfillments
    ADD COLUMN accepted_at timestamptz,
    ADD COLUMN to_pick     bigint NOT NULL DEFAULT 0,
    ADD COLUMN to_pack     bigint NOT NULL DEFAULT 0,
    ADD COLUMN to_ship     bigint NOT NULL DEFAULT 0,
    ADD COLUMN wave_id     uuid REFERENCES waves,
    ADD COLUMN waved_at    timestamptz,
    ADD CONSTRAINT units_to_do_are_not_negative CHECK (least(to_pick, to_pack, to_ship) >= 0),
    ADD CONSTRAINT a_wave_tells_when CHECK ((wave_id IS NULL) = (waved_at IS NULL));
COMMENT ON COLUMN fulfillments.accepted_at IS 'of the order: its age; null until its first target';

UPDATE fulfillments
SET accepted_at = CASE WHEN ready_version > 0 THEN created_at END,
    to_pick = CASE WHEN closed THEN 0 ELSE units.to_pick END, to_pack = units.to_pack, to_ship = units.to_ship
FROM (
    SELECT order_id, sum(target - picked - shipped)::bigint AS to_pick, sum(picked - packed)::bigint AS to_pack,
           sum(packed)::bigint AS to_ship
    FROM lines
    GROUP BY order_id
) AS units
WHERE units.order_id = fulfillments.order_id;

CREATE INDEX fulfillments_to_pick ON fulfillments ((-priority), accepted_at, order_id) WHERE to_pick > 0;
CREATE INDEX fulfillments_to_pack ON fulfillments ((-priority), accepted_at, order_id) WHERE to_pack > 0;
CREATE INDEX fulfillments_to_ship ON fulfillments ((-priority), accepted_at, order_id) WHERE to_ship > 0;
