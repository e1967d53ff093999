"""Once is once: inbox, effect and outbox are one transaction, however many handle the same record."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from shared.contracts.envelope import Event
from shared.contracts.fulfillment import FulfillmentCreated
from shared.runtime import inbox
from shared.runtime.clock import first_id_at, new_id
from shared.runtime.database import Database
from shared.runtime.jobs import Job, tick_once
from shared.runtime.partitions import MESSAGING, keep_partitions
from shared.runtime.wakeups import Wakeups

NOW = datetime(2026, 1, 31, tzinfo=UTC)


@pytest.fixture
async def database(fresh_database: Callable[[str], Awaitable[str]]) -> AsyncIterator[Database]:
    opened = Database("fulfillment", await fresh_database("fulfillment"), shards=2, largest=8)
    await opened.open()
    yield opened
    await opened.close()


def _payload(order_id: str = "o-1") -> FulfillmentCreated:
    return FulfillmentCreated(
        occurred_at=NOW,
        order_id=order_id,
        fulfillment_id="f-1",
        customer_id=None,
        order_version=1,
        status="created",
        closed=False,
        lines=(),
    )


def _event(id: UUID | None = None, source: str = "/flacon/order") -> Event[Any]:
    return Event(id=id or new_id(), type="order.ready", source=source, subject="o-1", version=1, data=_payload())


async def _count(database: Database, table: str) -> int:
    statements = {
        "outbox": "SELECT count(*) FROM outbox",
        "inbox": "SELECT (SELECT count(*) FROM inbox) + (SELECT count(*) FROM inbox_foreign)",
        "inbox_foreign": "SELECT count(*) FROM inbox_foreign",
    }
    return int(await database.pool.fetchval(statements[table]))


async def test_two_transactions_with_the_same_event_handle_it_once(database: Database) -> None:
    event, entered = _event(), asyncio.Event()

    async def handle(hold: bool) -> int:
        async with database.transaction() as tx:
            if not hold:
                await entered.wait()
            fresh = await inbox.first_seen(tx, [event])
            entered.set()
            for one in fresh:
                tx.publish(_payload(), version=1, cause=one.id)
            await asyncio.sleep(0.2 if hold else 0)
        return len(fresh)

    assert sorted(await asyncio.gather(handle(True), handle(False))) == [0, 1]
    assert await _count(database, "outbox") == 1


async def test_if_the_first_of_two_fails_the_second_handles_the_event(database: Database) -> None:
    event, entered = _event(), asyncio.Event()

    async def fail() -> None:
        async with database.transaction() as tx:
            await inbox.first_seen(tx, [event])
            entered.set()
            await asyncio.sleep(0.2)
            raise RuntimeError("the handler broke")

    async def handle() -> int:
        await entered.wait()
        async with database.transaction() as tx:
            return len(await inbox.first_seen(tx, [event]))

    first, second = await asyncio.gather(fail(), handle(), return_exceptions=True)
    assert isinstance(first, RuntimeError)
    assert second == 1


async def test_what_is_rolled_back_leaves_no_event_and_no_id(database: Database) -> None:
    with pytest.raises(RuntimeError):
        async with database.transaction() as tx:
            await inbox.first_seen(tx, [_event()])
            tx.publish(_payload(), version=1)
            await tx.flush()
            raise RuntimeError("the handler broke")
    assert (await _count(database, "outbox"), await _count(database, "inbox")) == (0, 0)


async def test_a_repeat_within_a_batch_is_dropped_and_the_order_is_kept(database: Database) -> None:
    first, second = _event(), _event()
    async with database.transaction() as tx:
        fresh = await inbox.first_seen(tx, [second, first, second, first])
    assert [event.id for event in fresh] == [second.id, first.id]


async def test_ids_that_are_foreign_or_older_than_the_partitions_are_kept_beside_them(database: Database) -> None:
    old = UUID(int=first_id_at(datetime.now(UTC) - timedelta(days=30)).int | 0x7 << 76 | 0b10 << 62)
    events = [_event(), _event(uuid4(), source="/elsewhere"), _event(old)]
    for expected in (3, 0):
        async with database.transaction() as tx:
            assert len(await inbox.first_seen(tx, events)) == expected
    assert (await _count(database, "inbox"), await _count(database, "inbox_foreign")) == (3, 2)


async def test_events_of_a_key_share_a_shard_and_are_numbered_in_order(database: Database) -> None:
    async with database.transaction() as tx:
        for number in range(1, 41):
            tx.publish(_payload(f"o-{number % 4}"), version=number)
    rows = await database.pool.fetch("SELECT shard, seq, aggregateid, version, type FROM outbox ORDER BY shard, seq")
    assert len(rows) == 40
    assert {row["type"] for row in rows} == {"fulfillment.created"}
    for key in {row["aggregateid"] for row in rows}:
        of_key = [row for row in rows if row["aggregateid"] == key]
        assert len({row["shard"] for row in of_key}) == 1
        assert [row["version"] for row in of_key] == sorted(row["version"] for row in of_key)


async def test_partitions_are_made_once_and_unsent_events_are_never_dropped(database: Database) -> None:
    async with database.transaction() as tx:
        await keep_partitions(tx, MESSAGING)
        assert await keep_partitions(tx, MESSAGING) == 0
        old = datetime.now(UTC) - timedelta(days=3)
        start = old.replace(minute=0, second=0, microsecond=0)
        name = f"outbox_{start:%Y%m%d%H}"
        end = start + timedelta(hours=1)
        await tx.execute("SELECT make_partition('outbox', $1, $2, $3)", name, start.isoformat(), end.isoformat())
        await tx.execute(
            "INSERT INTO outbox (shard, seq, id, aggregatetype, aggregateid, type, version, payload, headers,"
            " created_at) VALUES (0, 7, $1, 'order', 'o', 'x', 1, '{}', '{}', $2)",
            new_id(),
            old,
        )
    for sent_through, dropped in ((6, 0), (7, 1)):
        async with database.transaction() as tx:
            await tx.execute(
                "INSERT INTO relay (shard, sent_through) VALUES (0, $1)"
                " ON CONFLICT (shard) DO UPDATE SET sent_through = excluded.sent_through",
                sent_through,
            )
            assert await keep_partitions(tx, MESSAGING) == dropped


async def test_a_job_that_runs_alone_is_left_to_the_instance_that_runs_it(database: Database) -> None:
    running, release, ticks = asyncio.Event(), asyncio.Event(), 0

    async def tick(tx: Any) -> int:
        nonlocal ticks
        ticks += 1
        running.set()
        await release.wait()
        return 1

    job = Job("sweep", every_seconds=60, tick=tick)
    first = asyncio.create_task(tick_once(database, job))
    await running.wait()
    assert await asyncio.wait_for(tick_once(database, job), 10) == 0
    release.set()
    assert await first == 1
    assert ticks == 1


async def test_a_commit_wakes_who_waits_here_and_in_another_process(database: Database) -> None:
    stop = asyncio.Event()
    elsewhere = Wakeups("fulfillment", database.dsn)
    tasks = [asyncio.create_task(wakeups.run(stop)) for wakeups in (database.wakeups, elsewhere)]
    woken = [asyncio.create_task(wakeups.wait("test", 30)) for wakeups in (database.wakeups, elsewhere)]
    try:
        async with asyncio.timeout(10):
            while not all(task.done() for task in woken):
                async with database.transaction() as tx:
                    await tx.clock()
                await asyncio.sleep(0.05)
    finally:
        stop.set()
        await asyncio.gather(*tasks)
