-- Which lots a batch got, and which lots are not to be used any more, as inventory told.
ALTER TABLE batch_materials ADD COLUMN lots jsonb NOT NULL DEFAULT '[]';

CREATE TABLE recalled_lots (
    lot_id      text        PRIMARY KEY,
    item_id     text        NOT NULL,
    lot_code    text        NOT NULL,
    reason      text        NOT NULL,
    recalled_at timestamptz NOT NULL
);
CREATE INDEX recalled_lots_by_code ON recalled_lots (lot_code);

ALTER TABLE alerts DROP CONSTRAINT alert_kind_is_known;
ALTER TABLE alerts ADD CONSTRAINT alert_kind_is_known
    CHECK (kind IN ('quality_below', 'batch_late', 'batch_failed', 'saga_stuck', 'material_recalled'));
