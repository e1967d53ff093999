-- What an operator should look at; one open alert of a kind and subject.

CREATE TABLE alerts (
    alert_id        uuid        PRIMARY KEY,
    kind            text        NOT NULL,
    subject_type    text        NOT NULL,
    subject_id      text        NOT NULL,
    name            text        NOT NULL,
    detail          text        NOT NULL,
    status          text        NOT NULL,
    raised_at       timestamptz NOT NULL,
    acknowledged_at timestamptz,
    acknowledged_by text,
    note            text,
    resolved_at     timestamptz,
    CONSTRAINT alert_kind_is_known CHECK (kind IN ('quality_below', 'batch_late', 'batch_failed', 'saga_stuck')),
    CONSTRAINT alert_status_is_known CHECK (status IN ('raised', 'acknowledged', 'resolved')),
    CONSTRAINT an_acknowledged_alert_tells_by_whom CHECK ((acknowledged_at IS NULL) = (acknowledged_by IS NULL)),
    CONSTRAINT a_resolved_alert_tells_when CHECK ((status = 'resolved') = (resolved_at IS NOT NULL))
);
CREATE UNIQUE INDEX one_open_alert_of_a_kind_and_subject ON alerts (subject_id, kind) WHERE status <> 'resolved';

CREATE INDEX stuck_questions ON questions (batch_id) WHERE attempts >= 2;
