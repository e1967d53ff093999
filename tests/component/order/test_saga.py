"""The saga on a real database: events in, events out, questions kept and asked again, history written."""

import asyncio
from typing import Any

import pytest

from services.order.domain.order import Policy
from services.order.jobs.timers import jobs
from shared.runtime.jobs import tick_once
from tests.component.order.conftest import NOW, Shop, held, item_event, submitted, until

DUE_NOW = "UPDATE questions SET next_attempt_at = clock_timestamp()"
WAITS = "SELECT round(extract(epoch FROM next_attempt_at - clock_timestamp()))::int FROM questions"
HISTORY = "SELECT count(*) FROM order_history WHERE event = 'order.submitted' AND detail IS NOT NULL"


async def _confirmed(shop: Shop, **fields: Any) -> str:
    order_id = await shop.placed(auto_confirm=True, **fields)
    await shop.deliver(shop.stock(order_id, "reserved", "confirmed", 1, held()))
    return order_id


async def test_an_auto_confirmed_order_in_one_parcel_is_four_events_of_order(shop: Shop) -> None:
    order_id = await _confirmed(shop, email="ann@shop.example")
    await shop.deliver(shop.fulfillment(order_id, "created", 3, ("rose", {"target": 5})))
    assert (await shop.get(f"/{order_id}"))["status"] == "processing"
    await shop.deliver(shop.shipped(order_id, "s-1", ("rose", {"target": 5, "shipped": 5})))
    delivered = {"shipment_id": "s-1", "delivered_at": NOW}
    await shop.deliver(shop.fulfillment(order_id, "delivered", 3, ("rose", {"target": 5, "shipped": 5}), **delivered))
    assert await shop.names(order_id) == ["created", "confirmed", "ready", "fulfilled"]
    _, _, (_, _, ready), (_, _, fulfilled) = await shop.told(order_id)
    assert ready["ship_to"] == {"address": {"city": "Grasse"}, "email": "ann@shop.example"}
    assert [(line["name"], line["target"], line["short"]) for line in ready["lines"]] == [("Rose", 5, 0)]
    assert fulfilled["shipment_ids"] == ["s-1"]
    shown = await shop.get(f"/{order_id}")
    assert shown["status"] == "fulfilled"
    assert shown["shipments"] == [
        {
            "shipment_id": "s-1",
            "carrier": "DHL",
            "tracking_number": "T-1",
            "shipped_at": "2026-01-31T12:00:00.000Z",
            "delivered_at": "2026-01-31T12:00:00.000Z",
        }
    ]
    assert await shop.count("SELECT count(*) FROM questions") == 0


async def test_the_history_tells_every_step_with_its_cause(shop: Shop) -> None:
    order_id = await shop.placed(auto_confirm=True)
    reserved = shop.stock(order_id, "reserved", "confirmed", 1, held())
    await shop.deliver(reserved)
    steps = (await shop.get(f"/{order_id}/history"))["items"]
    assert [(step["service"], step["event"], step["from_status"], step["to_status"]) for step in steps] == [
        ("order", "order.created", None, "created"),
        ("inventory", "stock.reserved", "created", "confirmed"),
        ("order", "order.confirmed", "confirmed", "confirmed"),
        ("order", "order.ready", "confirmed", "confirmed"),
    ]
    assert steps[1]["event_id"] == str(reserved.id)
    assert [step["causation_id"] for step in steps] == [None, None, str(reserved.id), str(reserved.id)]
    assert set(steps[0]) == {
        "at", "service", "event", "event_id", "causation_id", "from_status", "to_status", "detail"
    }  # fmt: skip


async def test_every_event_twice_is_every_event_once(shop: Shop) -> None:
    order_id = await shop.placed(auto_confirm=True)
    events = [
        shop.stock(order_id, "reserved", "confirmed", 1, held()),
        shop.fulfillment(order_id, "created", 3, ("rose", {"target": 5})),
        shop.shipped(order_id, "s-1", ("rose", {"target": 5, "shipped": 5})),
    ]
    for one in events:
        assert await shop.deliver(one) == 1
        assert await shop.deliver(one) == 0
    assert await shop.names(order_id) == ["created", "confirmed", "ready", "fulfilled"]


async def test_parcels_are_kept_in_whatever_order_they_are_heard_of(shop: Shop) -> None:
    order_id = await _confirmed(shop)
    shipped = shop.shipped(order_id, "s-1", ("rose", {"shipped": 5}))
    delivered = {"shipment_id": "s-1", "delivered_at": NOW}
    arrived = shop.fulfillment(order_id, "delivered", 3, ("rose", {"shipped": 5}), **delivered)
    await shop.deliver(arrived)
    assert (await shop.get(f"/{order_id}"))["shipments"] == []
    await shop.deliver(shipped)
    [shipment] = (await shop.get(f"/{order_id}"))["shipments"]
    assert (shipment["carrier"], shipment["delivered_at"]) == ("DHL", "2026-01-31T12:00:00.000Z")
    assert await shop.names(order_id) == ["created", "confirmed", "ready", "fulfilled"]


async def test_an_event_about_no_order_changes_nothing(shop: Shop) -> None:
    for order_id in ("0190a000-0000-7000-8000-00000000ffff", "nonsense"):
        assert await shop.deliver(shop.stock(order_id, "reserved", "active", 1, held())) == 1
    assert await shop.told() == []


async def test_a_batch_of_500_events_is_decided_together(shop: Shop) -> None:
    ids = [await shop.placed(auto_confirm=True) for _ in range(100)]
    batch = [shop.stock(order_id, "reserved", "confirmed", 1, held()) for order_id in ids]
    batch += [shop.fulfillment(order_id, "created", 3, ("rose", {"target": 5})) for order_id in ids]
    batch += [shop.shipped(order_id, f"s-{order_id}", ("rose", {"shipped": 5})) for order_id in ids]
    assert await shop.deliver(*reversed(batch)) == 300
    assert {status["status"] for status in (await shop.get("?limit=500"))["items"]} == {"fulfilled"}


async def test_a_confirmation_waits_for_inventory(shop: Shop) -> None:
    order_id = await shop.placed()
    await shop.deliver(shop.stock(order_id, "reserved", "active", 1, held()))
    pending = await shop.put(order_id, "confirm")
    assert (pending.status_code, pending.json()["stock_confirmed"]) == (202, None)
    unanswered = await shop.put(order_id, "confirm", prefer="wait=1")
    assert (unanswered.status_code, unanswered.json()["stock_confirmed"]) == (202, None)
    asked = asyncio.create_task(shop.put(order_id, "confirm", prefer="wait=10"))
    await shop.deliver(shop.stock(order_id, "confirmed", "confirmed", 2, held()))
    response = await asked
    assert (response.status_code, response.json()) == (
        200,
        {"success": True, "order_id": order_id, "status": "confirmed", "stock_confirmed": True},
    )
    assert await shop.names(order_id) == ["created", "confirmation_requested", "confirmed", "ready"]


async def test_a_confirmation_of_a_backordered_order_is_noted(shop: Shop) -> None:
    order_id = await shop.placed(on_shortage="backorder")
    await shop.deliver(shop.stock(order_id, "backordered", "active", 1, ("rose", {"backordered": 5})))
    await shop.put(order_id, "confirm")
    await shop.deliver(shop.stock(order_id, "confirmed", "confirmed", 3, ("rose", {"backordered": 5})))
    response = await shop.put(order_id, "confirm")
    assert (response.status_code, response.json()["status"], response.json()["stock_confirmed"]) == (
        200,
        "backordered",
        False,
    )


async def test_a_lapsed_hold_that_cannot_be_taken_again_is_409(shop: Shop) -> None:
    order_id = await shop.placed()
    just_now = {"reason": "expired", "occurred_at": (await shop.get(f"/{order_id}"))["created_at"]}
    await shop.deliver(shop.stock(order_id, "released", "expired", 1, ("rose", {}), **just_now))
    asked = asyncio.create_task(shop.put(order_id, "confirm", prefer="wait=10"))

    async def is_asked() -> bool:
        return (await shop.names(order_id))[-1] == "confirmation_requested"

    await until(is_asked)
    short = {"shortage": {"available": 1, "requested": 5}}
    await shop.deliver(shop.stock(order_id, "rejected", "expired", 3, ("rose", short)))
    response = await asked
    assert response.status_code == 409, response.text
    assert response.json()["type"] == "urn:flacon:problem:reservation-expired"
    assert [line["available"] for line in response.json()["lines"]] == [1]


async def test_a_hold_that_lapsed_more_than_a_day_ago_is_409_at_once(shop: Shop) -> None:
    order_id = await shop.placed()
    lapsed = shop.stock(
        order_id, "released", "expired", 1, ("rose", {}), reason="expired", occurred_at="2020-01-01T00:00:00Z"
    )
    await shop.deliver(lapsed)
    response = await shop.put(order_id, "confirm")
    assert (response.status_code, response.json()["status"]) == (409, "expired")
    assert await shop.names(order_id) == ["created", "expired"]


async def test_a_cancel_closes_and_is_done_when_inventory_released(shop: Shop) -> None:
    order_id = await shop.placed()
    pending = await shop.put(order_id, "cancel", {"reason": "changed my mind"})
    assert pending.status_code == 202
    assert pending.json() == {
        "success": True,
        "order_id": order_id,
        "status": "cancelled",
        "stock_released": None,
        "cancelled": [{"product_id": "rose", "quantity": 5}],
    }
    asked = asyncio.create_task(shop.put(order_id, "cancel", prefer="wait=10"))
    await shop.deliver(shop.stock(order_id, "released", "closed", 2, ("rose", {"cancelled": 5})))
    response = await asked
    assert (response.status_code, response.json()["stock_released"]) == (200, True)
    _, (_, _, cancelled) = await shop.told(order_id)
    assert (cancelled["closed"], cancelled["actor"], cancelled["cancel_reason"]) == (True, "ann", "changed my mind")
    confirm = await shop.put(order_id, "confirm")
    assert (confirm.status_code, confirm.json()["from"], confirm.json()["allowed"]) == (409, "cancelled", ["cancel"])


async def test_a_cancel_after_the_first_target_is_judged_by_fulfillment(shop: Shop) -> None:
    order_id = await _confirmed(shop)
    pending = await shop.put(order_id, "cancel")
    assert (pending.status_code, pending.json()["status"], pending.json()["cancelled"]) == (202, "cancelling", None)
    _, _, _, (_, _, asked) = await shop.told(order_id)
    assert (asked["whole"], asked["lines"][0]["cancel"]) == (True, 5)
    gone = ("rose", {"cancelled": 5})
    await shop.deliver(shop.fulfillment(order_id, "cancelled", 4, gone, closed=True, status="cancelled"))
    await shop.deliver(shop.stock(order_id, "released", "closed", 5, gone))
    response = await shop.put(order_id, "cancel")
    assert (response.status_code, response.json()["status"]) == (200, "cancelled")
    assert await shop.names(order_id) == ["created", "confirmed", "ready", "cancellation_requested", "cancelled"]


async def test_a_cancel_that_comes_too_late_is_409(shop: Shop) -> None:
    order_id = await _confirmed(shop)
    await shop.deliver(shop.shipped(order_id, "s-1", ("rose", {"shipped": 5})))
    response = await shop.put(order_id, "cancel")
    assert (response.status_code, response.json()["from"], response.json()["action"]) == (409, "fulfilled", "cancel")


async def test_items_are_cancelled_in_all_so_a_repeat_changes_nothing(shop: Shop) -> None:
    order_id = await shop.placed()
    wanted = {"items": [{"product_id": "rose", "quantity": 2}]}
    for _ in range(2):
        response = await shop.put(order_id, "cancel", wanted)
        assert response.json()["cancelled"] == [{"product_id": "rose", "quantity": 2}]
    assert await shop.names(order_id) == ["created", "cancelled"]
    more = await shop.put(order_id, "cancel", {"items": [{"product_id": "rose", "quantity": 3}]})
    assert more.json()["cancelled"] == [{"product_id": "rose", "quantity": 3}]
    for items in ([{"product_id": "rose", "quantity": 6}], [{"product_id": "lily", "quantity": 1}], []):
        assert (await shop.put(order_id, "cancel", {"items": items})).status_code == 422


async def test_commands_given_at_the_same_time_have_one_effect(shop: Shop) -> None:
    order_id = await shop.placed()
    await shop.deliver(shop.stock(order_id, "reserved", "active", 1, held()))
    responses = await asyncio.gather(
        *(shop.put(order_id, "confirm") for _ in range(10)), *(shop.put(order_id, "cancel") for _ in range(10))
    )
    assert {response.status_code for response in responses} <= {202, 409}
    assert (await shop.names(order_id))[-1] == "cancelled"
    assert (await shop.names(order_id)).count("cancelled") == 1
    assert (await shop.names(order_id)).count("confirmation_requested") <= 1


async def test_an_order_of_upstream_is_accepted_once(shop: Shop) -> None:
    assert await shop.deliver(submitted("1"), submitted("1", priority=3)) == 2
    assert await shop.deliver(submitted("1")) == 0
    assert await shop.deliver(submitted("1", priority=4), submitted("2", auto_confirm=True)) == 2
    told = [(type, payload["external_id"], payload["priority"]) for type, _, payload in await shop.told()]
    assert told == [("order.created", "1", 0), ("order.created", "2", 0)]
    assert await shop.count(HISTORY) == 2
    [one] = (await shop.get("?source=shop&external_id=1"))["items"]
    steps = [step["event"] for step in (await shop.get(f"/{one['order_id']}/history"))["items"]]
    assert steps == ["order.submitted", "order.created", "order.submitted", "order.submitted"]


async def test_every_event_of_an_order_of_upstream_tells_its_source_and_number(shop: Shop) -> None:
    await shop.deliver(
        submitted("1", on_shortage="backorder"), submitted("2"), submitted("3"), submitted("4", items=[])
    )
    orders = {item["external_id"]: item["order_id"] for item in (await shop.get())["items"]}
    first, late, closed = (orders[number] for number in "123")
    await shop.deliver(shop.stock(first, "backordered", "active", 1, ("rose", {"backordered": 5})))
    await shop.put(first, "confirm")
    await shop.deliver(shop.stock(first, "confirmed", "confirmed", 3, held()))
    await shop.put(first, "cancel", {"items": [{"product_id": "rose", "quantity": 1}]})
    await shop.deliver(shop.shipped(first, "s-1", ("rose", {"shipped": 5})))
    await shop.deliver(shop.fulfillment(first, "cancelled", 6, ("rose", {"shipped": 5})))
    await shop.deliver(shop.stock(late, "released", "expired", 1, ("rose", {}), reason="expired"))
    await shop.put(closed, "cancel")
    told = await shop.told()
    names = {"created", "backordered", "confirmation_requested", "confirmed", "ready", "cancellation_requested"}
    names |= {"fulfilled", "expired", "cancelled", "rejected"}
    assert {type.removeprefix("order.") for type, _, _ in told} == names
    assert {(payload["source"], payload["external_id"]) for _, _, payload in told} == {("shop", one) for one in "1234"}
    assert all(orders[payload["external_id"]] == payload["order_id"] for _, _, payload in told)


async def test_the_same_order_of_upstream_in_two_transactions_is_one_order(shop: Shop) -> None:
    batches = [[submitted(str(number), priority=turn) for number in range(20)] for turn in range(5)]
    await asyncio.gather(*(shop.deliver(*batch[:: 1 if turn % 2 else -1]) for turn, batch in enumerate(batches)))
    assert await shop.count("SELECT count(*) FROM orders") == 20
    assert await shop.count(HISTORY) == 80


@pytest.mark.parametrize(
    ("fields", "reason", "pointer"),
    [
        ({"items": [{"product_id": "nobody", "quantity": 1}]}, "unknown_product", "/items/0/product_id"),
        ({"items": [{"product_id": "rose", "quantity": -1}]}, "invalid", "/items/0/quantity"),
        ({"items": [{"product_id": "a\x00b", "quantity": 1}]}, "invalid", "/items/0/product_id"),
        ({"items": [{"product_id": "rose", "quantity": 10**30}]}, "invalid", "/items/0/quantity"),
        ({"items": [{"product_id": "rose", "quantity": 1}] * 1001}, "invalid", "/items"),
        ({"items": []}, "invalid", "/items"),
        ({"customer_id": "\x00" * 100}, "invalid", "/customer_id"),
        ({"priority": 10**12}, "invalid", "/priority"),
        ({"on_shortage": "wait\x00"}, "invalid", "/on_shortage"),
        ({"email": "nobody"}, "invalid", "/email"),
        ({"shipping_address": {"note": "\x00"}}, "invalid", "/shipping_address"),
    ],
)
async def test_a_readable_but_unacceptable_order_of_upstream_is_rejected(
    shop: Shop, fields: dict[str, Any], reason: str, pointer: str
) -> None:
    assert await shop.deliver(submitted("1", **fields), submitted("2")) == 2
    told = {payload["external_id"]: (type, version, payload) for type, version, payload in await shop.told()}
    type, version, rejected = told["1"]
    assert (type, version, rejected["status"], rejected["reject_reason"]) == ("order.rejected", 1, "rejected", reason)
    assert [error["pointer"] for error in rejected["errors"]] == [pointer]
    assert told["2"][0] == "order.created"
    [shown] = (await shop.get("?external_id=1"))["items"]
    assert (shown["status"], shown["rejection"]["reason"]) == ("rejected", reason)
    assert [error["pointer"] for error in shown["rejection"]["errors"]] == [pointer]
    assert await shop.deliver(submitted("1", **{**fields, "auto_confirm": True})) == 1
    assert len(await shop.told()) == 2


async def test_a_product_and_its_first_order_may_come_in_one_batch(shop: Shop) -> None:
    order = submitted("1", items=[{"product_id": "iris", "quantity": 1}])
    await shop.deliver(order, item_event("iris"))
    assert [type for type, _, _ in await shop.told()] == ["order.created"]


async def test_an_open_question_is_asked_again_word_by_word(shop: Shop) -> None:
    order_id = await shop.placed()
    ask_again, *_ = jobs(Policy(), 1.0)
    assert await tick_once(shop.database, ask_again) == 0
    waits = [await shop.count(WAITS)]
    for _ in range(4):
        await shop.count(DUE_NOW)
        assert await tick_once(shop.database, ask_again) == 1
        waits.append(await shop.count(WAITS))
    assert waits == [10, 60, 300, 900, 900]
    told = await shop.told(order_id)
    assert [(type, version) for type, version, _ in told] == [("order.created", 1)] * 5
    assert all(payload == told[0][2] for _, _, payload in told)
    ids = await shop.count("SELECT count(DISTINCT id) FROM outbox")
    assert ids == 5


async def test_a_question_asked_again_twice_is_stuck_until_it_is_answered(shop: Shop) -> None:
    order_id = await shop.placed()
    ask_again, *_ = jobs(Policy(), 1.0)
    for stuck in (False, False, True):
        assert (await shop.get(f"/{order_id}"))["stuck"] is stuck
        await shop.count(DUE_NOW)
        await tick_once(shop.database, ask_again)
    [row] = (await shop.get("/stuck"))["items"]
    assert (row["order_id"], row["step"], row["attempts"]) == (order_id, "order.created", 3)
    assert set(row) == {"order_id", "step", "since", "attempts", "next_attempt_at", "last_error"}
    assert [item["order_id"] for item in (await shop.get("?stuck=true"))["items"]] == [order_id]
    await shop.deliver(shop.stock(order_id, "reserved", "active", 1, held()))
    assert (await shop.get("/stuck"))["items"] == []
    assert (await shop.get(f"/{order_id}"))["stuck"] is False


async def test_the_newest_question_to_a_neighbour_is_the_one_asked_again(shop: Shop) -> None:
    order_id = await shop.placed()
    await shop.put(order_id, "cancel")
    await shop.deliver(shop.stock(order_id, "reserved", "active", 1, held()))
    await shop.count(DUE_NOW)
    assert await tick_once(shop.database, jobs(Policy(), 1.0)[0]) == 1
    assert [type for type, _, _ in await shop.told(order_id)] == ["order.created", "order.cancelled", "order.cancelled"]


async def test_instances_hear_the_same_orders_at_the_same_time(shop: Shop) -> None:
    ids = [await shop.placed(auto_confirm=True) for _ in range(20)]
    stock = [shop.stock(order_id, "reserved", "confirmed", 1, held()) for order_id in ids]
    parcels = [shop.shipped(order_id, f"s-{order_id}", ("rose", {"shipped": 5})) for order_id in ids]
    await asyncio.gather(shop.deliver(*stock), shop.deliver(*reversed(parcels)), shop.deliver(*reversed(stock)))
    for order_id in ids:
        assert (await shop.get(f"/{order_id}"))["status"] == "fulfilled"
        assert (await shop.names(order_id))[-1] == "fulfilled"
