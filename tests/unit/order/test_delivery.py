"""The delivery estimate and its basis."""

from dataclasses import replace
from datetime import date, timedelta

from services.order.domain.delivery import estimate
from services.order.domain.order import Order
from tests.unit.order.dialogue import Dialogue, held, order, shipping, shortage, stock

TODAY = date(2026, 1, 31)


def _estimate(start: Order) -> tuple[date | None, str | None]:
    return estimate(start, TODAY, 2)


def test_nobody_knows_before_inventory_answers() -> None:
    assert _estimate(Dialogue.given(order(rose=5)).order) == (None, None)


def test_from_stock_it_is_the_shipping_lead_time_and_stays() -> None:
    reserved = Dialogue.given(order(rose=5)).inventory("active", *held(("rose", 5))).order
    assert _estimate(reserved) == (date(2026, 2, 2), "stock")
    told = replace(reserved, estimated_delivery=date(2026, 2, 2), estimated_delivery_basis="stock")
    assert estimate(told, TODAY + timedelta(days=3), 2) == (date(2026, 2, 2), "stock")


def test_queued_units_come_from_the_batch_that_is_expected() -> None:
    dialogue = Dialogue.given(order(rose=5, lily=5), on_shortage="backorder")
    late, soon = shortage("rose", 0, 5, date(2026, 2, 20)), shortage("lily", 0, 5, date(2026, 2, 10))
    dialogue.inventory(
        "active", stock("rose", backordered=5, shortage=late), stock("lily", backordered=5, shortage=soon)
    )
    assert _estimate(dialogue.order) == (date(2026, 2, 22), "batch")


def test_queued_units_without_a_batch_take_the_lead_days_of_the_product() -> None:
    dialogue = Dialogue.given(order(rose=5), on_shortage="backorder").inventory("active", stock("rose", backordered=5))
    assert _estimate(dialogue.order) == (date(2026, 2, 16), "lead_days")


def test_a_date_that_has_passed_is_today() -> None:
    past = shortage("rose", 0, 5, date(2026, 1, 1))
    dialogue = Dialogue.given(order(rose=5), on_shortage="backorder")
    dialogue.inventory("active", stock("rose", backordered=5, shortage=past))
    assert _estimate(dialogue.order) == (date(2026, 2, 2), "batch")


def test_a_lapsed_order_has_no_estimate() -> None:
    assert _estimate(shipping().order)[1] == "stock"
    lapsed = Dialogue.given(order(rose=5)).inventory("expired", stock("rose"), reason="expired").order
    assert _estimate(lapsed) == (None, None)
