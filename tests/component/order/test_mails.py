"""Which mails a customer's order leaves behind, each with what decided it, and none twice."""

import json
from typing import Any

from tests.component.order.conftest import Shop, fulfillment_line, held, submitted

ADDRESS = "ann@example.org"
MAILS = """
SELECT kind, n, facts, state FROM mails WHERE order_id = $1::uuid ORDER BY mail_id
"""


async def mails_of(shop: Shop, order_id: str) -> list[tuple[str, int]]:
    """Kind and number of each mail of an order, in the order in which they were decided."""
    return [(row["kind"], row["n"]) for row in await shop.database.pool.fetch(MAILS, order_id)]


async def facts_of(shop: Shop, order_id: str) -> dict[str, Any]:
    """What the newest mail of an order tells."""
    *_, newest = await shop.database.pool.fetch(MAILS, order_id)
    found: dict[str, Any] = json.loads(newest["facts"])
    return found


def _short(**quantities: Any) -> tuple[str, dict[str, Any]]:
    shortage = {"available": 2, "requested": 5, "expected_date": "2026-02-10", "expected_basis": "batch"}
    return "rose", {"want": 5, "shortage": shortage, **quantities}


async def test_an_order_confirmed_and_shipped_in_two_parcels_is_three_mails_however_often_it_is_heard(
    shop: Shop,
) -> None:
    order_id = await shop.placed(email=ADDRESS, auto_confirm=True)
    hold = shop.stock(order_id, "reserved", "confirmed", 1, held())
    line = fulfillment_line("rose", shipped=2)
    first = shop.shipped(order_id, "s-1", ("rose", {**line}))
    rest = shop.shipped(order_id, "s-2", ("rose", {**line, "shipped": 5}))
    for heard in (hold, first, rest):
        assert await shop.deliver(heard) == 1
        assert await shop.deliver(heard) == 0
    assert await mails_of(shop, order_id) == [("confirmed", 1), ("shipped", 1), ("shipped", 2)]
    facts = await facts_of(shop, order_id)
    assert (facts["carrier"], facts["tracking_number"], facts["rest_follows"]) == ("DHL", "T-1", False)


async def test_two_parcels_heard_of_in_one_batch_and_the_second_before_the_first_are_two_mails(shop: Shop) -> None:
    order_id = await shop.placed(email=ADDRESS, auto_confirm=True)
    await shop.deliver(shop.stock(order_id, "reserved", "confirmed", 1, held()))
    first = shop.shipped(order_id, "s-1", ("rose", fulfillment_line("rose", shipped=2)))
    rest = shop.shipped(order_id, "s-2", ("rose", fulfillment_line("rose", shipped=5)))
    await shop.deliver(rest, first)
    assert await mails_of(shop, order_id) == [("confirmed", 1), ("shipped", 1), ("shipped", 2)]


async def test_a_parcel_whose_arrival_was_heard_of_first_is_one_mail(shop: Shop) -> None:
    order_id = await shop.placed(email=ADDRESS, auto_confirm=True)
    await shop.deliver(shop.stock(order_id, "reserved", "confirmed", 1, held()))
    line = ("rose", fulfillment_line("rose", shipped=5))
    departure = shop.shipped(order_id, "s-1", line)
    arrival = shop.fulfillment(
        order_id, "delivered", 3, line, shipment_id="s-1", delivered_at="2026-02-01T12:00:00Z", closed=True
    )
    await shop.deliver(arrival)
    assert await mails_of(shop, order_id) == [("confirmed", 1)]
    await shop.deliver(departure)
    assert await mails_of(shop, order_id) == [("confirmed", 1), ("shipped", 1)]


async def test_a_parcel_that_arrives_or_is_told_of_anew_is_no_second_mail(shop: Shop) -> None:
    order_id = await shop.placed(email=ADDRESS, auto_confirm=True)
    await shop.deliver(shop.stock(order_id, "reserved", "confirmed", 1, held()))
    line = ("rose", fulfillment_line("rose", shipped=5))
    delivered = {"shipment_id": "s-1", "delivered_at": "2026-02-01T12:00:00Z", "closed": True}
    await shop.deliver(shop.shipped(order_id, "s-1", line))
    await shop.deliver(shop.shipped(order_id, "s-1", line))
    await shop.deliver(shop.fulfillment(order_id, "delivered", 3, line, **delivered))
    assert await mails_of(shop, order_id) == [("confirmed", 1), ("shipped", 1)]


async def test_a_refused_order_tells_what_is_short(shop: Shop) -> None:
    order_id = await shop.placed(email=ADDRESS)
    await shop.deliver(shop.stock(order_id, "rejected", "rejected", 1, _short(short=5)))
    assert await mails_of(shop, order_id) == [("shortage", 1)]
    [line] = (await facts_of(shop, order_id))["lines"]
    assert (line["name"], line["units"], line["available"], line["expected_date"]) == ("Rose", 5, 2, "2026-02-10")


async def test_a_queued_order_tells_its_date_and_a_later_one(shop: Shop) -> None:
    order_id = await shop.placed(email=ADDRESS, on_shortage="backorder", auto_confirm=True)
    await shop.deliver(shop.stock(order_id, "backordered", "confirmed", 1, _short(held=2, backordered=3)))
    facts = await facts_of(shop, order_id)
    assert [(line["units"], line["expected_date"], line["expected_basis"]) for line in facts["lines"]] == [
        (3, "2026-02-10", "batch")
    ]
    assert facts["estimated_basis"] == "batch" and facts["estimated_delivery"] is not None
    moved = _short(held=2, backordered=3)
    moved[1]["shortage"]["expected_date"] = "2026-02-20"
    await shop.deliver(shop.stock(order_id, "backordered", "confirmed", 1, moved, reason="date_changed"))
    await shop.deliver(shop.stock(order_id, "reserved", "confirmed", 1, held(), reason="backorder_filled"))
    assert await mails_of(shop, order_id) == [("backordered", 1), ("backordered", 2), ("confirmed", 1)]


async def test_an_expired_order_tells_until_when_it_may_be_confirmed(shop: Shop) -> None:
    order_id = await shop.placed(email=ADDRESS)
    await shop.deliver(shop.stock(order_id, "reserved", "active", 1, held()))
    await shop.deliver(shop.stock(order_id, "released", "expired", 1, ("rose", {}), reason="expired"))
    assert await mails_of(shop, order_id) == [("expired", 1)]
    assert (await facts_of(shop, order_id))["until"].startswith("2026-02-01 12:00:00")


async def test_a_cancel_of_some_and_then_of_all_units_is_two_mails(shop: Shop) -> None:
    order_id = await shop.placed(email=ADDRESS)
    await shop.put(order_id, "cancel", {"items": [{"product_id": "rose", "quantity": 2}]})
    facts = await facts_of(shop, order_id)
    assert ([line["units"] for line in facts["lines"]], facts["whole"]) == ([2], False)
    for _ in range(2):
        await shop.put(order_id, "cancel")
    facts = await facts_of(shop, order_id)
    assert ([line["units"] for line in facts["lines"]], facts["whole"]) == ([3], True)
    assert await mails_of(shop, order_id) == [("cancelled", 1), ("cancelled", 2)]


async def test_who_left_no_address_is_told_nothing(shop: Shop) -> None:
    order_id = await shop.placed(auto_confirm=True)
    await shop.deliver(shop.stock(order_id, "reserved", "confirmed", 1, held()))
    await shop.deliver(shop.shipped(order_id, "s-1", ("rose", fulfillment_line("rose", shipped=5))))
    assert await mails_of(shop, order_id) == []


async def test_an_order_refused_at_intake_is_told_nothing_but_its_upstream(shop: Shop) -> None:
    await shop.deliver(submitted("1", items=[{"product_id": "nobody-makes-this", "quantity": 1}], email=ADDRESS))
    assert await shop.count("SELECT count(*) FROM orders WHERE status = 'rejected'") == 1
    assert await shop.count("SELECT count(*) FROM mails") == 0


async def test_upstream_customers_read_the_number_they_know(shop: Shop) -> None:
    await shop.deliver(submitted("R-17", email=ADDRESS, auto_confirm=True))
    [(_, _, created)] = await shop.told()
    await shop.deliver(shop.stock(created["order_id"], "reserved", "confirmed", 1, held()))
    assert (await facts_of(shop, created["order_id"]))["reference"] == "R-17"
