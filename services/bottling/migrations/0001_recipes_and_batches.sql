-- Items as inventory tells of them, recipes and their versions, batches with their materials and inspections, open questions.

CREATE TABLE items (
    item_id text    PRIMARY KEY,
    kind    text    NOT NULL,
    name    text    NOT NULL,
    active  boolean NOT NULL,
    version bigint  NOT NULL,
    CONSTRAINT item_is_product_or_material CHECK (kind IN ('product', 'material'))
);

CREATE TABLE recipes (
    recipe_id      text    PRIMARY KEY,
    product_id     text    NOT NULL,
    newest_version integer NOT NULL,
    CONSTRAINT recipe_has_a_version CHECK (newest_version >= 1)
);
CREATE INDEX recipes_by_product ON recipes (product_id);

CREATE TABLE recipe_versions (
    recipe_id  text        NOT NULL REFERENCES recipes,
    version    integer     NOT NULL,
    product_id text        NOT NULL,
    recipe     jsonb       NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (recipe_id, version),
    CONSTRAINT recipe_has_materials CHECK (jsonb_array_length(recipe -> 'materials') > 0)
);
CREATE INDEX recipe_versions_by_age ON recipe_versions (created_at, recipe_id, version);

CREATE TABLE batches (
    batch_id               uuid        PRIMARY KEY,
    product_id             text        NOT NULL,
    recipe_id              text        NOT NULL,
    recipe_version         integer     NOT NULL,
    recipe                 jsonb       NOT NULL,
    status                 text        NOT NULL,
    materials_settled      boolean,
    asked                  text        NOT NULL,
    question_version       bigint      NOT NULL,
    answer_version         bigint,
    answer_batch_version   bigint,
    answer_status          text,
    version                bigint      NOT NULL,
    revision               bigint      NOT NULL,
    reason                 text,
    quantity_planned       integer     NOT NULL,
    quantity_produced      integer     NOT NULL,
    quantity_defective     integer     NOT NULL,
    quantity_good          integer     NOT NULL GENERATED ALWAYS AS (quantity_produced - quantity_defective) STORED,
    planned_at             timestamptz NOT NULL,
    expected_completion_at timestamptz NOT NULL,
    started_at             timestamptz,
    ended_at               timestamptz,
    lot_code               text,
    produced_on            date,
    expires_on             date,
    cost_materials         numeric,
    cost_labour            numeric,
    cost_overhead          numeric,
    cost_total             numeric,
    cost_unit              numeric,
    FOREIGN KEY (recipe_id, recipe_version) REFERENCES recipe_versions,
    CONSTRAINT batch_status_is_known CHECK (status IN (
        'planned', 'short', 'ready', 'starting', 'in_progress', 'quality_check', 'completed', 'failed', 'cancelled')),
    CONSTRAINT no_more_produced_than_planned CHECK (quantity_produced BETWEEN 0 AND quantity_planned),
    CONSTRAINT good_units_are_not_negative CHECK (quantity_defective BETWEEN 0 AND quantity_produced),
    CONSTRAINT completed_batch_has_good_units_lot_and_cost CHECK (
        status <> 'completed'
        OR (quantity_produced > quantity_defective AND num_nulls(lot_code, produced_on, ended_at, cost_unit) = 0)),
    CONSTRAINT cost_is_the_sum_of_its_parts CHECK (cost_total = cost_materials + cost_labour + cost_overhead),
    CONSTRAINT answer_is_whole CHECK (num_nulls(answer_version, answer_batch_version, answer_status) IN (0, 3)),
    CONSTRAINT question_is_one_of_the_events CHECK (question_version BETWEEN 1 AND version)
);
CREATE INDEX batches_by_status ON batches (status, batch_id);
CREATE INDEX batches_by_product ON batches (product_id, batch_id);
CREATE UNIQUE INDEX one_batch_per_lot_code ON batches (lot_code);

CREATE TABLE batch_materials (
    batch_id    uuid    NOT NULL REFERENCES batches,
    place       integer NOT NULL,
    material_id text    NOT NULL,
    name        text    NOT NULL,
    required    bigint  NOT NULL,
    consumed    bigint,
    held        bigint,
    backordered bigint,
    issued      bigint,
    returned    bigint,
    cost        numeric,
    PRIMARY KEY (batch_id, material_id),
    CONSTRAINT material_is_needed CHECK (required >= 1),
    CONSTRAINT consumption_is_not_negative CHECK (consumed >= 0)
);

CREATE TABLE inspections (
    inspection_id uuid        PRIMARY KEY,
    batch_id      uuid        NOT NULL REFERENCES batches,
    at            timestamptz NOT NULL,
    actor         text        NOT NULL,
    inspected     integer     NOT NULL,
    accepted      integer     NOT NULL,
    rejected      jsonb       NOT NULL,
    measures      jsonb       NOT NULL,
    CONSTRAINT accepted_is_part_of_inspected CHECK (accepted BETWEEN 0 AND inspected)
);
CREATE INDEX inspections_by_batch ON inspections (batch_id, inspection_id);

CREATE TABLE questions (
    batch_id        uuid        PRIMARY KEY REFERENCES batches,
    type            text        NOT NULL,
    version         bigint      NOT NULL,
    payload         text        NOT NULL,
    asked_at        timestamptz NOT NULL,
    attempts        integer     NOT NULL DEFAULT 0,
    next_attempt_at timestamptz NOT NULL
);
CREATE INDEX questions_by_due_time ON questions (next_attempt_at);
