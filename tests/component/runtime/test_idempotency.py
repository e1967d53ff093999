"""Idempotency keys: one effect for each key, whoever else uses it at the same time."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence

import asyncpg
import pytest

from shared.runtime import idempotency
from shared.runtime.clock import new_id
from shared.runtime.database import Database
from shared.runtime.groups import Answer, Group
from shared.runtime.idempotency import IdempotencyKey
from shared.runtime.transaction import Transaction
from tests.component.runtime import sample
from tests.component.runtime.sample import WriteNote, write_notes
from tests.servers import Servers


@pytest.fixture
async def database(servers: Servers) -> AsyncIterator[Database]:
    async with sample.fresh_database(servers) as database:
        yield database


def key(name: str, body: bytes = b"{}", sub: str = "me", route: str = "POST /x") -> IdempotencyKey:
    return IdempotencyKey(sub, route, name, idempotency.fingerprint_of("POST", "/x", body))


def note(text: str = "note") -> WriteNote:
    return WriteNote(new_id(), text)


async def count(database: Database, table: str = "notes") -> int:
    async with database.reading() as connection:
        return int(await connection.fetchval(f"SELECT count(*) FROM {table}"))


async def test_a_repeat_gets_the_first_answer_and_has_no_effect(database: Database) -> None:
    group = Group(database, write_notes, name="t")
    first = await group.submit(note(), key("a"))
    again = await group.submit(note(), key("a"))
    assert (first.replayed, again.replayed) == (False, True)
    assert again.body["note_id"] == str(first.body["note_id"])
    assert again.headers == first.headers
    assert await count(database) == 1


async def test_another_body_another_sub_and_another_route(database: Database) -> None:
    group = Group(database, write_notes, name="t")
    await group.submit(note(), key("a"))
    reused = await group.submit(note(), key("a", body=b'{"x":1}'))
    assert (reused.status, reused.body["type"]) == (422, "urn:flacon:problem:idempotency-key-reused")
    assert (await group.submit(note(), key("a", sub="you"))).replayed is False
    assert (await group.submit(note(), key("a", route="POST /y"))).replayed is False
    assert await count(database) == 3


async def test_fifty_at_once_with_one_key_have_one_effect(database: Database) -> None:
    group = Group(database, write_notes, name="t")
    answers = await asyncio.gather(*(group.submit(note(), key("a")) for _ in range(50)))
    assert [answer.replayed for answer in answers].count(False) == 1
    assert {str(answer.body["note_id"]) for answer in answers} == {str(answers[0].body["note_id"])}
    assert await count(database) == 1


async def test_two_processes_with_the_same_keys_have_one_effect_each(database: Database) -> None:
    here, there = (Group(database, write_notes, name=name) for name in ("here", "there"))
    names = [f"k{number}" for number in range(60)]
    tasks = [here.submit(note(), key(name)) for name in names]
    tasks += [there.submit(note(), key(name)) for name in reversed(names)]
    answers = await asyncio.gather(*tasks)
    assert {answer.status for answer in answers} <= {201, 409}
    assert sum(answer.status == 201 and not answer.replayed for answer in answers) == 60
    assert await count(database) == 60


async def test_a_key_that_is_not_committed_elsewhere_is_in_flight_and_delays_no_neighbour(database: Database) -> None:
    async with database.transaction() as other:
        await idempotency.claim(other, [key("held")])
        group = Group(database, write_notes, name="t")
        started = time.monotonic()
        held, free = await asyncio.gather(group.submit(note(), key("held")), group.submit(note(), key("free")))
        took = time.monotonic() - started
    assert (held.status, held.body["type"]) == (409, "urn:flacon:problem:idempotency-key-in-flight")
    assert held.headers["Retry-After"] == "1"
    assert free.status == 201
    assert took < 2
    assert await count(database) == 1


async def test_the_patience_for_keys_is_not_that_for_rows(database: Database) -> None:
    async with database.transaction() as tx:
        before = await tx.fetchval("SHOW lock_timeout")
        await idempotency.claim(tx, [key("a")])
        assert await tx.fetchval("SHOW lock_timeout") == before == "5s"


@pytest.mark.parametrize(("text", "kept"), [("refuse", 1), ("invalid", 0), ("poison", 0)])
async def test_which_answers_leave_a_key(database: Database, text: str, kept: int) -> None:
    group = Group(database, write_notes, name="t")
    first = await group.submit(note(text), key("a"))
    assert first.status == {"refuse": 409, "invalid": 422, "poison": 500}[text]
    assert await count(database, "idempotency") == kept
    again = await group.submit(note(), key("a"))
    assert (again.status, again.replayed) == ((409, True) if kept else (201, False))


async def test_the_key_is_written_with_the_change_or_not_at_all(database: Database) -> None:
    async def write_and_fail(tx: Transaction, requests: Sequence[WriteNote]) -> list[Answer]:
        raise ValueError("after the key was taken")

    await Group(database, write_and_fail, name="t").submit(note(), key("a"))
    assert await count(database, "idempotency") == 0


async def test_keys_older_than_a_day_are_forgotten(database: Database) -> None:
    group = Group(database, write_notes, name="t")
    await group.submit(note(), key("old"))
    await group.submit(note(), key("new"))
    await database.pool.execute(
        "UPDATE idempotency SET created_at = clock_timestamp() - interval '24 hours 1 second' WHERE key = 'old'"
    )
    async with database.transaction() as tx:
        assert await idempotency.purge_keys(tx) == 1
    async with database.reading() as connection:
        rows: list[asyncpg.Record] = await connection.fetch("SELECT key FROM idempotency")
    assert [row["key"] for row in rows] == ["new"]
