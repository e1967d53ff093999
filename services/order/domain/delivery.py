"""When an order can be there: from stock, else from what is expected, else from the product's lead days."""

from datetime import date, timedelta

from services.order.domain.order import Basis, Line, Order


def estimate(order: Order, today: date, shipping_days: int) -> tuple[date | None, Basis | None]:
    """The day the last open unit arrives and what that rests on; (None, None) while nobody knows or none is to come.

    An estimate from stock stays as it was first given.
    """
    if order.stock_status not in ("active", "confirmed"):
        return None, None
    if not order.is_open:
        return order.estimated_delivery, order.estimated_delivery_basis
    queued = [_available(line, today) for line in order.lines if line.backordered]
    if queued:
        last, basis = max(queued, key=lambda found: found[0])
        return last + timedelta(days=shipping_days), basis
    if order.estimated_delivery_basis == "stock":
        return order.estimated_delivery, "stock"
    return today + timedelta(days=shipping_days), "stock"


def _available(line: Line, today: date) -> tuple[date, Basis]:
    if line.expected_date is not None:
        return max(line.expected_date, today), line.expected_basis or "lead_days"
    return today + timedelta(days=line.lead_days), "lead_days"


def is_promised(order: Order) -> bool:
    """The customer waits for units and was told a day."""
    return order.estimated_delivery is not None and order.is_open


def promise_is_news(before: Order | None, order: Order) -> bool:
    """The customer is told a day, and was told none or another before."""
    if not is_promised(order):
        return False
    return before is None or not is_promised(before) or before.estimated_delivery != order.estimated_delivery


def promise_has_ended(before: Order | None, order: Order) -> bool:
    """Everything left or was given up, or the hold lapsed: the day that was told is no promise any more."""
    return before is not None and is_promised(before) and not is_promised(order)
