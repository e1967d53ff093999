"""What operators see of an order that nobody answers, and what they can do: acknowledge, ask again at once."""

from functools import partial
from typing import Any

from prometheus_client import REGISTRY

from services.order.domain.order import Policy
from services.order.jobs.timers import jobs
from services.order.store.questions import lock_due_questions
from shared.runtime.jobs import tick_once
from tests.component.order.conftest import Shop, held
from tests.plans import rows_read

COUNTING = next(job for job in jobs(Policy(), 1.0) if job.name == "count_open_alerts")
DUE_NOW = "UPDATE questions SET next_attempt_at = clock_timestamp()"
IS_DUE = "SELECT next_attempt_at <= clock_timestamp() FROM questions"


async def _ask_again(shop: Shop, times: int) -> None:
    for _ in range(times):
        await shop.count(DUE_NOW)
        await tick_once(shop.database, jobs(Policy(), 1.0)[0])


async def _alerts(shop: Shop, filters: str = "") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await shop.get(f"/alerts{filters}"))["items"]
    return found


async def _open_alerts_shown(shop: Shop) -> float | None:
    """The figure of stuck sagas after the timer that counts open alerts."""
    await tick_once(shop.database, COUNTING)
    return REGISTRY.get_sample_value("flacon_alerts_open", {"service": "order", "kind": "saga_stuck"})


async def test_an_alert_is_raised_once_by_the_second_repeat_and_resolved_by_the_answer(shop: Shop) -> None:
    order_id = await shop.placed()
    await _ask_again(shop, 1)
    assert await _alerts(shop) == []
    await _ask_again(shop, 3)
    [alert] = await _alerts(shop)
    assert (alert["kind"], alert["status"], alert["subject_type"]) == ("saga_stuck", "raised", "order")
    assert (alert["subject_id"], alert["detail"]) == (order_id, "order.created: no answer from inventory")
    assert await _open_alerts_shown(shop) == 1
    assert set(alert) == {
        *("alert_id", "kind", "subject_type", "subject_id", "name", "status", "detail"),
        *("raised_at", "acknowledged_at", "acknowledged_by", "note", "resolved_at"),
    }
    await shop.deliver(shop.stock(order_id, "reserved", "active", 1, held()))
    [resolved] = await _alerts(shop)
    assert (resolved["status"], resolved["alert_id"]) == ("resolved", alert["alert_id"])
    assert resolved["resolved_at"] is not None
    assert await _open_alerts_shown(shop) == 0
    await shop.put(order_id, "confirm")
    await _ask_again(shop, 2)
    assert [one["status"] for one in await _alerts(shop)] == ["raised", "resolved"]
    assert [one["status"] for one in await _alerts(shop, "?status=raised&kind=saga_stuck")] == ["raised"]
    assert await _alerts(shop, "?kind=promise_missed") == []


async def test_a_newer_question_to_the_neighbour_ends_the_older_ones_alert(shop: Shop) -> None:
    order_id = await shop.placed()
    await _ask_again(shop, 2)
    await shop.put(order_id, "cancel")
    assert [one["status"] for one in await _alerts(shop)] == ["resolved"]


async def test_an_alert_is_acknowledged_by_the_first_and_a_resolved_one_by_nobody(shop: Shop) -> None:
    order_id = await shop.placed()
    await _ask_again(shop, 2)
    [alert] = await _alerts(shop)
    path = f"/api/orders/alerts/{alert['alert_id']}/acknowledge"
    first = await shop.client.post(path, json={"note": "calling them"})
    again = await shop.client.post(path)
    assert (first.status_code, again.status_code) == (200, 200)
    assert (first.json()["status"], first.json()["note"]) == ("acknowledged", "calling them")
    assert first.json()["acknowledged_by"] and again.json() == first.json()
    await shop.deliver(shop.stock(order_id, "reserved", "active", 1, held()))
    late = await shop.client.post(path)
    assert (late.status_code, late.json()["from"], late.json()["allowed"]) == (409, "resolved", [])
    assert [one["status"] for one in await _alerts(shop)] == ["resolved"]
    unknown = await shop.client.post(f"/api/orders/alerts/{order_id}/acknowledge")
    assert unknown.status_code == 404


async def test_alerts_go_page_by_page_and_are_not_for_customers(shop: Shop) -> None:
    ids = [await shop.placed() for _ in range(3)]
    await _ask_again(shop, 2)
    seen: list[str] = []
    page = await shop.get("/alerts?limit=2")
    seen += [one["subject_id"] for one in page["items"]]
    page = await shop.get(f"/alerts?limit=2&cursor={page['next_cursor']}")
    seen += [one["subject_id"] for one in page["items"]]
    assert (sorted(seen), page["next_cursor"]) == (sorted(ids), None)
    assert (await shop.customer.get("/api/orders/alerts")).status_code == 403


async def test_an_operator_has_open_questions_asked_at_once(shop: Shop) -> None:
    order_id = await shop.placed()
    assert await shop.count(IS_DUE) is False
    answer = await shop.client.post(f"/api/orders/{order_id}/retry")
    assert (answer.status_code, answer.json()) == (200, {"order_id": order_id, "asked": ["order.created"]})
    assert await shop.count(IS_DUE) is True
    assert await tick_once(shop.database, jobs(Policy(), 1.0)[0]) == 1
    await shop.deliver(shop.stock(order_id, "reserved", "active", 1, held()))
    assert (await shop.client.post(f"/api/orders/{order_id}/retry")).json()["asked"] == []
    assert (await shop.client.post("/api/orders/0197f000-0000-7000-8000-000000000000/retry")).status_code == 404


async def test_waits_are_a_setting(shop: Shop) -> None:
    await shop.placed()
    ask_again, *_ = jobs(Policy(ask_again_seconds=(1, 7)), 1.0)
    waits = "SELECT round(extract(epoch FROM next_attempt_at - clock_timestamp()))::int FROM questions"
    for _ in range(2):
        await shop.count(DUE_NOW)
        await tick_once(shop.database, ask_again)
        assert await shop.count(waits) == 7


WAITING = """
INSERT INTO questions (order_id, neighbour, event, version, payload, asked_at, next_attempt_at)
SELECT uuidv7(), 'inventory', 'order.created', 1, '{}', now(),
       clock_timestamp() + CASE number WHEN 0 THEN -1 ELSE 1 END * interval '1 hour'
FROM generate_series(0, 19999) AS number
"""


async def test_questions_whose_time_has_not_come_are_not_looked_at(shop: Shop) -> None:
    async with shop.database.transaction() as tx:
        await tx.execute(WAITING)
    async with shop.database.transaction() as tx:
        await tx.execute("ANALYZE questions")
        for _ in range(8):
            assert len(await lock_due_questions(tx, 500)) == 1
            assert await rows_read(tx.connection, partial(lock_due_questions, tx, 500)) <= 5
