-- What customers are told by mail: written with what decided it, sent by a job, kept without its facts once it is sent.
-- While a mail is in somebody's hands `next_attempt_at` is the end of that lease.
CREATE TABLE mails (
    mail_id         bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    order_id        uuid        NOT NULL REFERENCES orders (order_id),
    kind            text        NOT NULL,
    n               integer     NOT NULL,
    facts           jsonb,
    state           text        NOT NULL DEFAULT 'waiting',
    attempts        integer     NOT NULL DEFAULT 0,
    refusals        integer     NOT NULL DEFAULT 0,
    made_at         timestamptz NOT NULL,
    next_attempt_at timestamptz NOT NULL,
    ended_at        timestamptz,
    last_error      text,
    CONSTRAINT a_mail_of_an_order_is_numbered_once UNIQUE (order_id, kind, n),
    CONSTRAINT mails_are_numbered_from_one CHECK (n >= 1),
    CONSTRAINT mail_kind_is_known CHECK (
        kind IN ('confirmed', 'shortage', 'backordered', 'expired', 'shipped', 'cancelled')),
    CONSTRAINT mail_state_is_known CHECK (state IN ('waiting', 'sent', 'dead')),
    CONSTRAINT what_was_sent_is_not_kept CHECK ((state = 'sent') = (facts IS NULL)),
    CONSTRAINT a_mail_that_waits_has_not_ended CHECK ((state = 'waiting') = (ended_at IS NULL))
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000);
CREATE INDEX waiting_mails ON mails (next_attempt_at, mail_id) WHERE state = 'waiting';
CREATE INDEX dead_mails ON mails (mail_id) WHERE state = 'dead';
