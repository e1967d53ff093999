-- A shipment that left before an item was counted, and is heard of after it, must not be missed twice.

ALTER TABLE counts
    ADD COLUMN counted_at timestamptz,
    ADD CONSTRAINT a_count_is_not_of_the_future CHECK (counted_at <= at);
CREATE INDEX counts_of_an_item ON counts (item_id, (coalesce(counted_at, at)));
