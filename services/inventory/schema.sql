-- What the migrations make, partitions left out; written by `make schema`, kept equal by a test.

CREATE FUNCTION drop_partition(parent text, name text) RETURNS void
    LANGUAGE plpgsql
    AS $$
BEGIN
    EXECUTE format('ALTER TABLE %I DETACH PARTITION %I', parent, name);
    EXECUTE format('DROP TABLE %I', name);
END $$;

CREATE FUNCTION guard_partition(parent text, name text) RETURNS void
    LANGUAGE plpgsql
    AS $$
DECLARE
    guard record;
BEGIN
    FOR guard IN
        SELECT tgname, tgfoid::regproc AS refusal
        FROM pg_trigger
        WHERE tgrelid = to_regclass(quote_ident(parent)) AND NOT tgisinternal AND tgtype & 32 <> 0
    LOOP
        EXECUTE format('CREATE TRIGGER %I BEFORE TRUNCATE ON %I FOR EACH STATEMENT EXECUTE FUNCTION %s()',
                       guard.tgname, name, guard.refusal);
    END LOOP;
END $$;

CREATE FUNCTION make_partition(parent text, name text, lower_bound text, upper_bound text) RETURNS boolean
    LANGUAGE plpgsql
    AS $$
BEGIN
    IF to_regclass(quote_ident(name)) IS NOT NULL THEN
        RETURN false;
    END IF;
    EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING ALL)', name, parent);
    EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', parent, name, lower_bound, upper_bound);
    PERFORM guard_partition(parent, name);
    RETURN true;
END $$;

CREATE FUNCTION refuse_to_rewrite_movements() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    RAISE EXCEPTION 'movements of lots are append-only' USING ERRCODE = 'restrict_violation';
END $$;

CREATE FUNCTION refuse_to_rewrite_the_ledger() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    RAISE EXCEPTION 'the ledger is append-only' USING ERRCODE = 'restrict_violation';
END $$;

CREATE TABLE alerts (
    alert_id uuid NOT NULL,
    kind text NOT NULL,
    item_id text COLLATE pg_catalog."C",
    status text NOT NULL,
    raised_at timestamp with time zone NOT NULL,
    acknowledged_at timestamp with time zone,
    acknowledged_by text,
    note text,
    resolved_at timestamp with time zone,
    claim_id uuid,
    CONSTRAINT alert_is_of_an_item_or_of_a_hold CHECK (
CASE
    WHEN (kind = 'hold_overdue'::text) THEN ((claim_id IS NOT NULL) AND (item_id IS NULL))
    ELSE ((item_id IS NOT NULL) AND (claim_id IS NULL))
END),
    CONSTRAINT alert_kind_is_known CHECK ((kind = ANY (ARRAY['low_stock'::text, 'critical'::text, 'stockout'::text, 'discrepancy'::text, 'hold_overdue'::text]))),
    CONSTRAINT alert_status_is_known CHECK ((status = ANY (ARRAY['raised'::text, 'acknowledged'::text, 'resolved'::text]))),
    CONSTRAINT an_acknowledged_alert_tells_by_whom CHECK (((acknowledged_at IS NULL) = (acknowledged_by IS NULL))),
    CONSTRAINT resolved_alert_tells_when CHECK (((status = 'resolved'::text) = (resolved_at IS NOT NULL)))
);

CREATE TABLE batches (
    batch_id uuid NOT NULL,
    item_id text NOT NULL COLLATE pg_catalog."C",
    quantity bigint NOT NULL,
    open boolean NOT NULL,
    expected_at timestamp with time zone,
    version bigint NOT NULL,
    CONSTRAINT batch_quantity_is_not_negative CHECK ((quantity >= 0))
);

CREATE TABLE batches_received (
    batch_id uuid NOT NULL,
    item_id text NOT NULL COLLATE pg_catalog."C",
    quantity bigint NOT NULL,
    lot_code text NOT NULL,
    expires_on date,
    at timestamp with time zone NOT NULL,
    produced_on date
);

CREATE TABLE claims (
    id uuid NOT NULL,
    kind text NOT NULL,
    status text NOT NULL,
    on_shortage text NOT NULL,
    priority smallint NOT NULL,
    protected boolean NOT NULL,
    accepted_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone,
    asked bigint NOT NULL,
    version bigint NOT NULL,
    refusal jsonb,
    CONSTRAINT claim_is_of_an_order_or_a_batch CHECK ((kind = ANY (ARRAY['order'::text, 'batch'::text]))),
    CONSTRAINT claim_policy_is_known CHECK ((on_shortage = ANY (ARRAY['reject'::text, 'backorder'::text, 'partial'::text]))),
    CONSTRAINT claim_status_is_known CHECK ((status = ANY (ARRAY['new'::text, 'active'::text, 'confirmed'::text, 'issued'::text, 'settled'::text, 'rejected'::text, 'expired'::text, 'closed'::text]))),
    CONSTRAINT only_active_claims_lapse CHECK (((status <> 'active'::text) OR (expires_at IS NOT NULL)))
)
WITH (fillfactor='80');

CREATE TABLE counts (
    count_id uuid NOT NULL,
    item_id text NOT NULL COLLATE pg_catalog."C",
    expected bigint NOT NULL,
    counted bigint NOT NULL,
    version bigint NOT NULL,
    reason text NOT NULL,
    actor text NOT NULL,
    at timestamp with time zone NOT NULL,
    counted_at timestamp with time zone,
    lot_id uuid,
    CONSTRAINT a_count_is_not_of_the_future CHECK ((counted_at <= at)),
    CONSTRAINT counted_is_not_negative CHECK ((counted >= 0))
);

COMMENT ON COLUMN counts.lot_id IS 'the one lot that was counted; null: all of the item';

CREATE TABLE dead_letters (
    dead_letter_id uuid NOT NULL,
    topic text NOT NULL,
    partition integer NOT NULL,
    "offset" bigint NOT NULL,
    key bytea,
    value bytea,
    headers jsonb NOT NULL,
    reason text NOT NULL,
    error text NOT NULL,
    attempts integer NOT NULL,
    state text DEFAULT 'open'::text NOT NULL,
    failed_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    replayed_at timestamp with time zone,
    copied boolean DEFAULT false NOT NULL,
    digest bytea GENERATED ALWAYS AS (sha256((COALESCE(key, '\x'::bytea) || COALESCE(value, '\x'::bytea)))) STORED NOT NULL,
    CONSTRAINT reason_is_known CHECK ((reason = ANY (ARRAY['undecodable'::text, 'invalid_headers'::text, 'invalid_schema'::text, 'unknown_type'::text, 'no_data'::text, 'handler_failed'::text]))),
    CONSTRAINT state_is_known CHECK ((state = ANY (ARRAY['open'::text, 'replayed'::text, 'purged'::text])))
);

CREATE TABLE fills_due (
    item_id text NOT NULL COLLATE pg_catalog."C"
);

CREATE TABLE idempotency (
    sub text NOT NULL,
    route text NOT NULL,
    key text NOT NULL,
    fingerprint bytea NOT NULL,
    status integer NOT NULL,
    body text NOT NULL,
    headers text NOT NULL,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);

CREATE TABLE inbox (
    id uuid NOT NULL
)
PARTITION BY RANGE (id);

CREATE TABLE inbox_foreign (
    id uuid NOT NULL,
    received_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);

CREATE TABLE item_costs (
    item_id text NOT NULL COLLATE pg_catalog."C",
    quantity bigint NOT NULL,
    value numeric(24,4) NOT NULL,
    CONSTRAINT cost_is_of_units_received CHECK (((quantity > 0) AND (value >= (0)::numeric)))
);

CREATE TABLE item_days (
    item_id text NOT NULL COLLATE pg_catalog."C",
    day date NOT NULL,
    sold bigint NOT NULL,
    used bigint NOT NULL,
    received bigint NOT NULL,
    closing_current bigint NOT NULL,
    closing_available bigint NOT NULL,
    was_out boolean NOT NULL,
    CONSTRAINT closing_levels_are_not_negative CHECK ((LEAST(closing_current, closing_available) >= 0)),
    CONSTRAINT units_that_came_or_were_sold_are_not_negative CHECK ((LEAST(sold, received) >= 0))
)
WITH (fillfactor='70');

COMMENT ON COLUMN item_days.used IS 'materials issued to batches, less what came back';

COMMENT ON COLUMN item_days.was_out IS 'nothing was available at some moment of the day';

CREATE TABLE item_sums (
    item_id text NOT NULL COLLATE pg_catalog."C",
    version bigint NOT NULL,
    at timestamp with time zone NOT NULL,
    added_at timestamp with time zone NOT NULL
)
WITH (fillfactor='50');

COMMENT ON TABLE item_sums IS 'up to which version of an item its days know the ledger, and the time of that row';

CREATE TABLE items (
    id text NOT NULL COLLATE pg_catalog."C",
    kind text NOT NULL,
    name text NOT NULL,
    unit text NOT NULL,
    active boolean DEFAULT true NOT NULL,
    min_stock_level bigint DEFAULT 0 NOT NULL,
    reorder_point bigint DEFAULT 0 NOT NULL,
    reorder_quantity bigint,
    lead_days integer DEFAULT 14 NOT NULL,
    alternatives text[] DEFAULT '{}'::text[] NOT NULL,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    min_life_days integer DEFAULT 0 NOT NULL,
    CONSTRAINT item_is_a_product_or_a_material CHECK ((kind = ANY (ARRAY['product'::text, 'material'::text]))),
    CONSTRAINT item_lead_days_are_not_negative CHECK ((lead_days >= 0)),
    CONSTRAINT item_levels_are_not_negative CHECK (((min_stock_level >= 0) AND (reorder_point >= 0))),
    CONSTRAINT item_reorder_quantity_is_positive CHECK ((reorder_quantity > 0)),
    CONSTRAINT min_life_is_not_negative CHECK ((min_life_days >= 0))
);

COMMENT ON COLUMN items.min_life_days IS 'days of life that whoever gets a unit of it is to have left';

CREATE TABLE ledger (
    transaction_id uuid NOT NULL,
    item_id text NOT NULL COLLATE pg_catalog."C",
    version bigint NOT NULL,
    lot_id uuid,
    type text NOT NULL,
    quantity bigint NOT NULL,
    previous_current bigint NOT NULL,
    new_current bigint NOT NULL,
    previous_reserved bigint NOT NULL,
    new_reserved bigint NOT NULL,
    previous_held bigint NOT NULL,
    new_held bigint NOT NULL,
    reference_type text NOT NULL,
    reference_id text NOT NULL COLLATE pg_catalog."C",
    actor text NOT NULL,
    note text,
    at timestamp with time zone NOT NULL,
    CONSTRAINT ledger_reserved_and_held_within_current CHECK (((new_reserved + new_held) <= new_current)),
    CONSTRAINT ledger_type_is_known CHECK ((type = ANY (ARRAY['receipt'::text, 'batch_output'::text, 'sale'::text, 'material_issue'::text, 'material_return'::text, 'reserve'::text, 'release'::text, 'expire'::text, 'take_back'::text, 'adjust'::text, 'count'::text, 'count_correction'::text, 'found'::text, 'hold'::text, 'unhold'::text, 'scrap'::text])))
)
PARTITION BY RANGE (at);

CREATE TABLE ledger_archives (
    month date NOT NULL,
    file text NOT NULL,
    rows bigint NOT NULL,
    sha256 text NOT NULL,
    actor text NOT NULL,
    archived_at timestamp with time zone NOT NULL,
    CONSTRAINT archive_has_a_checksum CHECK ((sha256 ~ '^[0-9a-f]{64}$'::text)),
    CONSTRAINT archive_is_of_a_whole_month CHECK ((EXTRACT(day FROM month) = (1)::numeric)),
    CONSTRAINT archived_rows_are_not_negative CHECK ((rows >= 0))
);

CREATE TABLE ledger_openings (
    item_id text NOT NULL COLLATE pg_catalog."C",
    type text NOT NULL,
    month date NOT NULL,
    version bigint NOT NULL,
    current bigint NOT NULL,
    reserved bigint NOT NULL,
    held bigint NOT NULL
);

CREATE TABLE level_changes (
    item_ids text[] NOT NULL
);

CREATE TABLE lot_movements (
    lot_id uuid NOT NULL,
    transaction_id uuid NOT NULL,
    item_id text NOT NULL COLLATE pg_catalog."C",
    quantity bigint NOT NULL,
    cost numeric(24,4),
    type text NOT NULL,
    reference_type text NOT NULL,
    reference_id text NOT NULL COLLATE pg_catalog."C",
    shipment_id uuid,
    at timestamp with time zone NOT NULL,
    CONSTRAINT a_movement_moves_units CHECK ((quantity <> 0))
);

COMMENT ON TABLE lot_movements IS 'units of a lot by ledger row: never changed; what a lot has is the sum';

COMMENT ON COLUMN lot_movements.cost IS 'of the units, signed like them; null: the lot''s is not known';

CREATE TABLE lots (
    lot_id uuid NOT NULL,
    item_id text NOT NULL COLLATE pg_catalog."C",
    kind text NOT NULL,
    lot_code text NOT NULL,
    supplier_lot text,
    batch_id uuid,
    quantity bigint NOT NULL,
    spent boolean NOT NULL,
    status text DEFAULT 'available'::text NOT NULL,
    made bigint NOT NULL,
    total_cost numeric(24,4),
    produced_on date,
    expires_on date,
    made_at timestamp with time zone NOT NULL,
    pending bigint DEFAULT 0 NOT NULL,
    pinned bigint DEFAULT 0 NOT NULL,
    sell_by date,
    CONSTRAINT a_batch_makes_its_lot CHECK (((kind = 'batch'::text) = (batch_id IS NOT NULL))),
    CONSTRAINT a_spent_lot_has_no_units CHECK (((NOT spent) OR (quantity = 0))),
    CONSTRAINT lot_cost_is_not_negative CHECK ((total_cost >= (0)::numeric)),
    CONSTRAINT lot_kind_is_known CHECK ((kind = ANY (ARRAY['receipt'::text, 'batch'::text, 'opening'::text, 'found'::text]))),
    CONSTRAINT lot_status_is_known CHECK ((status = ANY (ARRAY['available'::text, 'quarantine'::text, 'on_hold'::text, 'recalled'::text, 'expired'::text, 'pending_count'::text]))),
    CONSTRAINT lot_units_are_not_negative CHECK (((quantity >= 0) AND (made >= 0))),
    CONSTRAINT pending_units_are_of_the_lot CHECK (((pending >= 0) AND (pending <= quantity))),
    CONSTRAINT pinned_units_are_not_negative CHECK ((pinned >= 0))
)
WITH (fillfactor='60');

COMMENT ON COLUMN lots.spent IS 'no units, and none promised: of no interest to what moves stock';

COMMENT ON COLUMN lots.total_cost IS 'of the units that were made, frozen; null: not known';

COMMENT ON COLUMN lots.pending IS 'units that were not found and wait for a count; part of `quantity`, held';

COMMENT ON COLUMN lots.pinned IS 'units that confirmed orders are promised by name: the sum over reservations.lots';

COMMENT ON COLUMN lots.sell_by IS 'last day of sale: expires_on less the item''s min_life_days';

CREATE TABLE needs_told (
    item_id text NOT NULL COLLATE pg_catalog."C",
    shortage bigint NOT NULL,
    told_at timestamp with time zone NOT NULL
);

CREATE TABLE outbox (
    shard smallint NOT NULL,
    seq bigint NOT NULL,
    id uuid NOT NULL,
    aggregatetype text NOT NULL,
    aggregateid text NOT NULL,
    type text NOT NULL,
    version bigint NOT NULL,
    payload text NOT NULL,
    headers text NOT NULL,
    created_at timestamp with time zone NOT NULL
)
PARTITION BY RANGE (created_at);

CREATE SEQUENCE outbox_seq_0
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;

CREATE SEQUENCE outbox_seq_1
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;

CREATE SEQUENCE outbox_seq_2
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;

CREATE SEQUENCE outbox_seq_3
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;

CREATE SEQUENCE outbox_seq_4
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;

CREATE SEQUENCE outbox_seq_5
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;

CREATE SEQUENCE outbox_seq_6
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;

CREATE SEQUENCE outbox_seq_7
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;

CREATE TABLE pins_due (
    item_id text NOT NULL COLLATE pg_catalog."C"
);

COMMENT ON TABLE pins_due IS 'items of which orders were promised units of a lot that are not to be had: a job promises others';

CREATE TABLE recalls (
    lot_id uuid NOT NULL,
    cause_lot_id uuid,
    reason text NOT NULL,
    actor text NOT NULL,
    at timestamp with time zone NOT NULL,
    due boolean NOT NULL
);

COMMENT ON COLUMN recalls.cause_lot_id IS 'the lot whose recall this one follows from; null: it was recalled itself';

COMMENT ON COLUMN recalls.due IS 'batches may have made more of it since: a job recalls that too';

CREATE TABLE receipts (
    receipt_id uuid NOT NULL,
    lot_id uuid NOT NULL,
    item_id text NOT NULL COLLATE pg_catalog."C",
    quantity bigint NOT NULL,
    supplier_lot text NOT NULL,
    unit_cost numeric(24,12) NOT NULL,
    expires_on date,
    note text,
    actor text NOT NULL,
    at timestamp with time zone NOT NULL,
    CONSTRAINT receipt_brings_units CHECK (((quantity > 0) AND (unit_cost >= (0)::numeric)))
);

CREATE TABLE relay (
    shard smallint NOT NULL,
    sent_through bigint DEFAULT 0 NOT NULL,
    sent_at timestamp with time zone DEFAULT '-infinity'::timestamp with time zone NOT NULL,
    gaps bigint[] DEFAULT '{}'::bigint[] NOT NULL
);

CREATE TABLE reservations (
    claim_id uuid NOT NULL,
    item_id text NOT NULL COLLATE pg_catalog."C",
    want bigint NOT NULL,
    held bigint NOT NULL,
    backordered bigint NOT NULL,
    deducted bigint NOT NULL,
    cancelled bigint NOT NULL,
    short bigint NOT NULL,
    returned bigint NOT NULL,
    cost numeric(24,4) NOT NULL,
    priority smallint NOT NULL,
    protected boolean NOT NULL,
    kept boolean NOT NULL,
    accepted_at timestamp with time zone NOT NULL,
    lots jsonb,
    CONSTRAINT each_wanted_unit_is_in_one_place CHECK ((want = (((held + backordered) + deducted) + cancelled))),
    CONSTRAINT only_issued_units_return CHECK (((returned >= 0) AND (returned <= deducted))),
    CONSTRAINT reserved_units_are_not_negative CHECK (((held >= 0) AND (backordered >= 0) AND (deducted >= 0) AND (cancelled >= 0) AND (short >= 0)))
)
WITH (fillfactor='80');

COMMENT ON COLUMN reservations.lots IS 'of orders: [lot, units promised by name, units gone] ...; null: none';

CREATE TABLE schema_migrations (
    room text NOT NULL,
    number integer NOT NULL,
    name text NOT NULL,
    checksum text NOT NULL,
    applied_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);

CREATE TABLE shipments_deducted (
    shipment_id uuid NOT NULL,
    order_id uuid NOT NULL,
    at timestamp with time zone NOT NULL,
    customer_id text
);

CREATE TABLE short_picks (
    short_pick_id uuid NOT NULL,
    order_id uuid NOT NULL,
    at timestamp with time zone NOT NULL
);

CREATE TABLE stock (
    item_id text NOT NULL COLLATE pg_catalog."C",
    current bigint DEFAULT 0 NOT NULL,
    reserved bigint DEFAULT 0 NOT NULL,
    held bigint DEFAULT 0 NOT NULL,
    available bigint GENERATED ALWAYS AS (((current - reserved) - held)) STORED,
    queued bigint DEFAULT 0 NOT NULL,
    version bigint DEFAULT 0 NOT NULL,
    CONSTRAINT current_is_not_negative CHECK ((current >= 0)),
    CONSTRAINT held_is_not_negative CHECK ((held >= 0)),
    CONSTRAINT queued_is_not_negative CHECK ((queued >= 0)),
    CONSTRAINT reserved_and_held_within_current CHECK (((reserved + held) <= current)),
    CONSTRAINT reserved_is_not_negative CHECK ((reserved >= 0))
)
WITH (fillfactor='40', autovacuum_vacuum_scale_factor='0.02');

ALTER TABLE ONLY alerts
    ADD CONSTRAINT alerts_pkey PRIMARY KEY (alert_id);

ALTER TABLE ONLY batches
    ADD CONSTRAINT batches_pkey PRIMARY KEY (batch_id);

ALTER TABLE ONLY batches_received
    ADD CONSTRAINT batches_received_pkey PRIMARY KEY (batch_id);

ALTER TABLE ONLY claims
    ADD CONSTRAINT claims_pkey PRIMARY KEY (id);

ALTER TABLE ONLY counts
    ADD CONSTRAINT counts_pkey PRIMARY KEY (count_id);

ALTER TABLE ONLY dead_letters
    ADD CONSTRAINT dead_letters_pkey PRIMARY KEY (dead_letter_id);

ALTER TABLE ONLY idempotency
    ADD CONSTRAINT idempotency_pkey PRIMARY KEY (sub, route, key);

ALTER TABLE ONLY inbox_foreign
    ADD CONSTRAINT inbox_foreign_pkey PRIMARY KEY (id);

ALTER TABLE ONLY inbox
    ADD CONSTRAINT inbox_pkey PRIMARY KEY (id);

ALTER TABLE ONLY item_costs
    ADD CONSTRAINT item_costs_pkey PRIMARY KEY (item_id);

ALTER TABLE ONLY item_days
    ADD CONSTRAINT item_days_pkey PRIMARY KEY (item_id, day);

ALTER TABLE ONLY item_sums
    ADD CONSTRAINT item_sums_pkey PRIMARY KEY (item_id);

ALTER TABLE ONLY items
    ADD CONSTRAINT items_pkey PRIMARY KEY (id);

ALTER TABLE ONLY ledger_archives
    ADD CONSTRAINT ledger_archives_pkey PRIMARY KEY (month);

ALTER TABLE ledger
    ADD CONSTRAINT ledger_levels_are_not_negative CHECK ((LEAST(new_current, new_reserved, new_held) >= 0)) NOT VALID;

ALTER TABLE ONLY ledger_openings
    ADD CONSTRAINT ledger_openings_pkey PRIMARY KEY (item_id, type, month);

ALTER TABLE ONLY ledger
    ADD CONSTRAINT ledger_pkey PRIMARY KEY (at, transaction_id);

ALTER TABLE ledger
    ADD CONSTRAINT ledger_row_moves_something CHECK ((quantity <> 0)) NOT VALID;

ALTER TABLE ledger
    ADD CONSTRAINT ledger_row_moves_what_its_type_says CHECK ((quantity =
CASE
    WHEN (type = ANY (ARRAY['reserve'::text, 'release'::text, 'expire'::text, 'take_back'::text])) THEN (new_reserved - previous_reserved)
    WHEN (type = ANY (ARRAY['hold'::text, 'unhold'::text])) THEN (new_held - previous_held)
    ELSE (new_current - previous_current)
END)) NOT VALID;

ALTER TABLE ONLY lot_movements
    ADD CONSTRAINT lot_movements_pkey PRIMARY KEY (lot_id, transaction_id);

ALTER TABLE ONLY lots
    ADD CONSTRAINT lots_pkey PRIMARY KEY (lot_id);

ALTER TABLE ONLY needs_told
    ADD CONSTRAINT needs_told_pkey PRIMARY KEY (item_id);

ALTER TABLE ONLY outbox
    ADD CONSTRAINT outbox_pkey PRIMARY KEY (shard, seq, created_at);

ALTER TABLE ONLY recalls
    ADD CONSTRAINT recalls_pkey PRIMARY KEY (lot_id);

ALTER TABLE ONLY receipts
    ADD CONSTRAINT receipts_lot_id_key UNIQUE (lot_id);

ALTER TABLE ONLY receipts
    ADD CONSTRAINT receipts_pkey PRIMARY KEY (receipt_id);

ALTER TABLE ONLY relay
    ADD CONSTRAINT relay_pkey PRIMARY KEY (shard);

ALTER TABLE ONLY reservations
    ADD CONSTRAINT reservations_pkey PRIMARY KEY (claim_id, item_id);

ALTER TABLE ONLY schema_migrations
    ADD CONSTRAINT schema_migrations_pkey PRIMARY KEY (room, number);

ALTER TABLE ONLY shipments_deducted
    ADD CONSTRAINT shipments_deducted_pkey PRIMARY KEY (shipment_id);

ALTER TABLE ONLY short_picks
    ADD CONSTRAINT short_picks_pkey PRIMARY KEY (short_pick_id);

ALTER TABLE ONLY stock
    ADD CONSTRAINT stock_pkey PRIMARY KEY (item_id);

CREATE INDEX batches_on_their_way ON batches USING btree (item_id, expected_at) WHERE open;

CREATE INDEX batches_that_ended ON batches USING btree (item_id) WHERE (NOT open);

CREATE INDEX claims_that_lapse ON claims USING btree (expires_at, id) WHERE (status = 'active'::text);

CREATE INDEX confirmed_claims_by_date ON claims USING btree (expires_at, id) WHERE (status = 'confirmed'::text);

CREATE INDEX counts_by_time ON counts USING btree (at);

CREATE INDEX counts_of_a_lot ON counts USING btree (lot_id, COALESCE(counted_at, at)) WHERE (lot_id IS NOT NULL);

CREATE INDEX counts_of_an_item ON counts USING btree (item_id, COALESCE(counted_at, at));

CREATE INDEX dead_letters_to_copy ON dead_letters USING btree (dead_letter_id) WHERE (NOT copied);

CREATE INDEX idempotency_by_age ON idempotency USING btree (created_at);

CREATE INDEX item_days_by_day ON item_days USING btree (day);

CREATE INDEX ledger_of_a_reference ON ONLY ledger USING btree (reference_id, at, transaction_id);

CREATE INDEX ledger_of_an_item ON ONLY ledger USING btree (item_id, version);

CREATE INDEX lot_movements_of_a_reference ON lot_movements USING btree (reference_id, lot_id);

CREATE INDEX lot_movements_of_materials ON lot_movements USING btree (lot_id, reference_id) WHERE (type = ANY (ARRAY['material_issue'::text, 'material_return'::text]));

CREATE INDEX lots_of_an_item ON lots USING btree (item_id, lot_id);

CREATE INDEX lots_on_sale ON lots USING btree (sell_by, item_id) WHERE ((status = 'available'::text) AND (NOT spent) AND (sell_by IS NOT NULL));

CREATE INDEX lots_with_units ON lots USING btree (item_id, expires_on, made_at, lot_id) WHERE (NOT spent);

CREATE INDEX low_stock_alerts_by_end ON alerts USING btree (resolved_at) WHERE ((kind = 'low_stock'::text) AND (status = 'resolved'::text));

CREATE UNIQUE INDEX one_dead_letter_per_record ON dead_letters USING btree (topic, partition, "offset", digest) WHERE (state <> 'purged'::text);

CREATE UNIQUE INDEX one_lot_per_batch ON lots USING btree (batch_id);

CREATE UNIQUE INDEX one_open_alert_per_hold ON alerts USING btree (claim_id) WHERE ((status <> 'resolved'::text) AND (claim_id IS NOT NULL));

CREATE UNIQUE INDEX one_open_alert_per_item_and_kind ON alerts USING btree (item_id, kind) WHERE (status <> 'resolved'::text);

CREATE INDEX recalls_due ON recalls USING btree (lot_id) WHERE due;

CREATE INDEX reservations_in_queue ON reservations USING btree (item_id, protected, priority DESC, accepted_at, claim_id) WHERE (backordered > 0);

CREATE INDEX reservations_of_an_item ON reservations USING btree (item_id, claim_id);

CREATE INDEX reservations_taken_back_first ON reservations USING btree (item_id, kept, priority, accepted_at DESC, claim_id DESC) WHERE (held > 0);

CREATE TRIGGER archives_are_append_only BEFORE DELETE OR UPDATE ON ledger_archives FOR EACH ROW EXECUTE FUNCTION refuse_to_rewrite_the_ledger();

CREATE TRIGGER archives_are_not_truncated BEFORE TRUNCATE ON ledger_archives FOR EACH STATEMENT EXECUTE FUNCTION refuse_to_rewrite_the_ledger();

CREATE TRIGGER ledger_is_append_only BEFORE DELETE OR UPDATE ON ledger FOR EACH ROW EXECUTE FUNCTION refuse_to_rewrite_the_ledger();

CREATE TRIGGER ledger_is_not_truncated BEFORE TRUNCATE ON ledger FOR EACH STATEMENT EXECUTE FUNCTION refuse_to_rewrite_the_ledger();

CREATE TRIGGER movements_are_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON lot_movements FOR EACH STATEMENT EXECUTE FUNCTION refuse_to_rewrite_movements();

CREATE TRIGGER openings_are_append_only BEFORE DELETE OR UPDATE ON ledger_openings FOR EACH ROW EXECUTE FUNCTION refuse_to_rewrite_the_ledger();

CREATE TRIGGER openings_are_not_truncated BEFORE TRUNCATE ON ledger_openings FOR EACH STATEMENT EXECUTE FUNCTION refuse_to_rewrite_the_ledger();

ALTER TABLE ONLY alerts
    ADD CONSTRAINT alerts_claim_id_fkey FOREIGN KEY (claim_id) REFERENCES claims(id);

ALTER TABLE ONLY alerts
    ADD CONSTRAINT alerts_item_id_fkey FOREIGN KEY (item_id) REFERENCES items(id);

ALTER TABLE ONLY counts
    ADD CONSTRAINT counts_item_id_fkey FOREIGN KEY (item_id) REFERENCES items(id);

ALTER TABLE ONLY item_costs
    ADD CONSTRAINT item_costs_item_id_fkey FOREIGN KEY (item_id) REFERENCES items(id);

ALTER TABLE ONLY item_days
    ADD CONSTRAINT item_days_item_id_fkey FOREIGN KEY (item_id) REFERENCES items(id);

ALTER TABLE ONLY item_sums
    ADD CONSTRAINT item_sums_item_id_fkey FOREIGN KEY (item_id) REFERENCES items(id);

ALTER TABLE ONLY ledger_openings
    ADD CONSTRAINT ledger_openings_month_fkey FOREIGN KEY (month) REFERENCES ledger_archives(month);

ALTER TABLE ONLY lots
    ADD CONSTRAINT lots_item_id_fkey FOREIGN KEY (item_id) REFERENCES items(id);

ALTER TABLE ONLY needs_told
    ADD CONSTRAINT needs_told_item_id_fkey FOREIGN KEY (item_id) REFERENCES items(id);

ALTER TABLE ONLY receipts
    ADD CONSTRAINT receipts_item_id_fkey FOREIGN KEY (item_id) REFERENCES items(id);

ALTER TABLE ONLY reservations
    ADD CONSTRAINT reservations_claim_id_fkey FOREIGN KEY (claim_id) REFERENCES claims(id);

ALTER TABLE ONLY reservations
    ADD CONSTRAINT reservations_item_id_fkey FOREIGN KEY (item_id) REFERENCES items(id);

ALTER TABLE ONLY stock
    ADD CONSTRAINT stock_item_id_fkey FOREIGN KEY (item_id) REFERENCES items(id);
