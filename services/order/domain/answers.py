"""What neighbours say of an order, as whole snapshots: the newest of each is kept, an older one changes nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final, Literal

from services.order.domain.copies import replace
from services.order.domain.order import HoldStatus, Line, Order, Rejection, ShortLine

DETAIL: Final = "Insufficient stock for {name}. Available: {available}, Requested: {requested}"
UNKNOWN: Final = "Unknown product: {products}"


@dataclass(frozen=True, slots=True)
class StockLine:
    """One product of a hold; `shortage` says why it is short, `expected_...` when its queued units can be had."""

    product_id: str
    name: str
    held: int = 0
    backordered: int = 0
    deducted: int = 0
    cancelled: int = 0
    short: int = 0
    lots: tuple[Mapping[str, Any], ...] = ()
    shortage: ShortLine | None = None

    @property
    def expected_date(self) -> date | None:
        return self.shortage.earliest_date if self.shortage else None

    @property
    def expected_basis(self) -> Literal["batch", "lead_days"] | None:
        return self.shortage.earliest_basis if self.shortage else None


@dataclass(frozen=True, slots=True)
class StockAnswer:
    """The whole state of an order's hold; `order_version` = the newest question that inventory took into account."""

    version: int
    order_version: int
    status: HoldStatus
    reason: str
    at: datetime
    expires_at: datetime | None = None
    lines: tuple[StockLine, ...] = ()


@dataclass(frozen=True, slots=True)
class FulfillmentLine:
    """One product of a fulfillment: units that left, and units given up."""

    product_id: str
    shipped: int = 0
    cancelled: int = 0


@dataclass(frozen=True, slots=True)
class FulfillmentAnswer:
    """The whole state of an order's fulfillment; `closed`: nothing more will ship."""

    version: int
    order_version: int
    closed: bool = False
    lines: tuple[FulfillmentLine, ...] = ()


Answer = StockAnswer | FulfillmentAnswer


def apply(order: Order, answer: Answer) -> Order:
    """The order with a neighbour's snapshot; unchanged by one that is not newer than what is known."""
    if isinstance(answer, StockAnswer):
        return _apply_stock(order, answer) if answer.version > order.stock_version else order
    return _apply_fulfillment(order, answer) if answer.version > order.fulfillment_version else order


def _apply_stock(order: Order, answer: StockAnswer) -> Order:
    told = {line.product_id: line for line in answer.lines}
    counts = answer.status not in ("expired", "rejected")
    expired_now = answer.status == "expired" and order.stock_status != "expired"
    return replace(
        order,
        lines=tuple(_with_stock(line, told.get(line.product_id), counts) for line in order.lines),
        stock_status=answer.status,
        stock_version=answer.version,
        stock_answered=max(order.stock_answered, answer.order_version),
        reservation_expires_at=answer.expires_at,
        expired_at=answer.at if expired_now else order.expired_at,
        rejection=_rejection(order, answer),
    )


def _with_stock(line: Line, told: StockLine | None, counts_cancelled: bool) -> Line:
    """What lapsed or was refused is not cancelled, whatever the row's sum needs."""
    if told is None:
        return line
    cancelled = told.cancelled if counts_cancelled else 0
    return replace(
        line,
        held=told.held,
        backordered=told.backordered,
        deducted=told.deducted,
        short=told.short,
        cancelled=max(line.cancelled, cancelled),
        cancelled_known=max(line.cancelled_known, cancelled),
        expected_date=told.expected_date if told.backordered else None,
        expected_basis=told.expected_basis if told.backordered else None,
        lots=told.lots,
    )


def _rejection(order: Order, answer: StockAnswer) -> Rejection | None:
    if answer.status in ("active", "confirmed"):
        return None
    short = _short_lines(order, answer.lines)
    if order.has_ended or not (short or answer.status == "rejected"):
        return order.rejection
    if answer.reason == "unknown_product":
        products = ", ".join(line.product_id for line in short)
        return Rejection("unknown_product", UNKNOWN.format(products=products), short)
    return Rejection("insufficient_stock", detail_of(short), short)


def _short_lines(order: Order, lines: Sequence[StockLine]) -> tuple[ShortLine, ...]:
    """The short lines in the order of the request."""
    told = {line.product_id: line for line in lines}
    found = (told.get(line.product_id) for line in order.lines)
    return tuple(line.shortage for line in found if line is not None and line.shortage is not None)


def detail_of(short: Sequence[ShortLine]) -> str:
    """The sentence for the first short line."""
    if not short:
        return "Insufficient stock"
    first = short[0]
    return DETAIL.format(name=first.name, available=first.available, requested=first.requested)


def _apply_fulfillment(order: Order, answer: FulfillmentAnswer) -> Order:
    told = {line.product_id: line for line in answer.lines}
    closed = order.fulfillment_closed or answer.closed
    return replace(
        order,
        lines=tuple(_with_fulfillment(line, told.get(line.product_id), closed) for line in order.lines),
        fulfillment_version=answer.version,
        fulfillment_answered=max(order.fulfillment_answered, answer.order_version),
        fulfillment_closed=closed,
    )


def _with_fulfillment(line: Line, told: FulfillmentLine | None, closed: bool) -> Line:
    shipped = max(line.shipped, told.shipped if told else 0)
    given_up = line.quantity - shipped if closed else (told.cancelled if told else 0)
    cancelled = max(line.cancelled, given_up)
    unchanged = (shipped, cancelled) == (line.shipped, line.cancelled)
    return line if unchanged else replace(line, shipped=shipped, cancelled=cancelled)
