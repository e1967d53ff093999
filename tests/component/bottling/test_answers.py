"""Inventory's answers in bulk, in disorder, twice, at the same time as commands; questions asked again."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

from httpx import AsyncClient, Response

from tests.component.bottling.conftest import Plant, until

QUESTIONS = "SELECT batch_id::text AS batch_id, type, version, attempts FROM questions ORDER BY batch_id"
HOLD_QUESTIONS = "SELECT batch_id FROM questions ORDER BY batch_id FOR UPDATE"
HOLD_BATCHES = "SELECT batch_id FROM batches ORDER BY batch_id FOR UPDATE"
WAITING_FOR_LOCKS = """
SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'
"""
AGE_QUESTIONS = "UPDATE questions SET next_attempt_at = next_attempt_at - $1::interval"


async def questions(plant: Plant) -> list[tuple[str, str, int, int]]:
    async with plant.database.reading() as connection:
        return [tuple(row) for row in await connection.fetch(QUESTIONS)]


async def pass_time(plant: Plant, seconds: float) -> None:
    async with plant.database.transaction() as tx:
        await tx.execute(AGE_QUESTIONS, timedelta(seconds=seconds))


async def test_hundreds_of_answers_in_one_batch_move_each_batch_once(plant: Plant) -> None:
    planned = await asyncio.gather(*(plant.planned(n) for n in range(3, 123)))
    events = [plant.materials(batch, "short", 1) for batch in planned]
    events += [plant.materials(batch, "reserved", 1) for batch in planned]
    random.Random(3).shuffle(events)
    assert await plant.deliver(*events) == 240
    assert await plant.deliver(*events) == 0
    listed = (await plant.get("batches?status=ready&limit=500"))["items"]
    assert {item["batch_id"] for item in listed} == {batch["batch_id"] for batch in planned}
    assert {item["version"] for item in listed} == {2}
    assert await questions(plant) == []


async def test_an_older_snapshot_that_comes_late_changes_nothing(plant: Plant) -> None:
    batch = await plant.planned(10)
    older, newer = plant.materials(batch, "short", 1), plant.materials(batch, "reserved", 1)
    await plant.deliver(newer)
    before = await plant.get(f"batches/{batch['batch_id']}")
    await plant.deliver(older)
    assert await plant.get(f"batches/{batch['batch_id']}") == before
    assert before["status"] == "ready"


async def test_production_starts_once_and_names_its_cause(plant: Plant) -> None:
    batch = await plant.planned(10)
    await plant.say(batch, "reserved", 1)
    await plant.post(f"batches/{batch['batch_id']}/start")
    issued = plant.materials(batch, "issued", 2)
    await asyncio.gather(*(plant.deliver(issued) for _ in range(5)))
    await plant.deliver(plant.materials(batch, "issued", 2))
    started = [(version, payload["status"]) for type, version, payload in await plant.told() if type == "batch.started"]
    assert started == [(3, "in_progress")]
    async with plant.database.reading() as connection:
        cause = await connection.fetchval(
            "SELECT headers::jsonb ->> 'ce_causationid' FROM outbox WHERE type = 'batch.started'"
        )
    assert cause == str(issued.id)


async def test_answers_about_batches_that_are_not_ours_are_passed_over(plant: Plant) -> None:
    batch = await plant.planned(10)
    names = ("not-a-uuid", batch["batch_id"].upper(), "019c1234-5678-7abc-8def-0123456789ab")
    strange = [plant.materials({**batch, "batch_id": name}, "reserved", 1) for name in names]
    assert await plant.deliver(*strange, plant.materials(batch, "reserved", 1)) == 4
    assert (await plant.get(f"batches/{batch['batch_id']}"))["status"] == "ready"


async def test_commands_and_answers_at_the_same_time_leave_versions_without_a_gap(plant: Plant) -> None:
    batches = [await plant.planned(10) for _ in range(12)]
    await plant.deliver(*(plant.materials(batch, "reserved", 1) for batch in batches))

    async def run(batch: dict[str, Any]) -> None:
        path = f"batches/{batch['batch_id']}"
        await asyncio.gather(plant.post(f"{path}/start"), plant.post(f"{path}/cancel", {"reason": "race"}))
        status = (await plant.get(path))["status"]
        await plant.say(batch, "issued" if status == "starting" else "released", 2)

    await asyncio.gather(*(run(batch) for batch in batches))
    for batch in batches:
        told = await plant.told(batch["batch_id"])
        assert [version for _, version, _ in told] == list(range(1, len(told) + 1))
        status = (await plant.get(f"batches/{batch['batch_id']}"))["status"]
        second = {"in_progress": ["batch.start_requested", "batch.started"], "cancelled": ["batch.cancelled"]}[status]
        assert [type for type, _, _ in told] == ["batch.planned", *second]


async def at_once(plant: Plant, *work: Callable[[AsyncClient], Awaitable[Response]]) -> list[Response]:
    """Each piece of work on both instances, whose transactions surely overlap: they meet at a lock held by the test."""

    async def both_wait() -> bool:
        async with plant.database.reading() as connection:
            return int(await connection.fetchval(WAITING_FOR_LOCKS)) == 2

    async with plant.database.transaction() as tx:
        await tx.fetch(HOLD_BATCHES)
        tasks = [asyncio.create_task(_run(each, client)) for each in work for client in (plant.client, plant.twin)]
        await until(both_wait)
    return list(await asyncio.gather(*tasks))


async def _run(work: Callable[[AsyncClient], Awaitable[Response]], client: AsyncClient) -> Response:
    return await work(client)


async def test_commands_of_two_instances_on_one_batch_are_one_after_the_other(plant: Plant) -> None:
    batch = await plant.running(100)
    path = f"/api/bottling/batches/{batch['batch_id']}/quality-checks"
    check = {"inspected": 10, "accepted": 9, "rejected": [{"reason_code": "leak", "quantity": 1}]}
    answers = await at_once(plant, *[lambda client: client.post(path, json=check)] * 7)
    assert sorted(answer.status_code for answer in answers) == [201] * 10 + [422] * 4
    after = await plant.get(f"batches/{batch['batch_id']}")
    assert (after["quantity_produced"], after["quantity_good"], len(after["inspections"])) == (100, 90, 10)


async def test_two_instances_complete_a_batch_once(plant: Plant) -> None:
    batch = await plant.running(10)
    path = f"/api/bottling/batches/{batch['batch_id']}"
    await plant.client.post(f"{path}/quality-checks", json={"inspected": 10, "accepted": 10, "rejected": []})
    await plant.post(f"batches/{batch['batch_id']}/consumption")
    await plant.say(batch, "settled", 4)
    answers = await at_once(plant, *[lambda client: client.post(f"{path}/complete")] * 5)
    assert {(answer.status_code, answer.json()["status"]) for answer in answers} == {(200, "completed")}
    assert [type for type, _, _ in await plant.told()].count("batch.completed") == 1


async def test_a_question_is_open_until_it_is_answered(plant: Plant) -> None:
    batch = await plant.planned(10)
    id = batch["batch_id"]
    assert await questions(plant) == [(id, "batch.planned", 1, 0)]
    await plant.say(batch, "reserved", 1)
    assert await questions(plant) == []
    await plant.post(f"batches/{id}/start")
    assert await questions(plant) == [(id, "batch.start_requested", 2, 0)]
    await plant.say(batch, "reserved", 1)
    assert await questions(plant) == [(id, "batch.start_requested", 2, 0)]
    await plant.say(batch, "issued", 2)
    assert await questions(plant) == []


async def test_a_newer_question_takes_the_place_of_an_older_one(plant: Plant) -> None:
    batch = await plant.planned(10)
    await pass_time(plant, 10)
    assert await plant.tick("ask_again") == 1
    await plant.post(f"batches/{batch['batch_id']}/cancel", {"reason": "no"})
    assert await questions(plant) == [(batch["batch_id"], "batch.cancelled", 2, 0)]


async def test_silence_is_asked_again_with_a_new_id_and_shown_as_stuck_after_the_second_time(plant: Plant) -> None:
    batch = await plant.planned(10)
    for attempt, wait in enumerate((10, 60, 300, 900, 900), start=1):
        assert await plant.tick("ask_again") == 0
        await pass_time(plant, wait)
        assert await plant.tick("ask_again") == 1
        stuck = (await plant.get("stuck"))["items"]
        assert [item["attempts"] for item in stuck] == ([attempt] if attempt >= 2 else [])
    assert stuck == [
        {
            "batch_id": batch["batch_id"],
            "step": "batch.planned",
            "since": stuck[0]["since"],
            "attempts": 5,
            "next_attempt_at": stuck[0]["next_attempt_at"],
            "last_error": "inventory has not answered batch.planned, version 1",
        }
    ]
    async with plant.database.reading() as connection:
        rows = await connection.fetch("SELECT id, type, version, payload FROM outbox")
    assert len({row["id"] for row in rows}) == 6
    assert {(row["type"], row["version"], row["payload"]) for row in rows} == {("batch.planned", 1, rows[0]["payload"])}
    await plant.say(batch, "reserved", 1)
    assert (await plant.get("stuck"))["items"] == []


async def test_a_question_that_is_being_answered_is_not_asked_again(plant: Plant) -> None:
    await plant.planned(3)
    await pass_time(plant, 10)
    async with plant.database.transaction() as tx:
        await tx.fetch(HOLD_QUESTIONS)
        assert await plant.tick("ask_again") == 0
    assert len(await plant.told()) == 1


async def test_two_instances_ask_each_question_once(plant: Plant) -> None:
    for n in range(1, 31):
        await plant.planned(n)
    await pass_time(plant, 10)
    done = await asyncio.gather(*(plant.tick("ask_again") for _ in range(4)))
    assert sum(done) == 30
    assert len(await plant.told()) == 60


async def test_a_silent_inventory_raises_an_alert_until_it_answers(plant: Plant) -> None:
    batch = await plant.planned(10)
    for wait, alerts in ((10, 0), (60, 1), (300, 1)):
        await pass_time(plant, wait)
        assert await plant.tick("ask_again") == 1
        assert len((await plant.get("alerts?status=raised"))["items"]) == alerts
    [alert] = (await plant.get("alerts"))["items"]
    assert (alert["kind"], alert["subject_type"], alert["subject_id"]) == ("saga_stuck", "batch", batch["batch_id"])
    assert alert["detail"] == "batch.planned: no answer from inventory"
    seen = await plant.post(f"alerts/{alert['alert_id']}/acknowledge", {"note": "known"})
    assert (seen.status_code, seen.json()["status"], seen.json()["note"]) == (200, "acknowledged", "known")
    await plant.say(batch, "reserved", 1)
    assert [one["status"] for one in (await plant.get("alerts"))["items"]] == ["resolved"]
    assert (await plant.post(f"alerts/{alert['alert_id']}/acknowledge")).status_code == 409


async def test_an_operator_has_an_open_question_told_at_once(plant: Plant) -> None:
    batch = await plant.planned(10)
    answer = await plant.post(f"batches/{batch['batch_id']}/retry")
    assert (answer.status_code, answer.json()) == (200, {"batch_id": batch["batch_id"], "asked": ["batch.planned"]})
    assert await plant.tick("ask_again") == 1
    await plant.say(batch, "reserved", 1)
    assert (await plant.post(f"batches/{batch['batch_id']}/retry")).json()["asked"] == []
    assert (await plant.post("batches/0197f000-0000-7000-8000-000000000000/retry")).status_code == 404
