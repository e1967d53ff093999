-- Figures of stock are sums by item and day (UTC), made from the ledger. An item's rows are numbered under its lock, so
-- what was added up is told by one number: each row is added once, on the day that it names.
CREATE TABLE item_days (
    item_id           text    COLLATE "C" NOT NULL REFERENCES items (id),
    day               date    NOT NULL,
    sold              bigint  NOT NULL,
    used              bigint  NOT NULL,
    received          bigint  NOT NULL,
    closing_current   bigint  NOT NULL,
    closing_available bigint  NOT NULL,
    was_out           boolean NOT NULL,
    PRIMARY KEY (item_id, day),
    CONSTRAINT units_that_came_or_were_sold_are_not_negative CHECK (LEAST(sold, received) >= 0),
    CONSTRAINT closing_levels_are_not_negative CHECK (LEAST(closing_current, closing_available) >= 0)
) WITH (fillfactor = 70);
COMMENT ON COLUMN item_days.used IS 'materials issued to batches, less what came back';
COMMENT ON COLUMN item_days.was_out IS 'nothing was available at some moment of the day';
CREATE INDEX item_days_by_day ON item_days (day);

CREATE TABLE item_sums (
    item_id  text        COLLATE "C" PRIMARY KEY REFERENCES items (id),
    version  bigint      NOT NULL,
    at       timestamptz NOT NULL,
    added_at timestamptz NOT NULL
) WITH (fillfactor = 50);
COMMENT ON TABLE item_sums IS 'up to which version of an item its days know the ledger, and the time of that row';

CREATE INDEX counts_by_time ON counts (at);
CREATE INDEX low_stock_alerts_by_end ON alerts (resolved_at) WHERE kind = 'low_stock' AND status = 'resolved';
