"""Grouped writes: one transaction for what came meanwhile, each request with its own fate."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence

import asyncpg
import pytest

from shared.runtime import groups
from shared.runtime.clock import new_id
from shared.runtime.database import Database
from shared.runtime.event_spans import published
from shared.runtime.groups import Answer, Group
from shared.runtime.telemetry import server_span
from shared.runtime.transaction import Transaction
from tests.component.runtime import sample
from tests.component.runtime.sample import WriteNote, write_notes
from tests.servers import Servers


@pytest.fixture
async def database(servers: Servers) -> AsyncIterator[Database]:
    async with sample.fresh_database(servers) as database:
        yield database


def note(text: str = "note") -> WriteNote:
    return WriteNote(new_id(), text)


async def texts(database: Database) -> Counter[str]:
    async with database.reading() as connection:
        return Counter(row["text"] for row in await connection.fetch("SELECT text FROM notes"))


class Door:
    """An operation that can be held, and tells the size of each group it was given."""

    def __init__(self, faults: Sequence[Exception] = ()) -> None:
        self.sizes: list[int] = []
        self.open = asyncio.Event()
        self.open.set()
        self.faults = list(faults)

    async def __call__(self, tx: Transaction, requests: Sequence[WriteNote]) -> list[Answer]:
        self.sizes.append(len(requests))
        await self.open.wait()
        answers = await write_notes(tx, requests)
        if self.faults:
            raise self.faults.pop(0)
        return answers


async def test_what_comes_while_a_transaction_runs_is_the_next_one(database: Database) -> None:
    door = Door()
    group = Group(database, door, name="t")
    door.open.clear()
    first = asyncio.create_task(group.submit(note()))
    await sample.until(lambda: _true(door.sizes == [1]))
    rest = [asyncio.create_task(group.submit(note())) for _ in range(40)]
    await asyncio.sleep(0)
    door.open.set()
    answers = await asyncio.gather(first, *rest)
    assert door.sizes == [1, 40]
    assert [answer.status for answer in answers] == [201] * 41
    assert await texts(database) == {"note": 41}


async def _true(value: bool) -> bool:
    return value


async def test_a_group_is_no_larger_than_it_may_be(database: Database) -> None:
    door = Door()
    group = Group(database, door, name="t", largest=10)
    await asyncio.gather(*(group.submit(note()) for _ in range(25)))
    assert door.sizes == [10, 10, 5]


async def test_poison_fails_alone_and_its_neighbours_are_written_once(database: Database) -> None:
    group = Group(database, write_notes, name="t")
    requests = [note("poison" if place in (3, 17) else f"n{place}") for place in range(30)]
    answers = await asyncio.gather(*(group.submit(request) for request in requests))
    assert [place for place, answer in enumerate(answers) if answer.status != 201] == [3, 17]
    assert {answers[3].body["title"], answers[17].body["title"]} == {"Internal error"}
    assert await texts(database) == {f"n{place}": 1 for place in range(30) if place not in (3, 17)}


async def test_a_fault_that_passes_is_not_seen_by_anybody(database: Database) -> None:
    door = Door(faults=[asyncpg.DeadlockDetectedError("deadlock"), ConnectionResetError("gone")])
    group = Group(database, door, name="t")
    answers = await asyncio.gather(*(group.submit(note()) for _ in range(5)))
    assert [answer.status for answer in answers] == [201] * 5
    assert door.sizes == [5, 5, 5]
    assert await texts(database) == {"note": 5}


async def test_a_fault_that_stays_is_told_with_a_time_to_come_back(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(groups, "PATIENCE_SECONDS", 0.2)
    door = Door(faults=[ConnectionResetError("gone")] * 1000)
    answer = await Group(database, door, name="t").submit(note())
    assert (answer.status, answer.headers["Retry-After"]) == (503, "1")
    assert await texts(database) == {}


async def test_a_commit_whose_news_was_lost_has_one_effect(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    group = Group(database, write_notes, name="t")
    attempt = group._attempt
    lost = [ConnectionResetError("the answer to COMMIT never came")]

    async def commit_and_lose(entries: object, *, each: bool) -> list[Answer]:
        answers = await attempt(entries, each=each)  # type: ignore[arg-type]
        if lost:
            raise lost.pop()
        return answers

    monkeypatch.setattr(group, "_attempt", commit_and_lose)
    answer = await group.submit(note("once"))
    assert answer.status == 201
    assert await texts(database) == {"once": 1}


async def test_a_request_whose_client_left_before_its_group_is_not_handled(database: Database) -> None:
    door = Door()
    group = Group(database, door, name="t")
    door.open.clear()
    first = asyncio.create_task(group.submit(note("first")))
    await sample.until(lambda: _true(door.sizes == [1]))
    gone = asyncio.create_task(group.submit(note("gone")))
    stays = asyncio.create_task(group.submit(note("stays")))
    await asyncio.sleep(0)
    gone.cancel()
    await asyncio.sleep(0)
    door.open.set()
    await asyncio.gather(first, stays)
    assert await texts(database) == {"first": 1, "stays": 1}


async def test_more_than_may_wait_are_refused_at_once(database: Database) -> None:
    door = Door()
    group = Group(database, door, name="t", largest=1, waiting=3)
    door.open.clear()
    tasks = [asyncio.create_task(group.submit(note()))]
    await sample.until(lambda: _true(door.sizes == [1]))
    tasks += [asyncio.create_task(group.submit(note())) for _ in range(5)]
    await asyncio.sleep(0)
    refused = [task.result() for task in tasks if task.done()]
    assert [answer.status for answer in refused] == [503, 503]
    assert refused[0].headers["Retry-After"] == "1"
    door.open.set()
    await asyncio.gather(*tasks)
    assert await texts(database) == {"note": 4}


async def test_each_request_of_a_transaction_goes_on_in_its_own_callers_trace(database: Database) -> None:
    """The one without a caller's trace gets that of its subject."""
    told: dict[str, str | None] = {}
    door = Door()

    async def publish(tx: Transaction, requests: Sequence[WriteNote]) -> list[Answer]:
        told.update({str(one.note_id): published("order.created", str(one.note_id), None) for one in requests})
        return await door(tx, requests)

    group = Group(database, publish, name="t")
    door.open.clear()
    first = asyncio.create_task(group.submit(note()))
    await sample.until(lambda: _true(door.sizes == [1]))
    notes = [note() for _ in range(4)]
    callers = [f"00-{number:032x}-{number:016x}-01" for number in (1, 2, 3)]

    async def ask(request: WriteNote, caller: str | None) -> Answer:
        with server_span(None, caller, "POST"):
            return await group.submit(request)

    asked = [asyncio.create_task(ask(*pair)) for pair in zip(notes, (*callers, None), strict=True)]
    await asyncio.sleep(0)
    door.open.set()
    await asyncio.gather(first, *asked)
    assert door.sizes == [1, 4]
    traces = [str(told[str(one.note_id)]).split("-")[1] for one in notes]
    assert traces == [f"{number:032x}" for number in (1, 2, 3)] + [notes[3].note_id.hex]
