"""Answers of order's routes, made from what an operation or a view found."""

from collections.abc import Sequence
from typing import Any, Final

from services.order.domain.commands import Command, allowed_in
from services.order.domain.order import FieldError, Order
from services.order.saga import cancelled_of
from services.order.views.orders import short_lines
from shared.runtime.answers import Answer
from shared.runtime.problems import invalid, problem

ORDERS: Final = "/api/orders"
NO_ORDER: Final = "there is no order with this id"


def location(order_id: str) -> dict[str, str]:
    """Where the order is."""
    return {"Location": f"{ORDERS}/{order_id}"}


def pending(body: dict[str, Any]) -> Answer:
    """202: what is not known yet is null."""
    return Answer(202, body, {**location(body["order_id"]), "Retry-After": "1"})


def invalid_fields(errors: Sequence[FieldError]) -> Answer:
    """422 with a pointer to each wrong field."""
    first = errors[0]
    return invalid(f"{first.pointer}: {first.detail}", *((error.detail, error.pointer) for error in errors))


def unknown_order() -> Answer:
    """404, also for another customer's order."""
    return problem("not-found", NO_ORDER)


def illegal(order: Order, command: Command) -> Answer:
    """409: the table of commands does not know the pair."""
    detail = f"an order that is {order.status} cannot be {'confirmed' if command == 'confirm' else 'cancelled'}"
    told: dict[str, Any] = {"from": order.status, "action": command, "allowed": list(allowed_in(order.status))}
    return problem("illegal-transition", detail, **told)


def rejected(order: Order) -> Answer:
    """409: inventory refused the order."""
    rejection = order.rejection
    if rejection is not None and rejection.reason == "unknown_product":
        products = [line.product_id for line in rejection.lines]
        return problem(
            "unknown-product", rejection.detail, order_id=order.order_id, status="rejected", product_ids=products
        )
    detail = rejection.detail if rejection is not None else "Insufficient stock"
    return problem("out-of-stock", detail, order_id=order.order_id, status="rejected", lines=short_lines(rejection))


def lapsed(order: Order) -> Answer:
    """409: the hold lapsed and could not be taken again."""
    return problem(
        "reservation-expired",
        "the reservation has expired and could not be taken again",
        order_id=order.order_id,
        status="expired",
        lines=short_lines(order.rejection),
    )


def placed(order: Order) -> Answer:
    """The answer to a new order; 202 while inventory has not answered."""
    if order.status == "rejected":
        return rejected(order)
    body = {
        "success": True,
        "order_id": order.order_id,
        "status": order.status,
        "stock_reserved": order.stock_reserved,
        "estimated_delivery": order.estimated_delivery,
        "estimated_delivery_basis": order.estimated_delivery_basis,
    }
    return Answer(201, body, location(order.order_id)) if is_placed(order) else pending(body)


def is_placed(order: Order) -> bool:
    """Inventory answered, or the order ended without it."""
    return order.stock_status is not None or order.has_ended


def present_confirmation(order: Order) -> Answer:
    """The present state answers a repeated confirmation."""
    confirmed = order.status != "backordered"
    body = {"success": True, "order_id": order.order_id, "status": order.status, "stock_confirmed": confirmed}
    return Answer(200, body)


def confirmed(order: Order) -> Answer:
    """The answer to a confirmation that was asked of inventory; 202 while it is open."""
    if order.status == "rejected":
        return rejected(order)
    if order.status in ("cancelled", "cancelling"):
        return illegal(order, "confirm")
    if not is_confirmed(order):
        return unconfirmed(order)
    if order.status == "expired":
        return lapsed(order)
    if order.status == "backordered":
        return present_confirmation(order)
    return Answer(200, {"success": True, "order_id": order.order_id, "status": "confirmed", "stock_confirmed": True})


def unconfirmed(order: Order) -> Answer:
    """202: inventory was asked."""
    return pending({"success": None, "order_id": order.order_id, "status": order.status, "stock_confirmed": None})


def is_confirmed(order: Order) -> bool:
    """Inventory judged everything that it was asked."""
    return order.has_ended or not order.inventory_owes_answer


def cancelled(order: Order, products: frozenset[str] | None) -> Answer:
    """The answer to a cancel of these products (None: of all); 202 until inventory has released what was held."""
    if order.status == "rejected":
        return illegal(order, "cancel")
    if order.is_cancelling:
        unknown = {"success": None, "stock_released": None, "cancelled": None}
        return pending({**unknown, "order_id": order.order_id, "status": order.status})
    units = cancelled_of(order, products)
    if not units:
        return illegal(order, "cancel")
    body = {
        "success": True,
        "order_id": order.order_id,
        "status": order.status,
        "stock_released": None if order.inventory_owes_answer else True,
        "cancelled": [{"product_id": product_id, "quantity": quantity} for product_id, quantity in units.items()],
    }
    return pending(body) if order.inventory_owes_answer else Answer(200, body)


def is_cancelled(order: Order) -> bool:
    """Fulfillment judged, and inventory released."""
    return not order.is_cancelling and not order.inventory_owes_answer
