-- What a batch cost against its recipe's standard, by cause; open batches by the day on which they are expected.

ALTER TABLE batches
    ADD COLUMN standard_unit   numeric,
    ADD COLUMN standard_total  numeric,
    ADD COLUMN variance_price  numeric,
    ADD COLUMN variance_usage  numeric,
    ADD COLUMN variance_yield  numeric,
    ADD CONSTRAINT standard_is_whole CHECK (
        num_nulls(standard_unit, standard_total, variance_price, variance_usage, variance_yield) IN (0, 5)),
    ADD CONSTRAINT variance_is_the_sum_of_its_causes CHECK (
        cost_total - standard_total = variance_price + variance_usage + variance_yield);

CREATE INDEX open_batches_by_date ON batches (expected_completion_at, batch_id)
    WHERE status NOT IN ('completed', 'failed', 'cancelled');
