-- Figures are sums by day (UTC). Whoever changes an order notes it in the same transaction; a job takes the notes and
-- moves the sums by what the order is now, less what it was when they knew it last.
CREATE TABLE orders_touched (
    place      bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    touched_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    order_ids  uuid[]      NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000);

-- What the sums know of an order. `due_on` is the day of its first promise, absent when nothing is due (any more);
-- `arrived_on` the day on which all of it was there.
CREATE TABLE order_figures (
    order_id        uuid    PRIMARY KEY,
    accepted_on     date    NOT NULL,
    demanded        boolean NOT NULL,
    shipped         bigint  NOT NULL,
    released        bigint  NOT NULL,
    expired         bigint  NOT NULL,
    due_on          date,
    left_on_time    boolean,
    is_open         boolean,
    arrived_on      date,
    arrived_on_time boolean,
    arrived_seconds bigint,
    CONSTRAINT what_is_due_is_open_or_has_left CHECK (num_nulls(due_on, left_on_time, is_open) IN (0, 3)),
    CONSTRAINT what_arrived_took_its_time CHECK ((arrived_on IS NULL) = (arrived_seconds IS NULL)),
    CONSTRAINT what_is_open_has_not_left CHECK (NOT (left_on_time AND is_open))
) WITH (fillfactor = 80);

CREATE TABLE order_days (
    day             date   PRIMARY KEY,
    orders          bigint NOT NULL,
    shipped         bigint NOT NULL,
    released        bigint NOT NULL,
    expired         bigint NOT NULL,
    due             bigint NOT NULL,
    due_left_on_time bigint NOT NULL,
    due_open        bigint NOT NULL,
    arrived         bigint NOT NULL,
    arrived_due     bigint NOT NULL,
    arrived_on_time bigint NOT NULL,
    arrived_seconds bigint NOT NULL,
    CONSTRAINT no_day_has_less_than_nothing CHECK (
        LEAST(orders, shipped, released, expired, due, due_left_on_time, due_open, arrived, arrived_due,
              arrived_on_time, arrived_seconds) >= 0)
) WITH (fillfactor = 50);

CREATE TABLE demand_days (
    product_id text   NOT NULL,
    day        date   NOT NULL,
    ordered    bigint NOT NULL,
    orders     bigint NOT NULL,
    PRIMARY KEY (product_id, day),
    CONSTRAINT demand_is_not_negative CHECK (LEAST(ordered, orders) >= 0)
) WITH (fillfactor = 70);
CREATE INDEX demand_of_a_day ON demand_days (day, product_id);

INSERT INTO orders_touched (order_ids)
SELECT array_agg(order_id)
FROM (SELECT order_id, (row_number() OVER (ORDER BY order_id) - 1) / 1000 AS part FROM orders) AS numbered
GROUP BY part
ORDER BY part;
