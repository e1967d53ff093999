-- What every service needs to hear and to tell: inbox, outbox, relay, dead letters, idempotency keys, and their partitions.

CREATE TABLE outbox (
    shard         smallint    NOT NULL,
    seq           bigint      NOT NULL,
    id            uuid        NOT NULL,
    aggregatetype text        NOT NULL,
    aggregateid   text        NOT NULL,
    type          text        NOT NULL,
    version       bigint      NOT NULL,
    payload       text        NOT NULL,
    headers       text        NOT NULL,
    created_at    timestamptz NOT NULL,
    PRIMARY KEY (shard, seq, created_at)
) PARTITION BY RANGE (created_at);

CREATE SEQUENCE outbox_seq_0;
CREATE SEQUENCE outbox_seq_1;
CREATE SEQUENCE outbox_seq_2;
CREATE SEQUENCE outbox_seq_3;
CREATE SEQUENCE outbox_seq_4;
CREATE SEQUENCE outbox_seq_5;
CREATE SEQUENCE outbox_seq_6;
CREATE SEQUENCE outbox_seq_7;

CREATE TABLE relay (
    shard        smallint    PRIMARY KEY,
    sent_through bigint      NOT NULL DEFAULT 0,
    sent_at      timestamptz NOT NULL DEFAULT '-infinity',
    gaps         bigint[]    NOT NULL DEFAULT '{}'
);

CREATE TABLE inbox (
    id uuid PRIMARY KEY
) PARTITION BY RANGE (id);

CREATE TABLE inbox_foreign (
    id          uuid        PRIMARY KEY,
    received_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

CREATE TABLE dead_letters (
    dead_letter_id uuid        PRIMARY KEY,
    topic          text        NOT NULL,
    partition      integer     NOT NULL,
    "offset"       bigint      NOT NULL,
    key            bytea,
    value          bytea,
    headers        jsonb       NOT NULL,
    reason         text        NOT NULL,
    error          text        NOT NULL,
    attempts       integer     NOT NULL,
    state          text        NOT NULL DEFAULT 'open',
    failed_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    replayed_at    timestamptz,
    copied         boolean     NOT NULL DEFAULT false,
    digest         bytea       NOT NULL GENERATED ALWAYS AS (sha256(coalesce(key, '') || coalesce(value, ''))) STORED,
    CONSTRAINT reason_is_known CHECK (
        reason IN ('undecodable', 'invalid_headers', 'invalid_schema', 'unknown_type', 'no_data', 'handler_failed')),
    CONSTRAINT state_is_known CHECK (state IN ('open', 'replayed', 'purged'))
);
-- A broker that lost its disk counts offsets anew, so the place alone does not name a record.
CREATE UNIQUE INDEX one_dead_letter_per_record ON dead_letters (topic, partition, "offset", digest) WHERE state <> 'purged';
CREATE INDEX dead_letters_to_copy ON dead_letters (dead_letter_id) WHERE NOT copied;

CREATE TABLE idempotency (
    sub         text        NOT NULL,
    route       text        NOT NULL,
    key         text        NOT NULL,
    fingerprint bytea       NOT NULL,
    status      integer     NOT NULL,
    body        text        NOT NULL,
    headers     text        NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (sub, route, key)
);
CREATE INDEX idempotency_by_age ON idempotency (created_at);

CREATE FUNCTION make_partition(parent text, name text, lower_bound text, upper_bound text) RETURNS boolean
LANGUAGE plpgsql AS $$
BEGIN
    IF to_regclass(quote_ident(name)) IS NOT NULL THEN
        RETURN false;
    END IF;
    EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING ALL)', name, parent);
    EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', parent, name, lower_bound, upper_bound);
    RETURN true;
END $$;

CREATE FUNCTION drop_partition(parent text, name text) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('ALTER TABLE %I DETACH PARTITION %I', parent, name);
    EXECUTE format('DROP TABLE %I', name);
END $$;
