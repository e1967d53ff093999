-- One fulfillment per order: what is to ship by line, what stands on the bench in which parcel, and what has left.

CREATE TABLE fulfillments (
    order_id           text        PRIMARY KEY,
    fulfillment_id     uuid        NOT NULL,
    version            bigint      NOT NULL DEFAULT 0,
    revision           bigint      NOT NULL DEFAULT 0,
    ready_version      bigint      NOT NULL DEFAULT 0,
    asked_version      bigint      NOT NULL DEFAULT 0,
    status             text        NOT NULL DEFAULT 'created',
    closed             boolean     NOT NULL DEFAULT false,
    customer_id        text,
    priority           integer     NOT NULL DEFAULT 0,
    requested_delivery date,
    ship_to            json,
    created_at         timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated_at         timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT one_fulfillment_per_id UNIQUE (fulfillment_id),
    CONSTRAINT status_is_known CHECK (
        status IN ('created', 'picked', 'packed', 'partially_shipped', 'shipped', 'delivered', 'cancelled')
    ),
    CONSTRAINT cancelled_is_closed CHECK (closed OR status <> 'cancelled')
) WITH (fillfactor = 80);

CREATE INDEX fulfillments_by_status ON fulfillments (status, fulfillment_id DESC);
CREATE TABLE lines (
    order_id    text    NOT NULL REFERENCES fulfillments,
    product_id  text    NOT NULL,
    position    integer NOT NULL,
    name        text,
    quantity    bigint  NOT NULL,
    wanted      bigint  NOT NULL,
    short_known bigint  NOT NULL,
    target      bigint  NOT NULL,
    picked      bigint  NOT NULL,
    packed      bigint  NOT NULL,
    shipped     bigint  NOT NULL,
    cancelled   bigint  NOT NULL,
    short       bigint  NOT NULL,
    PRIMARY KEY (order_id, product_id),
    CONSTRAINT quantities_are_not_negative CHECK (
        least(quantity, wanted, short_known, packed, shipped, cancelled, short) >= 0
    ),
    CONSTRAINT picked_and_shipped_within_target CHECK (picked + shipped <= target),
    CONSTRAINT target_and_cancelled_within_quantity CHECK (target + cancelled <= quantity),
    CONSTRAINT packed_is_picked CHECK (packed <= picked)
) WITH (fillfactor = 80);

CREATE TABLE shipments (
    shipment_id     uuid        PRIMARY KEY,
    order_id        text        NOT NULL REFERENCES fulfillments,
    number          integer     NOT NULL,
    carrier         text        NOT NULL,
    tracking_number text        NOT NULL,
    contents        jsonb       NOT NULL,
    status          text        NOT NULL,
    shipped_at      timestamptz NOT NULL,
    shipped_by      text        NOT NULL,
    delivered_at    timestamptz,
    CONSTRAINT one_shipment_per_carrier_and_number UNIQUE (order_id, carrier, tracking_number)
);

COMMENT ON COLUMN shipments.contents IS 'units by product id';
COMMENT ON COLUMN shipments.status IS 'of the fulfillment right after this shipment: a repeated ship answers it again';

CREATE TABLE parcels (
    order_id     text    NOT NULL REFERENCES fulfillments,
    number       integer NOT NULL,
    weight_grams bigint,
    contents     jsonb   NOT NULL,
    pack_id      uuid,
    shipment_id  uuid    REFERENCES shipments,
    PRIMARY KEY (order_id, number)
);

-- Who put what on the bench, and what was missing. A pick that reported units short is the short pick of its event.
CREATE TABLE picks (
    pick_id          uuid        NOT NULL,
    number           integer     NOT NULL,
    order_id         text        NOT NULL REFERENCES fulfillments,
    product_id       text        NOT NULL,
    lot_id           text,
    other_lot_reason text,
    quantity         bigint      NOT NULL,
    short_quantity   bigint      NOT NULL,
    short_reason     text,
    picked_by        text        NOT NULL,
    picked_at        timestamptz NOT NULL,
    PRIMARY KEY (pick_id, number),
    CONSTRAINT picked_units_are_counted CHECK (least(quantity, short_quantity) >= 0 AND quantity + short_quantity > 0),
    CONSTRAINT short_units_have_a_reason CHECK ((short_quantity > 0) = (short_reason IS NOT NULL)),
    CONSTRAINT short_reason_is_known CHECK (short_reason IN ('missing', 'damaged', 'recalled'))
);

CREATE INDEX picks_of_an_order ON picks (order_id);

CREATE TABLE items (
    item_id text   PRIMARY KEY,
    version bigint NOT NULL,
    name    text   NOT NULL
);
