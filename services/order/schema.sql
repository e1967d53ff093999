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

CREATE TABLE alerts (
    alert_id uuid NOT NULL,
    kind text NOT NULL,
    subject_type text NOT NULL,
    subject_id text NOT NULL,
    name text NOT NULL,
    detail text NOT NULL,
    status text NOT NULL,
    raised_at timestamp with time zone NOT NULL,
    acknowledged_at timestamp with time zone,
    acknowledged_by text,
    note text,
    resolved_at timestamp with time zone,
    CONSTRAINT a_resolved_alert_tells_when CHECK (((status = 'resolved'::text) = (resolved_at IS NOT NULL))),
    CONSTRAINT alert_kind_is_known CHECK ((kind = ANY (ARRAY['saga_stuck'::text, 'promise_missed'::text]))),
    CONSTRAINT alert_status_is_known CHECK ((status = ANY (ARRAY['raised'::text, 'acknowledged'::text, 'resolved'::text]))),
    CONSTRAINT an_acknowledged_alert_tells_by_whom CHECK (((acknowledged_at IS NULL) = (acknowledged_by IS NULL)))
);

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

CREATE TABLE demand_days (
    product_id text NOT NULL,
    day date NOT NULL,
    ordered bigint NOT NULL,
    orders bigint NOT NULL,
    CONSTRAINT demand_is_not_negative CHECK ((LEAST(ordered, orders) >= 0))
)
WITH (fillfactor='70');

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
    kind text NOT NULL,
    name text NOT NULL,
    active boolean NOT NULL,
    lead_days integer NOT NULL,
    version bigint NOT NULL
);

CREATE TABLE mails (
    mail_id bigint NOT NULL,
    order_id uuid NOT NULL,
    kind text NOT NULL,
    n integer NOT NULL,
    facts jsonb,
    state text DEFAULT 'waiting'::text NOT NULL,
    attempts integer DEFAULT 0 NOT NULL,
    refusals integer DEFAULT 0 NOT NULL,
    made_at timestamp with time zone NOT NULL,
    next_attempt_at timestamp with time zone NOT NULL,
    ended_at timestamp with time zone,
    last_error text,
    CONSTRAINT a_mail_that_waits_has_not_ended CHECK (((state = 'waiting'::text) = (ended_at IS NULL))),
    CONSTRAINT mail_kind_is_known CHECK ((kind = ANY (ARRAY['confirmed'::text, 'shortage'::text, 'backordered'::text, 'expired'::text, 'shipped'::text, 'cancelled'::text]))),
    CONSTRAINT mail_state_is_known CHECK ((state = ANY (ARRAY['waiting'::text, 'sent'::text, 'dead'::text]))),
    CONSTRAINT mails_are_numbered_from_one CHECK ((n >= 1)),
    CONSTRAINT what_was_sent_is_not_kept CHECK (((state = 'sent'::text) = (facts IS NULL)))
)
WITH (fillfactor='70', autovacuum_vacuum_scale_factor='0.02', autovacuum_vacuum_threshold='1000');

ALTER TABLE mails ALTER COLUMN mail_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME mails_mail_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE order_days (
    day date NOT NULL,
    orders bigint NOT NULL,
    shipped bigint NOT NULL,
    released bigint NOT NULL,
    expired bigint NOT NULL,
    due bigint NOT NULL,
    due_left_on_time bigint NOT NULL,
    due_open bigint NOT NULL,
    arrived bigint NOT NULL,
    arrived_due bigint NOT NULL,
    arrived_on_time bigint NOT NULL,
    arrived_seconds bigint NOT NULL,
    CONSTRAINT no_day_has_less_than_nothing CHECK ((LEAST(orders, shipped, released, expired, due, due_left_on_time, due_open, arrived, arrived_due, arrived_on_time, arrived_seconds) >= 0))
)
WITH (fillfactor='50');

CREATE TABLE order_figures (
    order_id uuid NOT NULL,
    accepted_on date NOT NULL,
    demanded boolean NOT NULL,
    shipped bigint NOT NULL,
    released bigint NOT NULL,
    expired bigint NOT NULL,
    due_on date,
    left_on_time boolean,
    is_open boolean,
    arrived_on date,
    arrived_on_time boolean,
    arrived_seconds bigint,
    CONSTRAINT what_arrived_took_its_time CHECK (((arrived_on IS NULL) = (arrived_seconds IS NULL))),
    CONSTRAINT what_is_due_is_open_or_has_left CHECK ((num_nulls(due_on, left_on_time, is_open) = ANY (ARRAY[0, 3]))),
    CONSTRAINT what_is_open_has_not_left CHECK ((NOT (left_on_time AND is_open)))
)
WITH (fillfactor='80');

CREATE TABLE order_history (
    order_id uuid NOT NULL,
    step bigint NOT NULL,
    at timestamp with time zone NOT NULL,
    service text NOT NULL,
    event text NOT NULL,
    event_id uuid,
    causation_id text,
    from_status text,
    to_status text NOT NULL,
    detail text
);

ALTER TABLE order_history ALTER COLUMN step ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME order_history_step_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE order_lines (
    order_id uuid NOT NULL,
    line smallint NOT NULL,
    product_id text NOT NULL,
    name text NOT NULL,
    quantity integer NOT NULL,
    unit_price numeric(16,4),
    currency text,
    lead_days integer NOT NULL,
    held bigint DEFAULT 0 NOT NULL,
    backordered bigint DEFAULT 0 NOT NULL,
    deducted bigint DEFAULT 0 NOT NULL,
    short bigint DEFAULT 0 NOT NULL,
    shipped bigint DEFAULT 0 NOT NULL,
    cancelled bigint DEFAULT 0 NOT NULL,
    cancelled_known bigint DEFAULT 0 NOT NULL,
    cancel_asked bigint DEFAULT 0 NOT NULL,
    target bigint DEFAULT 0 NOT NULL,
    target_short bigint DEFAULT 0 NOT NULL,
    expected_date date,
    expected_basis text,
    lots jsonb DEFAULT '[]'::jsonb NOT NULL,
    CONSTRAINT a_line_orders_something CHECK (((quantity >= 1) AND (quantity <= 100000))),
    CONSTRAINT a_price_has_a_currency CHECK (((unit_price IS NULL) = (currency IS NULL))),
    CONSTRAINT a_price_is_not_negative CHECK ((unit_price >= (0)::numeric)),
    CONSTRAINT quantities_are_not_negative CHECK ((LEAST(held, backordered, deducted, short, shipped, cancelled, cancelled_known, cancel_asked, target, target_short) >= 0))
)
WITH (fillfactor='60');

CREATE TABLE order_promises (
    order_id uuid NOT NULL,
    number integer NOT NULL,
    made_at timestamp with time zone NOT NULL,
    promised_on date NOT NULL,
    basis text NOT NULL,
    cause text NOT NULL,
    open boolean NOT NULL,
    CONSTRAINT basis_is_known CHECK ((basis = ANY (ARRAY['stock'::text, 'batch'::text, 'lead_days'::text]))),
    CONSTRAINT promises_are_numbered_from_one CHECK ((number >= 1))
);

CREATE TABLE order_recipients (
    order_id uuid NOT NULL,
    shipping_address jsonb NOT NULL,
    email text
);

CREATE TABLE order_shipments (
    shipment_id text NOT NULL,
    order_id uuid NOT NULL,
    carrier text,
    tracking_number text,
    shipped_at timestamp with time zone,
    delivered_at timestamp with time zone
)
WITH (fillfactor='80');

CREATE TABLE orders (
    order_id uuid NOT NULL,
    source text,
    external_id text,
    customer_id text NOT NULL,
    priority integer NOT NULL,
    on_shortage text NOT NULL,
    auto_confirm boolean NOT NULL,
    protect_safety_stock boolean NOT NULL,
    requested_delivery date,
    accepted_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    status text NOT NULL,
    confirm boolean NOT NULL,
    version integer NOT NULL,
    revision integer NOT NULL,
    stock_status text,
    stock_version bigint DEFAULT 0 NOT NULL,
    stock_asked integer DEFAULT 0 NOT NULL,
    stock_answered integer DEFAULT 0 NOT NULL,
    reservation_expires_at timestamp with time zone,
    expired_at timestamp with time zone,
    expiry_told boolean DEFAULT false NOT NULL,
    confirmation_told boolean DEFAULT false NOT NULL,
    fulfillment_version bigint DEFAULT 0 NOT NULL,
    fulfillment_answered integer DEFAULT 0 NOT NULL,
    fulfillment_closed boolean DEFAULT false NOT NULL,
    ready_version integer DEFAULT 0 NOT NULL,
    cancel_version integer DEFAULT 0 NOT NULL,
    cancel_whole boolean DEFAULT false NOT NULL,
    cancel_reason text DEFAULT ''::text NOT NULL,
    cancel_actor text DEFAULT ''::text NOT NULL,
    closed_version integer DEFAULT 0 NOT NULL,
    rejection jsonb,
    estimated_delivery date,
    estimated_delivery_basis text,
    CONSTRAINT an_accepted_order_has_a_known_policy CHECK (((status = 'rejected'::text) OR ((on_shortage = ANY (ARRAY['reject'::text, 'backorder'::text, 'partial'::text])) AND ((priority >= 0) AND (priority <= 9))))),
    CONSTRAINT estimate_tells_its_basis CHECK (((estimated_delivery IS NULL) = (estimated_delivery_basis IS NULL))),
    CONSTRAINT no_question_is_newer_than_the_order CHECK ((GREATEST(stock_asked, ready_version, cancel_version, closed_version) <= version)),
    CONSTRAINT status_is_known CHECK ((status = ANY (ARRAY['created'::text, 'confirmed'::text, 'processing'::text, 'backordered'::text, 'partially_fulfilled'::text, 'cancelling'::text, 'fulfilled'::text, 'cancelled'::text, 'rejected'::text, 'expired'::text]))),
    CONSTRAINT upstream_identity_is_whole CHECK (((source IS NULL) = (external_id IS NULL)))
)
WITH (fillfactor='60');

CREATE TABLE orders_touched (
    place bigint NOT NULL,
    touched_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    order_ids uuid[] NOT NULL
)
WITH (autovacuum_vacuum_scale_factor='0.02', autovacuum_vacuum_threshold='1000');

ALTER TABLE orders_touched ALTER COLUMN place ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME orders_touched_place_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
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

CREATE TABLE questions (
    order_id uuid NOT NULL,
    neighbour text NOT NULL,
    event text NOT NULL,
    version integer NOT NULL,
    payload text NOT NULL,
    asked_at timestamp with time zone NOT NULL,
    attempts integer DEFAULT 0 NOT NULL,
    next_attempt_at timestamp with time zone NOT NULL,
    CONSTRAINT neighbour_is_known CHECK ((neighbour = ANY (ARRAY['inventory'::text, 'fulfillment'::text])))
)
WITH (fillfactor='70', autovacuum_vacuum_scale_factor='0.02', autovacuum_vacuum_threshold='1000');

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

ALTER TABLE ONLY mails
    ADD CONSTRAINT a_mail_of_an_order_is_numbered_once UNIQUE (order_id, kind, n);

ALTER TABLE ONLY alerts
    ADD CONSTRAINT alerts_pkey PRIMARY KEY (alert_id);

ALTER TABLE ONLY orders
    ADD CONSTRAINT an_upstream_order_exists_once UNIQUE (external_id, source);

ALTER TABLE ONLY dead_letters
    ADD CONSTRAINT dead_letters_pkey PRIMARY KEY (dead_letter_id);

ALTER TABLE ONLY demand_days
    ADD CONSTRAINT demand_days_pkey PRIMARY KEY (product_id, day);

ALTER TABLE ONLY idempotency
    ADD CONSTRAINT idempotency_pkey PRIMARY KEY (sub, route, key);

ALTER TABLE ONLY inbox_foreign
    ADD CONSTRAINT inbox_foreign_pkey PRIMARY KEY (id);

ALTER TABLE ONLY inbox
    ADD CONSTRAINT inbox_pkey PRIMARY KEY (id);

ALTER TABLE ONLY items
    ADD CONSTRAINT items_pkey PRIMARY KEY (item_id);

ALTER TABLE ONLY mails
    ADD CONSTRAINT mails_pkey PRIMARY KEY (mail_id);

ALTER TABLE ONLY order_days
    ADD CONSTRAINT order_days_pkey PRIMARY KEY (day);

ALTER TABLE ONLY order_figures
    ADD CONSTRAINT order_figures_pkey PRIMARY KEY (order_id);

ALTER TABLE ONLY order_history
    ADD CONSTRAINT order_history_pkey PRIMARY KEY (order_id, step);

ALTER TABLE ONLY order_lines
    ADD CONSTRAINT order_lines_pkey PRIMARY KEY (order_id, line);

ALTER TABLE ONLY order_promises
    ADD CONSTRAINT order_promises_pkey PRIMARY KEY (order_id, number);

ALTER TABLE ONLY order_recipients
    ADD CONSTRAINT order_recipients_pkey PRIMARY KEY (order_id);

ALTER TABLE ONLY order_shipments
    ADD CONSTRAINT order_shipments_pkey PRIMARY KEY (shipment_id);

ALTER TABLE ONLY orders
    ADD CONSTRAINT orders_pkey PRIMARY KEY (order_id);

ALTER TABLE ONLY orders_touched
    ADD CONSTRAINT orders_touched_pkey PRIMARY KEY (place);

ALTER TABLE ONLY outbox
    ADD CONSTRAINT outbox_pkey PRIMARY KEY (shard, seq, created_at);

ALTER TABLE ONLY questions
    ADD CONSTRAINT questions_pkey PRIMARY KEY (order_id, neighbour);

ALTER TABLE ONLY relay
    ADD CONSTRAINT relay_pkey PRIMARY KEY (shard);

ALTER TABLE ONLY schema_migrations
    ADD CONSTRAINT schema_migrations_pkey PRIMARY KEY (room, number);

CREATE INDEX dead_letters_to_copy ON dead_letters USING btree (dead_letter_id) WHERE (NOT copied);

CREATE INDEX dead_mails ON mails USING btree (mail_id) WHERE (state = 'dead'::text);

CREATE INDEX demand_of_a_day ON demand_days USING btree (day, product_id);

CREATE INDEX idempotency_by_age ON idempotency USING btree (created_at);

CREATE UNIQUE INDEX one_dead_letter_per_record ON dead_letters USING btree (topic, partition, "offset", digest) WHERE (state <> 'purged'::text);

CREATE UNIQUE INDEX one_open_alert_of_a_kind_and_subject ON alerts USING btree (subject_id, kind) WHERE (status <> 'resolved'::text);

CREATE UNIQUE INDEX one_open_promise_per_order ON order_promises USING btree (order_id) WHERE open;

CREATE INDEX open_promises_by_day ON order_promises USING btree (promised_on, order_id) WHERE open;

CREATE UNIQUE INDEX order_history_by_step ON order_history USING btree (step);

CREATE INDEX order_lines_of_a_product ON order_lines USING btree (product_id, order_id);

CREATE INDEX order_shipments_of_an_order ON order_shipments USING btree (order_id);

CREATE INDEX orders_by_acceptance ON orders USING btree (accepted_at, order_id);

CREATE INDEX orders_not_fulfilled_by_status ON orders USING btree (status, order_id) WHERE (status <> 'fulfilled'::text);

CREATE INDEX orders_of_a_customer ON orders USING btree (customer_id, order_id);

CREATE INDEX orders_of_a_source ON orders USING btree (source, order_id);

CREATE INDEX questions_by_next_attempt ON questions USING btree (next_attempt_at);

CREATE INDEX stuck_questions ON questions USING btree (order_id) WHERE (attempts >= 2);

CREATE INDEX waiting_mails ON mails USING btree (next_attempt_at, mail_id) WHERE (state = 'waiting'::text);

ALTER TABLE ONLY mails
    ADD CONSTRAINT mails_order_id_fkey FOREIGN KEY (order_id) REFERENCES orders(order_id);

ALTER TABLE ONLY order_promises
    ADD CONSTRAINT order_promises_order_id_fkey FOREIGN KEY (order_id) REFERENCES orders(order_id);
