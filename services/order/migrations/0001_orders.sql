-- Orders, their lines, what is asked and unanswered, what happened, and what is known of items.

CREATE TABLE orders (
    order_id                 uuid        PRIMARY KEY,
    source                   text,
    external_id              text,
    customer_id              text        NOT NULL,
    priority                 integer     NOT NULL,
    on_shortage              text        NOT NULL,
    auto_confirm             boolean     NOT NULL,
    protect_safety_stock     boolean     NOT NULL,
    requested_delivery       date,
    accepted_at              timestamptz NOT NULL,
    updated_at               timestamptz NOT NULL,
    status                   text        NOT NULL,
    confirm                  boolean     NOT NULL,
    version                  integer     NOT NULL,
    revision                 integer     NOT NULL,
    stock_status             text,
    stock_version            bigint      NOT NULL DEFAULT 0,
    stock_asked              integer     NOT NULL DEFAULT 0,
    stock_answered           integer     NOT NULL DEFAULT 0,
    reservation_expires_at   timestamptz,
    expired_at               timestamptz,
    expiry_told              boolean     NOT NULL DEFAULT false,
    confirmation_told        boolean     NOT NULL DEFAULT false,
    fulfillment_version      bigint      NOT NULL DEFAULT 0,
    fulfillment_answered     integer     NOT NULL DEFAULT 0,
    fulfillment_closed       boolean     NOT NULL DEFAULT false,
    ready_version            integer     NOT NULL DEFAULT 0,
    cancel_version           integer     NOT NULL DEFAULT 0,
    cancel_whole             boolean     NOT NULL DEFAULT false,
    cancel_reason            text        NOT NULL DEFAULT '',
    cancel_actor             text        NOT NULL DEFAULT '',
    closed_version           integer     NOT NULL DEFAULT 0,
    rejection                jsonb,
    estimated_delivery       date,
    estimated_delivery_basis text,
    CONSTRAINT an_upstream_order_exists_once UNIQUE (source, external_id),
    CONSTRAINT upstream_identity_is_whole CHECK ((source IS NULL) = (external_id IS NULL)),
    CONSTRAINT status_is_known CHECK (status IN (
        'created', 'confirmed', 'processing', 'backordered', 'partially_fulfilled', 'cancelling',
        'fulfilled', 'cancelled', 'rejected', 'expired')),
    CONSTRAINT an_accepted_order_has_a_known_policy CHECK (
        status = 'rejected' OR (on_shortage IN ('reject', 'backorder', 'partial') AND priority BETWEEN 0 AND 9)),
    CONSTRAINT no_question_is_newer_than_the_order CHECK (
        greatest(stock_asked, ready_version, cancel_version, closed_version) <= version),
    CONSTRAINT estimate_tells_its_basis CHECK ((estimated_delivery IS NULL) = (estimated_delivery_basis IS NULL))
) WITH (fillfactor = 60);
CREATE INDEX orders_of_a_customer ON orders (customer_id, order_id);

-- What is read only when a parcel or a mail is due.
CREATE TABLE order_recipients (
    order_id         uuid  PRIMARY KEY,
    shipping_address jsonb NOT NULL,
    email            text
);

CREATE TABLE order_lines (
    order_id        uuid     NOT NULL,
    line            smallint NOT NULL,
    product_id      text     NOT NULL,
    name            text     NOT NULL,
    quantity        integer  NOT NULL,
    unit_price      numeric(16, 4),
    currency        text,
    lead_days       integer  NOT NULL,
    held            bigint   NOT NULL DEFAULT 0,
    backordered     bigint   NOT NULL DEFAULT 0,
    deducted        bigint   NOT NULL DEFAULT 0,
    short           bigint   NOT NULL DEFAULT 0,
    shipped         bigint   NOT NULL DEFAULT 0,
    cancelled       bigint   NOT NULL DEFAULT 0,
    cancelled_known bigint   NOT NULL DEFAULT 0,
    cancel_asked    bigint   NOT NULL DEFAULT 0,
    target          bigint   NOT NULL DEFAULT 0,
    target_short    bigint   NOT NULL DEFAULT 0,
    expected_date   date,
    expected_basis  text,
    lots            jsonb    NOT NULL DEFAULT '[]',
    PRIMARY KEY (order_id, line),
    CONSTRAINT a_line_orders_something CHECK (quantity BETWEEN 1 AND 100000),
    CONSTRAINT a_price_has_a_currency CHECK ((unit_price IS NULL) = (currency IS NULL)),
    CONSTRAINT a_price_is_not_negative CHECK (unit_price >= 0),
    CONSTRAINT quantities_are_not_negative CHECK (
        least(held, backordered, deducted, short, shipped, cancelled, cancelled_known, cancel_asked, target, target_short) >= 0)
) WITH (fillfactor = 60);
CREATE INDEX order_lines_of_a_product ON order_lines (product_id, order_id);

CREATE TABLE order_shipments (
    shipment_id     text PRIMARY KEY,
    order_id        uuid NOT NULL,
    carrier         text,
    tracking_number text,
    shipped_at      timestamptz,
    delivered_at    timestamptz
) WITH (fillfactor = 80);
CREATE INDEX order_shipments_of_an_order ON order_shipments (order_id);

-- One row while a neighbour owes an answer; asked again from it, word by word.
CREATE TABLE questions (
    order_id        uuid        NOT NULL,
    neighbour       text        NOT NULL,
    event           text        NOT NULL,
    version         integer     NOT NULL,
    payload         text        NOT NULL,
    asked_at        timestamptz NOT NULL,
    attempts        integer     NOT NULL DEFAULT 0,
    next_attempt_at timestamptz NOT NULL,
    PRIMARY KEY (order_id, neighbour),
    CONSTRAINT neighbour_is_known CHECK (neighbour IN ('inventory', 'fulfillment'))
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000);
CREATE INDEX questions_by_next_attempt ON questions (next_attempt_at);

CREATE TABLE order_history (
    order_id     uuid        NOT NULL,
    step         bigint      GENERATED ALWAYS AS IDENTITY,
    at           timestamptz NOT NULL,
    service      text        NOT NULL,
    event        text        NOT NULL,
    event_id     uuid,
    causation_id text,
    from_status  text,
    to_status    text        NOT NULL,
    detail       text,
    PRIMARY KEY (order_id, step)
);

CREATE TABLE items (
    item_id   text    PRIMARY KEY,
    kind      text    NOT NULL,
    name      text    NOT NULL,
    active    boolean NOT NULL,
    lead_days integer NOT NULL,
    version   bigint  NOT NULL
);
