-- Lots that are neither picked, packed nor shipped any more: for good, as inventory told.
CREATE TABLE recalled_lots (
    lot_id      text        PRIMARY KEY,
    item_id     text        NOT NULL,
    lot_code    text        NOT NULL,
    reason      text        NOT NULL,
    recalled_at timestamptz NOT NULL
);
CREATE INDEX recalled_lots_by_code ON recalled_lots (lot_code);
