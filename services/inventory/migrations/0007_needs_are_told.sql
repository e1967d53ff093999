-- What was told of the need of each item that is low, so that it is told again when it grows and every day.

CREATE TABLE needs_told (
    item_id  text COLLATE "C" PRIMARY KEY REFERENCES items (id),
    shortage bigint NOT NULL,
    told_at  timestamptz NOT NULL
);

-- A need counts the batches of its item that have ended.
CREATE INDEX batches_that_ended ON batches (item_id) WHERE NOT open;

-- Needs that were there before they were told are told first of all.
INSERT INTO needs_told (item_id, shortage, told_at)
SELECT items.id, 0, '-infinity'
FROM items
JOIN stock ON stock.item_id = items.id
WHERE items.active AND CASE WHEN items.min_stock_level = 0 AND items.reorder_point = 0 THEN stock.queued > 0
                            ELSE stock.available <= greatest(items.reorder_point, items.min_stock_level) END;
