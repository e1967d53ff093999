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
    CONSTRAINT alert_kind_is_known CHECK ((kind = ANY (ARRAY['quality_below'::text, 'batch_late'::text, 'batch_failed'::text, 'saga_stuck'::text, 'material_recalled'::text]))),
    CONSTRAINT alert_status_is_known CHECK ((status = ANY (ARRAY['raised'::text, 'acknowledged'::text, 'resolved'::text]))),
    CONSTRAINT an_acknowledged_alert_tells_by_whom CHECK (((acknowledged_at IS NULL) = (acknowledged_by IS NULL)))
);

CREATE TABLE batch_materials (
    batch_id uuid NOT NULL,
    place integer NOT NULL,
    material_id text NOT NULL,
    name text NOT NULL,
    required bigint NOT NULL,
    consumed bigint,
    held bigint,
    backordered bigint,
    issued bigint,
    returned bigint,
    cost numeric,
    lots jsonb DEFAULT '[]'::jsonb NOT NULL,
    CONSTRAINT consumption_is_not_negative CHECK ((consumed >= 0)),
    CONSTRAINT material_is_needed CHECK ((required >= 1))
);

CREATE TABLE batches (
    batch_id uuid NOT NULL,
    product_id text NOT NULL,
    recipe_id text NOT NULL,
    recipe_version integer NOT NULL,
    recipe jsonb NOT NULL,
    status text NOT NULL,
    materials_settled boolean,
    asked text NOT NULL,
    question_version bigint NOT NULL,
    answer_version bigint,
    answer_batch_version bigint,
    answer_status text,
    version bigint NOT NULL,
    revision bigint NOT NULL,
    reason text,
    quantity_planned integer NOT NULL,
    quantity_produced integer NOT NULL,
    quantity_defective integer NOT NULL,
    quantity_good integer GENERATED ALWAYS AS ((quantity_produced - quantity_defective)) STORED NOT NULL,
    planned_at timestamp with time zone NOT NULL,
    expected_completion_at timestamp with time zone NOT NULL,
    started_at timestamp with time zone,
    ended_at timestamp with time zone,
    lot_code text,
    produced_on date,
    expires_on date,
    cost_materials numeric,
    cost_labour numeric,
    cost_overhead numeric,
    cost_total numeric,
    cost_unit numeric,
    plan_reason text DEFAULT 'manual'::text NOT NULL,
    standard_unit numeric,
    standard_total numeric,
    variance_price numeric,
    variance_usage numeric,
    variance_yield numeric,
    CONSTRAINT answer_is_whole CHECK ((num_nulls(answer_version, answer_batch_version, answer_status) = ANY (ARRAY[0, 3]))),
    CONSTRAINT batch_status_is_known CHECK ((status = ANY (ARRAY['planned'::text, 'short'::text, 'ready'::text, 'starting'::text, 'in_progress'::text, 'quality_check'::text, 'completed'::text, 'failed'::text, 'cancelled'::text]))),
    CONSTRAINT completed_batch_has_good_units_lot_and_cost CHECK (((status <> 'completed'::text) OR ((quantity_produced > quantity_defective) AND (num_nulls(lot_code, produced_on, ended_at, cost_unit) = 0)))),
    CONSTRAINT cost_is_the_sum_of_its_parts CHECK ((cost_total = ((cost_materials + cost_labour) + cost_overhead))),
    CONSTRAINT good_units_are_not_negative CHECK (((quantity_defective >= 0) AND (quantity_defective <= quantity_produced))),
    CONSTRAINT no_more_produced_than_planned CHECK (((quantity_produced >= 0) AND (quantity_produced <= quantity_planned))),
    CONSTRAINT plan_reason_is_known CHECK ((plan_reason = ANY (ARRAY['manual'::text, 'replenishment'::text]))),
    CONSTRAINT question_is_one_of_the_events CHECK (((question_version >= 1) AND (question_version <= version))),
    CONSTRAINT standard_is_whole CHECK ((num_nulls(standard_unit, standard_total, variance_price, variance_usage, variance_yield) = ANY (ARRAY[0, 5]))),
    CONSTRAINT variance_is_the_sum_of_its_causes CHECK (((cost_total - standard_total) = ((variance_price + variance_usage) + variance_yield)))
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

CREATE TABLE inspections (
    inspection_id uuid NOT NULL,
    batch_id uuid NOT NULL,
    at timestamp with time zone NOT NULL,
    actor text NOT NULL,
    inspected integer NOT NULL,
    accepted integer NOT NULL,
    rejected jsonb NOT NULL,
    measures jsonb NOT NULL,
    CONSTRAINT accepted_is_part_of_inspected CHECK (((accepted >= 0) AND (accepted <= inspected)))
);

CREATE TABLE items (
    item_id text NOT NULL,
    kind text NOT NULL,
    name text NOT NULL,
    active boolean NOT NULL,
    version bigint NOT NULL,
    CONSTRAINT item_is_product_or_material CHECK ((kind = ANY (ARRAY['product'::text, 'material'::text])))
);

CREATE TABLE needs (
    product_id text NOT NULL,
    version bigint NOT NULL,
    target bigint NOT NULL,
    batches_ended bigint,
    cause uuid NOT NULL,
    CONSTRAINT need_is_not_negative CHECK ((target >= 0))
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
    batch_id uuid NOT NULL,
    type text NOT NULL,
    version bigint NOT NULL,
    payload text NOT NULL,
    asked_at timestamp with time zone NOT NULL,
    attempts integer DEFAULT 0 NOT NULL,
    next_attempt_at timestamp with time zone NOT NULL
);

CREATE TABLE recalled_lots (
    lot_id text NOT NULL,
    item_id text NOT NULL,
    lot_code text NOT NULL,
    reason text NOT NULL,
    recalled_at timestamp with time zone NOT NULL
);

CREATE TABLE recipe_versions (
    recipe_id text NOT NULL,
    version integer NOT NULL,
    product_id text NOT NULL,
    recipe jsonb NOT NULL,
    created_at timestamp with time zone NOT NULL,
    CONSTRAINT recipe_has_materials CHECK ((jsonb_array_length((recipe -> 'materials'::text)) > 0))
);

CREATE TABLE recipes (
    recipe_id text NOT NULL,
    product_id text NOT NULL,
    newest_version integer NOT NULL,
    CONSTRAINT recipe_has_a_version CHECK ((newest_version >= 1))
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

ALTER TABLE ONLY alerts
    ADD CONSTRAINT alerts_pkey PRIMARY KEY (alert_id);

ALTER TABLE ONLY batch_materials
    ADD CONSTRAINT batch_materials_pkey PRIMARY KEY (batch_id, material_id);

ALTER TABLE ONLY batches
    ADD CONSTRAINT batches_pkey PRIMARY KEY (batch_id);

ALTER TABLE ONLY dead_letters
    ADD CONSTRAINT dead_letters_pkey PRIMARY KEY (dead_letter_id);

ALTER TABLE ONLY idempotency
    ADD CONSTRAINT idempotency_pkey PRIMARY KEY (sub, route, key);

ALTER TABLE ONLY inbox_foreign
    ADD CONSTRAINT inbox_foreign_pkey PRIMARY KEY (id);

ALTER TABLE ONLY inbox
    ADD CONSTRAINT inbox_pkey PRIMARY KEY (id);

ALTER TABLE ONLY inspections
    ADD CONSTRAINT inspections_pkey PRIMARY KEY (inspection_id);

ALTER TABLE ONLY items
    ADD CONSTRAINT items_pkey PRIMARY KEY (item_id);

ALTER TABLE ONLY needs
    ADD CONSTRAINT needs_pkey PRIMARY KEY (product_id);

ALTER TABLE ONLY outbox
    ADD CONSTRAINT outbox_pkey PRIMARY KEY (shard, seq, created_at);

ALTER TABLE ONLY questions
    ADD CONSTRAINT questions_pkey PRIMARY KEY (batch_id);

ALTER TABLE ONLY recalled_lots
    ADD CONSTRAINT recalled_lots_pkey PRIMARY KEY (lot_id);

ALTER TABLE ONLY recipe_versions
    ADD CONSTRAINT recipe_versions_pkey PRIMARY KEY (recipe_id, version);

ALTER TABLE ONLY recipes
    ADD CONSTRAINT recipes_pkey PRIMARY KEY (recipe_id);

ALTER TABLE ONLY relay
    ADD CONSTRAINT relay_pkey PRIMARY KEY (shard);

ALTER TABLE ONLY schema_migrations
    ADD CONSTRAINT schema_migrations_pkey PRIMARY KEY (room, number);

CREATE INDEX batches_by_end ON batches USING btree (ended_at) WHERE (status = ANY (ARRAY['completed'::text, 'failed'::text]));

CREATE INDEX batches_by_product ON batches USING btree (product_id, batch_id);

CREATE INDEX batches_by_status ON batches USING btree (status, batch_id);

CREATE INDEX dead_letters_to_copy ON dead_letters USING btree (dead_letter_id) WHERE (NOT copied);

CREATE INDEX ended_batches ON batches USING btree (product_id) WHERE (status = ANY (ARRAY['completed'::text, 'failed'::text, 'cancelled'::text]));

CREATE INDEX idempotency_by_age ON idempotency USING btree (created_at);

CREATE INDEX inspections_by_batch ON inspections USING btree (batch_id, inspection_id);

CREATE UNIQUE INDEX one_batch_per_lot_code ON batches USING btree (lot_code);

CREATE UNIQUE INDEX one_dead_letter_per_record ON dead_letters USING btree (topic, partition, "offset", digest) WHERE (state <> 'purged'::text);

CREATE UNIQUE INDEX one_open_alert_of_a_kind_and_subject ON alerts USING btree (subject_id, kind) WHERE (status <> 'resolved'::text);

CREATE UNIQUE INDEX one_proposal_per_product ON batches USING btree (product_id) WHERE ((plan_reason = 'replenishment'::text) AND (asked = 'plan'::text));

CREATE INDEX open_batches ON batches USING btree (product_id) WHERE (status <> ALL (ARRAY['completed'::text, 'failed'::text, 'cancelled'::text]));

CREATE INDEX open_batches_by_date ON batches USING btree (expected_completion_at, batch_id) WHERE (status <> ALL (ARRAY['completed'::text, 'failed'::text, 'cancelled'::text]));

CREATE INDEX questions_by_due_time ON questions USING btree (next_attempt_at);

CREATE INDEX recalled_lots_by_code ON recalled_lots USING btree (lot_code);

CREATE INDEX recipe_versions_by_age ON recipe_versions USING btree (created_at, recipe_id, version);

CREATE INDEX recipes_by_product ON recipes USING btree (product_id);

CREATE INDEX stuck_questions ON questions USING btree (batch_id) WHERE (attempts >= 2);

ALTER TABLE ONLY batch_materials
    ADD CONSTRAINT batch_materials_batch_id_fkey FOREIGN KEY (batch_id) REFERENCES batches(batch_id);

ALTER TABLE ONLY batches
    ADD CONSTRAINT batches_recipe_id_recipe_version_fkey FOREIGN KEY (recipe_id, recipe_version) REFERENCES recipe_versions(recipe_id, version);

ALTER TABLE ONLY inspections
    ADD CONSTRAINT inspections_batch_id_fkey FOREIGN KEY (batch_id) REFERENCES batches(batch_id);

ALTER TABLE ONLY questions
    ADD CONSTRAINT questions_batch_id_fkey FOREIGN KEY (batch_id) REFERENCES batches(batch_id);

ALTER TABLE ONLY recipe_versions
    ADD CONSTRAINT recipe_versions_recipe_id_fkey FOREIGN KEY (recipe_id) REFERENCES recipes(recipe_id);
