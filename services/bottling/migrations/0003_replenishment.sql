-- What inventory says that products need, and the batches that were planned for it.

CREATE TABLE needs (
    product_id    text    PRIMARY KEY,
    version       bigint  NOT NULL,
    target        bigint  NOT NULL,
    batches_ended bigint,
    cause         uuid    NOT NULL,
    CONSTRAINT need_is_not_negative CHECK (target >= 0)
);

ALTER TABLE batches
    ADD COLUMN plan_reason text NOT NULL DEFAULT 'manual',
    ADD CONSTRAINT plan_reason_is_known CHECK (plan_reason IN ('manual', 'replenishment'));

-- A proposal is a batch that was planned for a need and may still grow, for nobody has asked for its start.
CREATE UNIQUE INDEX one_proposal_per_product ON batches (product_id)
    WHERE plan_reason = 'replenishment' AND asked = 'plan';

CREATE INDEX open_batches ON batches (product_id) WHERE status NOT IN ('completed', 'failed', 'cancelled');
CREATE INDEX ended_batches ON batches (product_id) WHERE status IN ('completed', 'failed', 'cancelled');
