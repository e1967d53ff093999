"""The events that order publishes, built from an order as it was decided."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from services.order.domain.order import Line, Order, Policy, ShortLine
from services.order.saga import confirmable_until, target_of
from shared.contracts.order import (
    BackorderedLine,
    CancelLine,
    FieldError,
    OrderBackordered,
    OrderCancellationRequested,
    OrderCancelled,
    OrderConfirmationRequested,
    OrderConfirmed,
    OrderCreated,
    OrderExpired,
    OrderFulfilled,
    OrderLine,
    OrderReady,
    OrderRejected,
    ReadyLine,
    RejectedLine,
    ShipTo,
    ShortageLine,
)
from shared.contracts.values import Payload


@dataclass(frozen=True, slots=True)
class Context:
    """What a payload needs besides the order: the database's time, recipient, parcels, the lines as submitted."""

    now: datetime
    policy: Policy
    address: Mapping[str, Any] = field(default_factory=dict)
    email: str | None = None
    shipment_ids: tuple[str, ...] = ()
    submitted: tuple[tuple[str, int], ...] | None = None


def _head(order: Order, context: Context) -> dict[str, Any]:
    """Shape O without its lines."""
    return {
        "occurred_at": context.now,
        "order_id": order.order_id,
        "source": order.source,
        "external_id": order.external_id,
        "customer_id": order.customer_id,
        "status": order.status,
        "priority": order.priority,
        "on_shortage": order.on_shortage,
        "protect_safety_stock": order.protect_safety_stock,
        "confirm": order.confirm,
        "accepted_at": order.accepted_at,
        "requested_delivery": order.requested_delivery,
    }


def _quantities(line: Line) -> dict[str, Any]:
    return {
        "product_id": line.product_id,
        "quantity": line.quantity,
        "shipped": line.shipped,
        "cancelled": line.given_up,
    }


def _lines(order: Order) -> tuple[OrderLine, ...]:
    return tuple(OrderLine(**_quantities(line)) for line in order.lines)


def _created(order: Order, context: Context) -> Payload:
    return OrderCreated(**_head(order, context), lines=_lines(order))


def _confirmation_requested(order: Order, context: Context) -> Payload:
    return OrderConfirmationRequested(**_head(order, context), lines=_lines(order))


def _confirmed(order: Order, context: Context) -> Payload:
    return OrderConfirmed(**_head(order, context), lines=_lines(order))


def _ready(order: Order, context: Context) -> Payload:
    lines = tuple(
        ReadyLine(**_quantities(line), name=line.name, target=target_of(line), short=line.short, lots=_plain(line.lots))
        for line in order.lines
    )
    ship_to = ShipTo(address=dict(context.address), email=context.email)
    return OrderReady(**_head(order, context), ship_to=ship_to, lines=lines)


def _plain(values: Sequence[Mapping[str, Any]]) -> tuple[dict[str, Any], ...]:
    return tuple(dict(value) for value in values)


def _cancellation_requested(order: Order, context: Context) -> Payload:
    lines = tuple(CancelLine(**_quantities(line), cancel=max(line.cancel_asked, line.given_up)) for line in order.lines)
    return OrderCancellationRequested(
        **_head(order, context), cancel_reason=order.cancel_reason, whole=order.cancel_whole, lines=lines
    )


def _cancelled(order: Order, context: Context) -> Payload:
    return OrderCancelled(
        **_head(order, context),
        lines=_lines(order),
        cancel_reason=order.cancel_reason,
        actor=order.cancel_actor or "order",
        closed=order.has_ended,
    )


def _rejected(order: Order, context: Context) -> Payload:
    rejection = order.rejection
    return OrderRejected(
        **_head(order, context),
        lines=_lines_as_submitted(order, context),
        reject_reason=rejection.reason if rejection else "insufficient_stock",
        detail=rejection.detail if rejection else "",
        shortages=tuple(_shortage(line) for line in rejection.lines) if rejection else (),
        errors=tuple(FieldError(detail=error.detail, pointer=error.pointer) for error in rejection.errors)
        if rejection
        else (),
    )


def _lines_as_submitted(order: Order, context: Context) -> tuple[RejectedLine, ...]:
    if context.submitted is None:
        return tuple(RejectedLine(**_quantities(line)) for line in order.lines)
    return tuple(RejectedLine(product_id=product_id, quantity=quantity) for product_id, quantity in context.submitted)


def _shortage(line: ShortLine) -> ShortageLine:
    return ShortageLine(
        product_id=line.product_id,
        name=line.name,
        available=line.available,
        requested=line.requested,
        alternatives=_plain(line.alternatives),
        earliest_date=line.earliest_date,
        earliest_basis=line.earliest_basis,
    )


def _backordered(order: Order, context: Context) -> Payload:
    lines = tuple(
        BackorderedLine(
            **_quantities(line),
            backordered=line.backordered,
            expected_date=line.expected_date,
            expected_basis=line.expected_basis,
        )
        for line in order.lines
    )
    return OrderBackordered(**_head(order, context), lines=lines)


def _expired(order: Order, context: Context) -> Payload:
    until = confirmable_until(order, context.policy)
    return OrderExpired(**_head(order, context), lines=_lines(order), confirmable_until=until)


def _fulfilled(order: Order, context: Context) -> Payload:
    return OrderFulfilled(**_head(order, context), lines=_lines(order), shipment_ids=context.shipment_ids)


_BUILDERS: Final[Mapping[str, Callable[[Order, Context], Payload]]] = {
    "order.created": _created,
    "order.confirmation_requested": _confirmation_requested,
    "order.confirmed": _confirmed,
    "order.ready": _ready,
    "order.cancellation_requested": _cancellation_requested,
    "order.cancelled": _cancelled,
    "order.rejected": _rejected,
    "order.backordered": _backordered,
    "order.expired": _expired,
    "order.fulfilled": _fulfilled,
}


def payload_of(event: str, order: Order, context: Context) -> Payload:
    """The payload of one of order's events."""
    return _BUILDERS[event](order, context)
