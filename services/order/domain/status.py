"""An order's status: computed from what was asked and the neighbours' newest answers, never set by hand."""

from services.order.domain.order import Order, Status


def status_of(order: Order) -> Status:
    """The first row of the table that applies; what ended stays as it ended."""
    if order.status == "rejected" or (order.stock_status == "rejected" and order.is_open):
        return "rejected"
    if order.is_cancelling:
        return "cancelling"
    if order.stock_status == "expired" and order.is_open:
        return "expired"
    if not order.is_open:
        return "fulfilled" if order.has_shipped else "cancelled"
    if order.has_shipped:
        return "partially_fulfilled"
    return _of_an_unshipped(order)


def _of_an_unshipped(order: Order) -> Status:
    if _waits_in_a_queue(order):
        return "backordered"
    if order.fulfillment_version:
        return "processing"
    return "confirmed" if order.stock_status == "confirmed" else "created"


def _waits_in_a_queue(order: Order) -> bool:
    """Units queue and none may be picked."""
    if not any(line.backordered for line in order.lines):
        return False
    may_ship_in_parts = order.on_shortage == "partial" or order.ready_version > 0
    return not (may_ship_in_parts and any(line.held for line in order.lines))
