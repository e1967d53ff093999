"""What the services' tables say, as plain values, so that every check is a function of them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from fractions import Fraction
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Item:
    """An item's stock row."""

    item_id: str
    kind: str
    current: int
    reserved: int
    held: int
    queued: int
    version: int
    min_stock_level: int

    @property
    def available(self) -> int:
        return self.current - self.reserved - self.held


@dataclass(frozen=True, slots=True)
class LedgerRow:
    """One change of an item's levels."""

    transaction_id: str
    item_id: str
    version: int
    type: str
    quantity: int
    previous_current: int
    new_current: int
    previous_reserved: int
    new_reserved: int
    previous_held: int
    new_held: int
    reference_id: str
    at: datetime | None = None

    @property
    def before(self) -> tuple[int, int, int]:
        """Current, reserved, held before the change."""
        return self.previous_current, self.previous_reserved, self.previous_held

    @property
    def after(self) -> tuple[int, int, int]:
        """Current, reserved, held after the change."""
        return self.new_current, self.new_reserved, self.new_held


@dataclass(frozen=True, slots=True)
class Opening:
    """What the archived rows of an item and a type moved; `version` is the newest among them."""

    item_id: str
    type: str
    version: int
    current: int
    reserved: int
    held: int


@dataclass(frozen=True, slots=True)
class Claim:
    """What an order or batch claims of inventory, as a whole."""

    claim_id: str
    kind: str
    status: str
    version: int


@dataclass(frozen=True, slots=True)
class Reservation:
    """One claim and one item."""

    claim_id: str
    item_id: str
    want: int
    held: int
    backordered: int
    deducted: int
    cancelled: int
    returned: int


@dataclass(frozen=True, slots=True)
class Order:
    """An order's row."""

    order_id: str
    source: str | None
    external_id: str | None
    status: str
    on_shortage: str
    version: int
    stock_status: str | None


@dataclass(frozen=True, slots=True)
class OrderLine:
    """One product of an order, as order knows it."""

    order_id: str
    product_id: str
    quantity: int
    held: int
    backordered: int
    deducted: int
    shipped: int
    cancelled: int

    @property
    def open(self) -> int:
        """Units that are neither shipped nor given up."""
        return self.quantity - self.shipped - self.cancelled


@dataclass(frozen=True, slots=True)
class Fulfillment:
    """A fulfillment's row."""

    order_id: str
    status: str
    closed: bool
    version: int


@dataclass(frozen=True, slots=True)
class FulfillmentLine:
    """One product of a fulfillment."""

    order_id: str
    product_id: str
    target: int
    picked: int
    shipped: int
    cancelled: int


@dataclass(frozen=True, slots=True)
class Shipment:
    """A parcel that left, with its units by product."""

    shipment_id: str
    order_id: str
    contents: Mapping[str, int]
    delivered: bool


@dataclass(frozen=True, slots=True)
class Batch:
    """A batch's row."""

    batch_id: str
    product_id: str
    status: str
    produced: int
    defective: int
    good: int
    version: int


@dataclass(frozen=True, slots=True)
class Received:
    """Units that entered stock once: a batch's or a receipt's, by its natural key."""

    key: str
    item_id: str
    quantity: int


@dataclass(frozen=True, slots=True)
class Sent:
    """An outbox row that is still kept."""

    id: UUID
    type: str
    subject: str
    seq: int


@dataclass(frozen=True, slots=True)
class Mail:
    """What one service sent, heard and set aside."""

    sent: tuple[Sent, ...] = ()
    heard: frozenset[UUID] = frozenset()
    dead: frozenset[tuple[str, int, int]] = frozenset()


@dataclass(frozen=True, slots=True)
class Books:
    """All tables, read while nothing moved; `since` = when the oldest schema was made, `now` = the database's clock.

    `figures` is what the services answer: numerator and denominator by service and name.
    """

    since: datetime
    now: datetime
    items: Mapping[str, Item] = field(default_factory=dict)
    ledger: tuple[LedgerRow, ...] = ()
    openings: tuple[Opening, ...] = ()
    archived_until: datetime | None = None
    claims: Mapping[str, Claim] = field(default_factory=dict)
    reservations: tuple[Reservation, ...] = ()
    deducted_shipments: Mapping[str, str] = field(default_factory=dict)
    batches_received: tuple[Received, ...] = ()
    receipts: tuple[Received, ...] = ()
    recalled: Mapping[str, frozenset[str]] = field(default_factory=dict)
    orders: Mapping[str, Order] = field(default_factory=dict)
    order_lines: tuple[OrderLine, ...] = ()
    order_shipments: Mapping[str, str] = field(default_factory=dict)
    unanswered: tuple[tuple[str, str], ...] = ()
    fulfillments: Mapping[str, Fulfillment] = field(default_factory=dict)
    fulfillment_lines: tuple[FulfillmentLine, ...] = ()
    shipments: Mapping[str, Shipment] = field(default_factory=dict)
    batches: Mapping[str, Batch] = field(default_factory=dict)
    mail: Mapping[str, Mail] = field(default_factory=dict)
    first_promises: Mapping[str, date] = field(default_factory=dict)
    figures: Mapping[str, Mapping[str, tuple[Fraction, Fraction]]] = field(default_factory=dict)
