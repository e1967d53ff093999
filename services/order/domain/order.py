"""An order as its saga sees it: what was asked for, what was asked of each neighbour, and each one's newest answer."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final, Literal

Status = Literal[
    "rejected",
    "cancelling",
    "expired",
    "fulfilled",
    "cancelled",
    "partially_fulfilled",
    "backordered",
    "processing",
    "confirmed",
    "created",
]
STATUSES: tuple[Status, ...] = (
    "created",
    "confirmed",
    "processing",
    "backordered",
    "partially_fulfilled",
    "cancelling",
    "fulfilled",
    "cancelled",
    "rejected",
    "expired",
)
OnShortage = Literal["reject", "backorder", "partial"]
ON_SHORTAGE: tuple[OnShortage, ...] = ("reject", "backorder", "partial")
HoldStatus = Literal["active", "confirmed", "rejected", "expired", "closed"]
Basis = Literal["stock", "batch", "lead_days"]
RejectReason = Literal["insufficient_stock", "unknown_product", "invalid"]
STUCK_AFTER_ATTEMPTS: Final = 2
"""A question that was asked again so often is stuck; statements on stuck ones say the same."""


@dataclass(frozen=True, slots=True)
class Policy:
    """What an installation decides about its orders; the last of `ask_again_seconds` is repeated for ever."""

    currency: str = "EUR"
    shipping_lead_days: int = 2
    late_confirm_seconds: int = 86_400
    ask_again_seconds: tuple[float, ...] = (10, 60, 300, 900)


@dataclass(frozen=True, slots=True)
class FieldError:
    """What is wrong with one field; `pointer` as in `/items/0/product_id`."""

    detail: str
    pointer: str


@dataclass(frozen=True, slots=True)
class ShortLine:
    """A line that inventory could not serve: what was available before this order, and what it asked for."""

    product_id: str
    name: str
    available: int
    requested: int
    alternatives: tuple[Mapping[str, Any], ...] = ()
    earliest_date: date | None = None
    earliest_basis: Literal["batch", "lead_days"] | None = None


@dataclass(frozen=True, slots=True)
class Rejection:
    """Why an order, or a late confirmation, was refused."""

    reason: RejectReason
    detail: str
    lines: tuple[ShortLine, ...] = ()
    errors: tuple[FieldError, ...] = ()


@dataclass(frozen=True)
class Line:
    """One product of an order.

    `held backordered deducted short` are inventory's newest words, `shipped` fulfillment's; `cancelled` = given up for
    good, in all, by whomever; `cancelled_known` = what inventory knows of that; `cancel_asked` = units that somebody
    wants to give up, in all; `target target_short` = what fulfillment was last told to ship.
    """

    line: int
    product_id: str
    name: str
    quantity: int
    lead_days: int = 0
    held: int = 0
    backordered: int = 0
    deducted: int = 0
    short: int = 0
    shipped: int = 0
    cancelled: int = 0
    cancelled_known: int = 0
    cancel_asked: int = 0
    target: int = 0
    target_short: int = 0
    expected_date: date | None = None
    expected_basis: Literal["batch", "lead_days"] | None = None
    lots: tuple[Mapping[str, Any], ...] = ()

    @property
    def given_up(self) -> int:
        """Cancelled units; a unit that left in spite of its cancel counts as shipped."""
        return max(0, min(self.cancelled, self.quantity - self.shipped))

    @property
    def open(self) -> int:
        """Units that are neither shipped nor cancelled."""
        return max(0, self.quantity - self.shipped - self.cancelled)

    @property
    def due(self) -> int:
        """Units that left and that inventory has not deducted yet."""
        return max(0, self.shipped - self.deducted)

    @property
    def held_still(self) -> int:
        """Units held that did not leave; inventory's word of the hold may be older than fulfillment's of the parcel."""
        return max(0, self.held - self.due)


@dataclass(frozen=True)
class Order:
    """One order and how far its saga is.

    A number `..._asked`, `..._answered` or `..._version` is a version of the order's own events, 0 = never; but
    `stock_version` and `fulfillment_version` are the neighbours' counters of the newest snapshot applied, 0 = none yet.
    """

    order_id: str
    customer_id: str
    accepted_at: datetime
    lines: tuple[Line, ...]
    source: str | None = None
    external_id: str | None = None
    priority: int = 0
    on_shortage: str = "reject"
    auto_confirm: bool = False
    protect_safety_stock: bool = False
    requested_delivery: date | None = None
    status: Status = "created"
    confirm: bool = False
    version: int = 0
    stock_status: HoldStatus | None = None
    stock_version: int = 0
    stock_asked: int = 0
    stock_answered: int = 0
    reservation_expires_at: datetime | None = None
    expired_at: datetime | None = None
    expiry_told: bool = False
    confirmation_told: bool = False
    fulfillment_version: int = 0
    fulfillment_answered: int = 0
    fulfillment_closed: bool = False
    ready_version: int = 0
    cancel_version: int = 0
    cancel_whole: bool = False
    cancel_reason: str = ""
    cancel_actor: str = ""
    closed_version: int = 0
    rejection: Rejection | None = None
    estimated_delivery: date | None = None
    estimated_delivery_basis: Basis | None = None

    @property
    def is_open(self) -> bool:
        """True while a unit is neither shipped nor cancelled."""
        return any(line.open for line in self.lines)

    @property
    def has_shipped(self) -> bool:
        return any(line.shipped for line in self.lines)

    @property
    def has_ended(self) -> bool:
        """At rest for good; an expired order may still be confirmed."""
        return self.status in ("fulfilled", "cancelled", "rejected")

    @property
    def inventory_owes_answer(self) -> bool:
        return self.stock_asked > self.stock_answered

    @property
    def is_cancelling(self) -> bool:
        """A cancel was asked of fulfillment and is not answered."""
        return self.cancel_version > self.fulfillment_answered and not self.fulfillment_closed

    @property
    def fulfillment_owes_answer(self) -> bool:
        return self.is_cancelling or (self.ready_version > 0 and self.fulfillment_version == 0)

    @property
    def stock_reserved(self) -> bool | None:
        """True only if every open unit is held; None while inventory has not answered."""
        if self.stock_status is None:
            return None
        return self.stock_status in ("active", "confirmed") and all(line.held >= line.open for line in self.lines)

    @property
    def stock_confirmed(self) -> bool:
        """The hold is confirmed and the order does not wait in a queue."""
        return self.stock_status == "confirmed" and self.status != "backordered"
