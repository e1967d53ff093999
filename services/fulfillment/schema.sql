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

CREATE TABLE fulfillments (
    order_id text NOT NULL,
    fulfillment_id uuid NOT NULL,
    version bigint DEFAULT 0 NOT NULL,
    revision bigint DEFAULT 0 NOT NULL,
    ready_version bigint DEFAULT 0 NOT NULL,
    asked_version bigint DEFAULT 0 NOT NULL,
    status text DEFAULT 'created'::text NOT NULL,
    closed boolean DEFAULT false NOT NULL,
    customer_id text,
    priority integer DEFAULT 0 NOT NULL,
    requested_delivery date,
    ship_to json,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    updated_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    accepted_at timestamp with time zone,
    to_pick bigint DEFAULT 0 NOT NULL,
    to_pack bigint DEFAULT 0 NOT NULL,
    to_ship bigint DEFAULT 0 NOT NULL,
    wave_id uuid,
    waved_at timestamp with time zone,
    CONSTRAINT a_wave_tells_when CHECK (((wave_id IS NULL) = (waved_at IS NULL))),
    CONSTRAINT cancelled_is_closed CHECK ((closed OR (status <> 'cancelled'::text))),
    CONSTRAINT status_is_known CHECK ((status = ANY (ARRAY['created'::text, 'picked'::text, 'packed'::text, 'partially_shipped'::text, 'shipped'::text, 'delivered'::text, 'cancelled'::text]))),
    CONSTRAINT units_to_do_are_not_negative CHECK ((LEAST(to_pick, to_pack, to_ship) >= 0))
)
WITH (fillfactor='80');

COMMENT ON COLUMN fulfillments.accepted_at IS 'of the order: its age; null until its first target';

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

CREATE TABLE items (
    item_id text NOT NULL,
    version bigint NOT NULL,
    name text NOT NULL
);

CREATE TABLE lines (
    order_id text NOT NULL,
    product_id text NOT NULL,
    "position" integer NOT NULL,
    name text,
    quantity bigint NOT NULL,
    wanted bigint NOT NULL,
    short_known bigint NOT NULL,
    target bigint NOT NULL,
    picked bigint NOT NULL,
    packed bigint NOT NULL,
    shipped bigint NOT NULL,
    cancelled bigint NOT NULL,
    short bigint NOT NULL,
    lots jsonb,
    CONSTRAINT packed_is_picked CHECK ((packed <= picked)),
    CONSTRAINT picked_and_shipped_within_target CHECK (((picked + shipped) <= target)),
    CONSTRAINT quantities_are_not_negative CHECK ((LEAST(quantity, wanted, short_known, packed, shipped, cancelled, short) >= 0)),
    CONSTRAINT target_and_cancelled_within_quantity CHECK (((target + cancelled) <= quantity))
)
WITH (fillfactor='80');

COMMENT ON COLUMN lines.lots IS 'told: lots to ship from; bench, gone, short: units by lot id; null: no lot is known';

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

CREATE TABLE parcels (
    order_id text NOT NULL,
    number integer NOT NULL,
    weight_grams bigint,
    contents jsonb NOT NULL,
    pack_id uuid,
    shipment_id uuid
);

CREATE TABLE picks (
    pick_id uuid NOT NULL,
    number integer NOT NULL,
    order_id text NOT NULL,
    product_id text NOT NULL,
    lot_id text,
    other_lot_reason text,
    quantity bigint NOT NULL,
    short_quantity bigint NOT NULL,
    short_reason text,
    picked_by text NOT NULL,
    picked_at timestamp with time zone NOT NULL,
    CONSTRAINT picked_units_are_counted CHECK (((LEAST(quantity, short_quantity) >= 0) AND ((quantity + short_quantity) > 0))),
    CONSTRAINT short_reason_is_known CHECK ((short_reason = ANY (ARRAY['missing'::text, 'damaged'::text, 'recalled'::text]))),
    CONSTRAINT short_units_have_a_reason CHECK (((short_quantity > 0) = (short_reason IS NOT NULL)))
);

CREATE TABLE recalled_lots (
    lot_id text NOT NULL,
    item_id text NOT NULL,
    lot_code text NOT NULL,
    reason text NOT NULL,
    recalled_at timestamp with time zone NOT NULL
);

CREATE TABLE relay (
    shard smallint NOT NULL,
    sent_through bigint DEFAULT 0 NOT NULL,
    sent_at timestamp with time zone DEFAULT '-infinity'::timestamp with time zone NOT NULL,
    gaps bigint[] DEFAULT '{}'::bigint[] NOT NULL
);

CREATE TABLE schema_migrations (
    room text NOT NULL,
    number integer NOT NULL,
    name text NOT NULL,
    checksum text NOT NULL,
    applied_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);

CREATE TABLE shipments (
    shipment_id uuid NOT NULL,
    order_id text NOT NULL,
    number integer NOT NULL,
    carrier text NOT NULL,
    tracking_number text NOT NULL,
    contents jsonb NOT NULL,
    status text NOT NULL,
    shipped_at timestamp with time zone NOT NULL,
    shipped_by text NOT NULL,
    delivered_at timestamp with time zone,
    lots jsonb DEFAULT '{}'::jsonb NOT NULL
);

COMMENT ON COLUMN shipments.contents IS 'units by product id';

COMMENT ON COLUMN shipments.status IS 'of the fulfillment right after this shipment: a repeated ship answers it again';

COMMENT ON COLUMN shipments.lots IS 'units by product id and lot id, as far as lots are known';

CREATE TABLE waves (
    wave_id uuid NOT NULL,
    order_ids text[] NOT NULL,
    made_by text NOT NULL,
    made_at timestamp with time zone NOT NULL
);

ALTER TABLE ONLY dead_letters
    ADD CONSTRAINT dead_letters_pkey PRIMARY KEY (dead_letter_id);

ALTER TABLE ONLY fulfillments
    ADD CONSTRAINT fulfillments_pkey PRIMARY KEY (order_id);

ALTER TABLE ONLY idempotency
    ADD CONSTRAINT idempotency_pkey PRIMARY KEY (sub, route, key);

ALTER TABLE ONLY inbox_foreign
    ADD CONSTRAINT inbox_foreign_pkey PRIMARY KEY (id);

ALTER TABLE ONLY inbox
    ADD CONSTRAINT inbox_pkey PRIMARY KEY (id);

ALTER TABLE ONLY items
    ADD CONSTRAINT items_pkey PRIMARY KEY (item_id);

ALTER TABLE ONLY lines
    ADD CONSTRAINT lines_pkey PRIMARY KEY (order_id, product_id);

ALTER TABLE ONLY fulfillments
    ADD CONSTRAINT one_fulfillment_per_id UNIQUE (fulfillment_id);

ALTER TABLE ONLY shipments
    ADD CONSTRAINT one_shipment_per_carrier_and_number UNIQUE (order_id, carrier, tracking_number);

ALTER TABLE ONLY outbox
    ADD CONSTRAINT outbox_pkey PRIMARY KEY (shard, seq, created_at);

ALTER TABLE ONLY parcels
    ADD CONSTRAINT parcels_pkey PRIMARY KEY (order_id, number);

ALTER TABLE ONLY picks
    ADD CONSTRAINT picks_pkey PRIMARY KEY (pick_id, number);

ALTER TABLE ONLY recalled_lots
    ADD CONSTRAINT recalled_lots_pkey PRIMARY KEY (lot_id);

ALTER TABLE ONLY relay
    ADD CONSTRAINT relay_pkey PRIMARY KEY (shard);

ALTER TABLE ONLY schema_migrations
    ADD CONSTRAINT schema_migrations_pkey PRIMARY KEY (room, number);

ALTER TABLE ONLY shipments
    ADD CONSTRAINT shipments_pkey PRIMARY KEY (shipment_id);

ALTER TABLE ONLY waves
    ADD CONSTRAINT waves_pkey PRIMARY KEY (wave_id);

CREATE INDEX dead_letters_to_copy ON dead_letters USING btree (dead_letter_id) WHERE (NOT copied);

CREATE INDEX fulfillments_by_status ON fulfillments USING btree (status, fulfillment_id DESC);

CREATE INDEX fulfillments_to_pack ON fulfillments USING btree (((- priority)), accepted_at, order_id) WHERE (to_pack > 0);

CREATE INDEX fulfillments_to_pick ON fulfillments USING btree (((- priority)), accepted_at, order_id) WHERE (to_pick > 0);

CREATE INDEX fulfillments_to_ship ON fulfillments USING btree (((- priority)), accepted_at, order_id) WHERE (to_ship > 0);

CREATE INDEX idempotency_by_age ON idempotency USING btree (created_at);

CREATE UNIQUE INDEX one_dead_letter_per_record ON dead_letters USING btree (topic, partition, "offset", digest) WHERE (state <> 'purged'::text);

CREATE INDEX picks_of_an_order ON picks USING btree (order_id);

CREATE INDEX recalled_lots_by_code ON recalled_lots USING btree (lot_code);

ALTER TABLE ONLY fulfillments
    ADD CONSTRAINT fulfillments_wave_id_fkey FOREIGN KEY (wave_id) REFERENCES waves(wave_id);

ALTER TABLE ONLY lines
    ADD CONSTRAINT lines_order_id_fkey FOREIGN KEY (order_id) REFERENCES fulfillments(order_id);

ALTER TABLE ONLY parcels
    ADD CONSTRAINT parcels_order_id_fkey FOREIGN KEY (order_id) REFERENCES fulfillments(order_id);

ALTER TABLE ONLY parcels
    ADD CONSTRAINT parcels_shipment_id_fkey FOREIGN KEY (shipment_id) REFERENCES shipments(shipment_id);

ALTER TABLE ONLY picks
    ADD CONSTRAINT picks_order_id_fkey FOREIGN KEY (order_id) REFERENCES fulfillments(order_id);

ALTER TABLE ONLY shipments
    ADD CONSTRAINT shipments_order_id_fkey FOREIGN KEY (order_id) REFERENCES fulfillments(order_id);
