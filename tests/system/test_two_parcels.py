"""One order through everything that can happen to it on the floor: two parcels, and all books agree at the end."""

import asyncio
from collections import Counter
from collections.abc import Callable

from deploy.local.audit.command import examine
from tests.conservation import assert_at_rest, assert_item_agrees, quiet
from tests.installation import System
from tests.mail_server import MailServer, mail_server, mail_settings
from tests.shop import Shop, until
from tests.staging import bottled, cancelled, order_of, pack, pick, places, send


async def _to_pick(shop: Shop, order_id: str, *units: int) -> None:
    """Waits until so many units of each line are still to be picked."""

    async def has_it() -> bool:
        lines = (await shop.fulfillment(order_id))["lines"]
        return [line["target"] - line["picked"] - line["shipped"] for line in lines] == list(units)

    await until(has_it, what=f"{units} to pick of {order_id}")


async def test_missing_damaged_backordered_and_given_up_units_of_one_order_in_two_parcels(
    new_system: Callable[..., System],
) -> None:
    async with mail_server() as server:
        system = await asyncio.to_thread(new_system, more=mail_settings(server))
        async with Shop(system.stack) as shop:
            order_id = await _the_whole_story(shop)
            await _told_to_the_customer(server, order_id)
            assert [str(one) for one in (await examine(system.stack)).all] == []


async def _told_to_the_customer(server: MailServer, order_id: str) -> None:
    """Each mail once: confirmed, two parcels, the rest given up; besides, when the day of what queued moved."""
    wanted = Counter(f"{order_id}.{name}" for name in ("confirmed.1", "shipped.1", "shipped.2", "cancelled.1"))

    async def all_came() -> bool:
        return server.counted() >= wanted

    await until(all_came, what="the customer's mails")
    others = server.counted() - wanted
    assert others == Counter(f"{order_id}.backordered.{n}" for n in range(1, others.total() + 1))


async def _the_whole_story(shop: Shop) -> str:
    for name, stock in (("all-rose", 10), ("all-iris", 10), ("all-lily", 0)):
        await shop.product(name, stock)
    lines = [("all-rose", 4), ("all-iris", 3), ("all-lily", 5)]
    order_id = await shop.ordered(lines, on_shortage="partial", auto_confirm=True, email="ann@example.org")
    missing = {"product_id": "all-rose", "quantity": 3, "short_quantity": 1, "short_reason": "missing"}
    await pick(shop, order_id, [missing, {"product_id": "all-iris", "quantity": 3}])
    await pack(shop, order_id)
    broken = {"product_id": "all-iris", "quantity": 0, "short_quantity": 1, "short_reason": "damaged"}
    await pick(shop, order_id, [broken])
    await send(shop, order_id, "all-1", {"all-rose": 3, "all-iris": 2})
    await shop.becomes(order_id, "partially_fulfilled")
    await _to_pick(shop, order_id, 1, 1, 0)

    await shop.material("all-oil", 1_000, unit="ml")
    await shop.material("all-bottle", 10)
    batch = await bottled(shop, "all", product="all-lily", planned=4, defective=1)
    assert batch["quantity_good"] == 3
    await _to_pick(shop, order_id, 1, 1, 3)
    await pick(shop, order_id)
    await send(shop, order_id, "all-2")
    assert (await cancelled(shop, order_id)).status_code == 200

    books = await assert_at_rest(shop, order_id, "fulfilled")
    assert books.causes("all-rose") == {"reserve": 5, "hold": 1, "sale": 4}
    assert books.causes("all-iris") == {"reserve": 4, "scrap": 1, "sale": 3}
    assert books.causes("all-lily") == {"reserve": 3, "sale": 3}
    order = await order_of(shop, order_id)
    assert places(order, "shipped", "cancelled", "held") == [(4, 0, 0), (3, 0, 0), (3, 2, 0)]
    assert [parcel["tracking_number"] for parcel in order["shipments"]] == ["all-1", "all-2"]
    await quiet(shop)
    levels = [await shop.levels(item) for item, _ in lines]
    assert levels == [(6, 0, 5), (6, 0, 6), (0, 0, 0)]
    for item, _ in lines:
        await assert_item_agrees(shop, item)
    history = await shop.get("order", f"/api/orders/{order_id}/history")
    events = [step["event"] for step in history["items"]]
    once_each = ("fulfillment.cancelled", "order.fulfilled")
    assert [events.count(name) for name in once_each] == [1, 1]
    assert [events.count(f"fulfillment.{name}") for name in ("short_picked", "shipped")] == [2, 2]
    return order_id
