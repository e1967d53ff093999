"""A lot is recalled when it stands packed: it does not leave, another does or the order queues, and all books agree."""

import asyncio
from collections import Counter
from collections.abc import Callable

from deploy.local.audit.command import examine
from tests.conservation import assert_at_rest, assert_item_agrees, quiet
from tests.installation import System
from tests.mail_server import MailServer, mail_server, mail_settings
from tests.shop import Shop, until
from tests.staging import order_of, pack, pick, places, send

READER = {"auto_confirm": True, "on_shortage": "backorder", "email": "ann@example.org"}


async def test_a_picked_lot_that_is_recalled_stays_and_another_leaves(new_system: Callable[..., System]) -> None:
    async with mail_server() as server:
        system = await asyncio.to_thread(new_system, more=mail_settings(server))
        async with Shop(system.stack) as shop:
            with_other_stock = await _replaced_at_once(shop)
            without = await _replaced_by_a_receipt(shop)
            await quiet(shop)
            await _mails_are(
                server,
                *(f"{with_other_stock}.{name}" for name in ("confirmed.1", "shipped.1")),
                *(f"{without}.{name}" for name in ("confirmed.1", "backordered.1", "shipped.1")),
            )
            assert [str(one) for one in (await examine(system.stack)).all] == []


async def _replaced_at_once(shop: Shop) -> str:
    await shop.product("recall-rose")
    bad = await _received(shop, "recall-rose", "BAD", 5, "2090-01-01")
    good = await _received(shop, "recall-rose", "GOOD", 10, "2091-01-01")
    order_id = await shop.ordered([("recall-rose", 4)], **READER)
    await _picked_and_recalled(shop, order_id, "recall-rose", bad, 4)
    await _lists(shop, order_id, (good, 4))
    await _leaves(shop, order_id, "recall-rose", 4)
    assert await shop.levels("recall-rose") == (11, 0, 6)
    assert [await _got(shop, lot) for lot in (bad, good)] == [[], [(order_id, 4)]]
    return order_id


async def _replaced_by_a_receipt(shop: Shop) -> str:
    """There is no other lot: the customer is told that the units queue, until some come."""
    await shop.product("recall-iris")
    bad = await _received(shop, "recall-iris", "BAD", 3, "2090-01-01")
    order_id = await shop.ordered([("recall-iris", 3)], **READER)
    await _picked_and_recalled(shop, order_id, "recall-iris", bad, 3)
    assert places(await order_of(shop, order_id), "held", "backordered", "cancelled") == [(0, 3, 0)]
    good = await _received(shop, "recall-iris", "GOOD", 3, "2091-01-01")
    await _lists(shop, order_id, (good, 3))
    await _leaves(shop, order_id, "recall-iris", 3)
    assert await shop.levels("recall-iris") == (3, 0, 0)
    assert [await _got(shop, lot) for lot in (bad, good)] == [[], [(order_id, 3)]]
    return order_id


async def _received(shop: Shop, item_id: str, lot: str, quantity: int, expires_on: str) -> str:
    cost = {"amount": "1.0000", "currency": "EUR"}
    receipt = {"item_id": item_id, "quantity": quantity, "supplier_lot": lot, "unit_cost": cost}
    answer = await shop.ask("inventory", "POST", "/api/inventory/receipts", {**receipt, "expires_on": expires_on})
    assert answer.status_code == 201, answer.text
    lot_id: str = answer.json()["lot_id"]
    return lot_id


async def _picked_and_recalled(shop: Shop, order_id: str, item_id: str, lot_id: str, units: int) -> None:
    """The lot stands packed on the bench when it is recalled: ship is refused, and its units are reported short."""
    await _lists(shop, order_id, (lot_id, units))
    await pick(shop, order_id)
    await pack(shop, order_id)
    answer = await shop.ask("inventory", "POST", f"/api/inventory/lots/{lot_id}/recall", {"reason": "splinters"})
    assert answer.status_code == 200, answer.text

    async def heard() -> bool:
        return bool((await shop.fulfillment(order_id))["lines"][0]["recalled"] == units)

    await until(heard, what="the recall heard on the floor")
    path = f"/api/fulfillment/fulfillments/{(await shop.fulfillment(order_id))['fulfillment_id']}/ship"
    refused = await shop.ask("fulfillment", "POST", path, {"carrier": "DHL", "tracking_number": order_id})
    assert (refused.status_code, refused.json()["recalled_lots"]) == (409, [lot_id])
    short = {"product_id": item_id, "quantity": 0, "short_quantity": units, "short_reason": "recalled"}
    await pick(shop, order_id, [short])
    await quiet(shop)


async def _lists(shop: Shop, order_id: str, *lots: tuple[str, int]) -> None:
    async def it_does() -> bool:
        path = f"/api/fulfillment/fulfillments/{(await shop.fulfillment(order_id))['fulfillment_id']}/picking-list"
        lines = (await shop.get("fulfillment", path))["lines"]
        return [(line["lot_id"], line["quantity"]) for line in lines] == [*lots]

    await until(it_does, what=f"a list of {lots}")


async def _leaves(shop: Shop, order_id: str, item_id: str, units: int) -> None:
    await pick(shop, order_id)
    await send(shop, order_id, order_id)
    books = await assert_at_rest(shop, order_id, "fulfilled")
    assert books.causes(item_id)["sale"] == units
    assert places(await order_of(shop, order_id), "shipped", "cancelled", "held") == [(units, 0, 0)]
    await assert_item_agrees(shop, item_id)


async def _got(shop: Shop, lot_id: str) -> list[tuple[str, int]]:
    """Orders that got units of a lot."""
    trace = await shop.get("inventory", f"/api/inventory/lots/{lot_id}/trace")
    return [(edge["order_id"], edge["quantity"]) for edge in trace["forward"]]


async def _mails_are(server: MailServer, *names: str) -> None:
    async def all_came() -> bool:
        return len(server.got) >= len(names)

    await until(all_came, what="the customers' mails")
    assert server.counted() == Counter(names)
