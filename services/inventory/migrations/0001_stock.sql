-- Items, their levels, the claims on them, and the ledger of every change.

CREATE TABLE items (
    id               text COLLATE "C" PRIMARY KEY,
    kind             text NOT NULL,
    name             text NOT NULL,
    unit             text NOT NULL,
    active           boolean NOT NULL DEFAULT true,
    min_stock_level  bigint NOT NULL DEFAULT 0,
    reorder_point    bigint NOT NULL DEFAULT 0,
    reorder_quantity bigint,
    lead_days        integer NOT NULL DEFAULT 14,
    alternatives     text[] NOT NULL DEFAULT '{}',
    created_at       timestamptz NOT NULL,
    updated_at       timestamptz NOT NULL,
    CONSTRAINT item_is_a_product_or_a_material CHECK (kind IN ('product', 'material')),
    CONSTRAINT item_levels_are_not_negative CHECK (min_stock_level >= 0 AND reorder_point >= 0),
    CONSTRAINT item_reorder_quantity_is_positive CHECK (reorder_quantity > 0),
    CONSTRAINT item_lead_days_are_not_negative CHECK (lead_days >= 0)
);

-- The hot row: narrow, half-empty pages, no index but its key, so that every update stays on its page.
CREATE TABLE stock (
    item_id   text COLLATE "C" PRIMARY KEY REFERENCES items (id),
    current   bigint NOT NULL DEFAULT 0,
    reserved  bigint NOT NULL DEFAULT 0,
    held      bigint NOT NULL DEFAULT 0,
    available bigint GENERATED ALWAYS AS (current - reserved - held) STORED,
    queued    bigint NOT NULL DEFAULT 0,
    version   bigint NOT NULL DEFAULT 0,
    CONSTRAINT current_is_not_negative CHECK (current >= 0),
    CONSTRAINT reserved_is_not_negative CHECK (reserved >= 0),
    CONSTRAINT held_is_not_negative CHECK (held >= 0),
    CONSTRAINT queued_is_not_negative CHECK (queued >= 0),
    CONSTRAINT reserved_and_held_within_current CHECK (reserved + held <= current)
) WITH (fillfactor = 40, autovacuum_vacuum_scale_factor = 0.02);

-- What was received and what it cost: the issue cost of an item is its weighted average.
CREATE TABLE item_costs (
    item_id  text COLLATE "C" PRIMARY KEY REFERENCES items (id),
    quantity bigint NOT NULL,
    value    numeric(24, 4) NOT NULL,
    CONSTRAINT cost_is_of_units_received CHECK (quantity > 0 AND value >= 0)
);

-- One row per order or batch that claims stock; its lock covers its reservations.
CREATE TABLE claims (
    id            uuid PRIMARY KEY,
    kind          text NOT NULL,
    status        text NOT NULL,
    on_shortage   text NOT NULL,
    priority      smallint NOT NULL,
    protected     boolean NOT NULL,
    accepted_at   timestamptz NOT NULL,
    expires_at    timestamptz,
    asked         bigint NOT NULL,
    version       bigint NOT NULL,
    refusal       jsonb,
    CONSTRAINT claim_is_of_an_order_or_a_batch CHECK (kind IN ('order', 'batch')),
    CONSTRAINT claim_status_is_known CHECK (
        status IN ('new', 'active', 'confirmed', 'issued', 'settled', 'rejected', 'expired', 'closed')),
    CONSTRAINT claim_policy_is_known CHECK (on_shortage IN ('reject', 'backorder', 'partial')),
    CONSTRAINT only_active_claims_lapse CHECK (status <> 'active' OR expires_at IS NOT NULL)
) WITH (fillfactor = 80);

CREATE INDEX claims_that_lapse ON claims (expires_at, id) WHERE status = 'active';

-- One order and one product, or one batch and one material; each unit ends exactly once.
CREATE TABLE reservations (
    claim_id    uuid NOT NULL REFERENCES claims (id),
    item_id     text COLLATE "C" NOT NULL REFERENCES items (id),
    want        bigint NOT NULL,
    held        bigint NOT NULL,
    backordered bigint NOT NULL,
    deducted    bigint NOT NULL,
    cancelled   bigint NOT NULL,
    short       bigint NOT NULL,
    returned    bigint NOT NULL,
    cost        numeric(24, 4) NOT NULL,
    priority    smallint NOT NULL,
    protected   boolean NOT NULL,
    kept        boolean NOT NULL,
    accepted_at timestamptz NOT NULL,
    PRIMARY KEY (claim_id, item_id),
    CONSTRAINT each_wanted_unit_is_in_one_place CHECK (want = held + backordered + deducted + cancelled),
    CONSTRAINT reserved_units_are_not_negative CHECK (
        held >= 0 AND backordered >= 0 AND deducted >= 0 AND cancelled >= 0 AND short >= 0),
    CONSTRAINT only_issued_units_return CHECK (returned >= 0 AND returned <= deducted)
) WITH (fillfactor = 80);

CREATE INDEX reservations_in_queue ON reservations (item_id, protected, priority DESC, accepted_at, claim_id)
    WHERE backordered > 0;
CREATE INDEX reservations_taken_back_first ON reservations
    (item_id, kept, priority, accepted_at DESC, claim_id DESC) WHERE held > 0;

-- Append-only: every change of current, reserved and held, by month.
CREATE TABLE ledger (
    transaction_id    uuid NOT NULL,
    item_id           text COLLATE "C" NOT NULL,
    version           bigint NOT NULL,
    lot_id            uuid,
    type              text NOT NULL,
    quantity          bigint NOT NULL,
    previous_current  bigint NOT NULL,
    new_current       bigint NOT NULL,
    previous_reserved bigint NOT NULL,
    new_reserved      bigint NOT NULL,
    previous_held     bigint NOT NULL,
    new_held          bigint NOT NULL,
    reference_type    text NOT NULL,
    reference_id      text COLLATE "C" NOT NULL,
    actor             text NOT NULL,
    note              text,
    at                timestamptz NOT NULL,
    PRIMARY KEY (at, transaction_id),
    CONSTRAINT ledger_type_is_known CHECK (type IN (
        'receipt', 'batch_output', 'sale', 'material_issue', 'material_return', 'reserve', 'release', 'expire',
        'take_back', 'adjust', 'count', 'count_correction', 'found', 'hold', 'unhold', 'scrap')),
    CONSTRAINT ledger_reserved_and_held_within_current CHECK (new_reserved + new_held <= new_current)
) PARTITION BY RANGE (at);

CREATE INDEX ledger_of_an_item ON ledger (item_id, version);
CREATE INDEX ledger_of_a_reference ON ledger (reference_id, at, transaction_id);

CREATE FUNCTION refuse_to_rewrite_the_ledger() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the ledger is append-only' USING ERRCODE = 'restrict_violation';
END $$;

CREATE TRIGGER ledger_is_append_only BEFORE UPDATE OR DELETE ON ledger
    FOR EACH ROW EXECUTE FUNCTION refuse_to_rewrite_the_ledger();
CREATE TRIGGER ledger_is_not_truncated BEFORE TRUNCATE ON ledger
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_to_rewrite_the_ledger();

-- Natural keys of what adds up: a fact has its effect once, however often and late it comes.
CREATE TABLE shipments_deducted (
    shipment_id uuid PRIMARY KEY,
    order_id    uuid NOT NULL,
    at          timestamptz NOT NULL
);

CREATE TABLE short_picks (
    short_pick_id uuid PRIMARY KEY,
    order_id      uuid NOT NULL,
    at            timestamptz NOT NULL
);

CREATE TABLE batches_received (
    batch_id   uuid PRIMARY KEY,
    item_id    text COLLATE "C" NOT NULL,
    quantity   bigint NOT NULL,
    lot_code   text NOT NULL,
    expires_on date,
    at         timestamptz NOT NULL
);

CREATE TABLE receipts (
    receipt_id   uuid PRIMARY KEY,
    lot_id       uuid NOT NULL UNIQUE,
    item_id      text COLLATE "C" NOT NULL REFERENCES items (id),
    quantity     bigint NOT NULL,
    supplier_lot text NOT NULL,
    unit_cost    numeric(24, 12) NOT NULL,
    expires_on   date,
    note         text,
    actor        text NOT NULL,
    at           timestamptz NOT NULL,
    CONSTRAINT receipt_brings_units CHECK (quantity > 0 AND unit_cost >= 0)
);

CREATE TABLE counts (
    count_id uuid PRIMARY KEY,
    item_id  text COLLATE "C" NOT NULL REFERENCES items (id),
    expected bigint NOT NULL,
    counted  bigint NOT NULL,
    version  bigint NOT NULL,
    reason   text NOT NULL,
    actor    text NOT NULL,
    at       timestamptz NOT NULL,
    CONSTRAINT counted_is_not_negative CHECK (counted >= 0)
);

-- The newest that bottling said of its batches: what is on its way, and when.
CREATE TABLE batches (
    batch_id    uuid PRIMARY KEY,
    item_id     text COLLATE "C" NOT NULL,
    quantity    bigint NOT NULL,
    open        boolean NOT NULL,
    expected_at timestamptz,
    version     bigint NOT NULL,
    CONSTRAINT batch_quantity_is_not_negative CHECK (quantity >= 0)
);

CREATE INDEX batches_on_their_way ON batches (item_id, expected_at) WHERE open;

-- One row per transaction that moved levels; the publisher of levels takes them all, twice a second.
CREATE TABLE level_changes (
    item_ids text[] NOT NULL
);

-- Items whose queue was too long for one transaction, while units of it are still there; a job goes on.
CREATE TABLE fills_due (
    item_id text COLLATE "C" NOT NULL
);

-- Alerts have a life; one of a kind is open per item.
CREATE TABLE alerts (
    alert_id        uuid PRIMARY KEY,
    kind            text NOT NULL,
    item_id         text COLLATE "C" NOT NULL REFERENCES items (id),
    status          text NOT NULL,
    raised_at       timestamptz NOT NULL,
    acknowledged_at timestamptz,
    acknowledged_by text,
    note            text,
    resolved_at     timestamptz,
    CONSTRAINT alert_kind_is_known CHECK (kind IN ('low_stock', 'critical', 'stockout', 'discrepancy')),
    CONSTRAINT alert_status_is_known CHECK (status IN ('raised', 'acknowledged', 'resolved')),
    CONSTRAINT resolved_alert_tells_when CHECK ((status = 'resolved') = (resolved_at IS NOT NULL))
);

CREATE UNIQUE INDEX one_open_alert_per_item_and_kind ON alerts (item_id, kind) WHERE status <> 'resolved';
