"""The relay on real Kafka and Postgres: all that was committed goes out, each key in order, through every fault."""

import asyncio
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest
from aiokafka.partitioner import DefaultPartitioner

from shared.runtime import outbox
from shared.runtime.clock import new_id
from shared.runtime.kafka.publisher import Publisher, partition_of
from shared.runtime.outbox import Outgoing
from shared.runtime.relay import unsent
from shared.runtime.republish import republish
from tests.component.runtime.conftest import RESERVED, SHORT, Bench, running, until

SENT_THROUGH = "SELECT coalesce((SELECT sent_through FROM relay WHERE shard = 0), 0)"
RELAY_SESSIONS = (
    "SELECT pid FROM pg_stat_activity WHERE application_name LIKE '%-relay' AND datname = current_database()"
)


def outgoing(key: str, version: int, payload: str | None = None, type: str = RESERVED) -> Outgoing:
    id = new_id()
    headers = {"ce_id": str(id), "ce_type": type, "grüße": "naïve ☂"}
    return Outgoing(0, id, "batch", key, type, version, payload or f'{{"v":"{key}:{version}"}}', headers)


async def commit(bench: Bench, *events: Outgoing) -> None:
    async with bench.database.transaction() as tx:
        await outbox.insert(tx.connection, events)


async def drained(bench: Bench) -> bool:
    async with bench.database.reading() as connection:
        return (await unsent(connection))[0] == 0


async def test_a_committed_event_goes_out_byte_for_byte_on_the_partition_java_would_choose(bench: Bench) -> None:
    await bench.topics(RESERVED, partitions=4)
    events = [outgoing(f"key-{n}", 1, payload=f'{{"é": {n} }}') for n in range(20)]
    async with running(bench.relay()):
        await commit(bench, *events)
        records = await bench.heard(RESERVED, 20)
    by_key = {record.key: record for record in records}
    assert len(records) == len(by_key) == 20
    for event in events:
        record = by_key[event.aggregateid.encode()]
        assert record.value == event.payload.encode()
        assert list(record.headers) == [(name, text.encode()) for name, text in event.headers.items()]
        assert record.partition == DefaultPartitioner()(record.key, [0, 1, 2, 3], [0, 1, 2, 3])
        assert record.partition == partition_of(record.key, 4)


async def test_an_uncommitted_event_never_goes_out(bench: Bench) -> None:
    await bench.topics(RESERVED)
    async with running(bench.relay()):
        with suppress(ZeroDivisionError):
            async with bench.database.transaction() as tx:
                await outbox.insert(tx.connection, [outgoing("lost", 1)])
                raise ZeroDivisionError
        await commit(bench, outgoing("kept", 1))
        [record] = await bench.heard(RESERVED, 2, seconds=2)
    assert record.key == b"kept"


async def test_a_late_commit_with_an_early_number_is_not_lost(bench: Bench) -> None:
    await bench.topics(RESERVED)
    async with running(bench.relay()):
        async with bench.database.transaction() as slow:
            await outbox.insert(slow.connection, [outgoing("slow", 1)])
            await commit(bench, outgoing("quick", 1))
            [first] = await bench.heard(RESERVED, 1)
            assert first.key == b"quick"
            await until(lambda: bench.value("SELECT gaps = '{1}' FROM relay"))
        await until(lambda: bench.value("SELECT gaps = '{}' FROM relay"))
        records = await bench.heard(RESERVED, 2)
    assert [record.key for record in records] == [b"quick", b"slow"]


async def test_a_gap_that_a_dead_leader_knew_of_is_filled_by_the_next(bench: Bench) -> None:
    await bench.topics(RESERVED)
    async with bench.database.transaction() as slow:
        await outbox.insert(slow.connection, [outgoing("slow", 1)])
        await commit(bench, outgoing("quick", 1))
        async with running(bench.relay()):
            await until(lambda: bench.value("SELECT gaps = '{1}' FROM relay"))
    async with running(bench.relay()):
        records = await bench.heard(RESERVED, 2)
    assert [record.key for record in records] == [b"quick", b"slow"]


async def test_the_gap_of_a_rollback_is_closed_after_its_time(bench: Bench) -> None:
    await bench.topics(RESERVED)
    async with running(bench.relay(gap_seconds=0.5)):
        with suppress(ZeroDivisionError):
            async with bench.database.transaction() as tx:
                await outbox.insert(tx.connection, [outgoing("lost", 1), outgoing("lost", 2)])
                raise ZeroDivisionError
        await commit(bench, outgoing("kept", 1))
        await until(lambda: bench.value("SELECT gaps = '{1,2}' FROM relay"))
        await until(lambda: bench.value("SELECT gaps = '{}' AND sent_through = 3 FROM relay"), 5)


async def test_two_relays_and_their_leader_shot_again_and_again_keep_every_key_in_order(bench: Bench) -> None:
    await bench.topics(RESERVED, partitions=2)
    keys, versions = [f"k{n}" for n in range(8)], 60
    async with running(bench.relay(instance="1")), running(bench.relay(instance="2")):
        writers = [asyncio.create_task(_write(bench, key, versions)) for key in keys]
        for _ in range(4):
            await asyncio.sleep(0.3)
            await bench.rows(f"SELECT pg_terminate_backend(pid) FROM ({RELAY_SESSIONS}) AS sessions")
        await asyncio.gather(*writers)
        await until(lambda: drained(bench), 20)
    assert await bench.value(SENT_THROUGH) == len(keys) * versions
    records = await bench.heard(RESERVED, len(keys) * versions, seconds=10)
    for key in keys:
        versions_heard = [record.value for record in records if record.key == key.encode()]
        first_hearing = list(dict.fromkeys(versions_heard))
        assert first_hearing == [f'{{"v":"{key}:{version}"}}'.encode() for version in range(versions)]


async def test_only_one_of_two_relays_leads_and_the_other_takes_over(bench: Bench) -> None:
    await bench.topics(RESERVED)
    one, two = bench.relay(instance="1"), bench.relay(instance="2")
    async with running(two):
        async with running(one):
            await until(lambda: one.leading or two.leading)
            await until(lambda: one.state() == two.state() == "ok")
            assert len(one.leading) + len(two.leading) == 1
        await until(lambda: two.leading == [0])
        await commit(bench, outgoing("after", 1))
        [record] = await bench.heard(RESERVED, 1)
    assert record.key == b"after"


async def test_dying_between_sending_and_the_cursor_means_sending_twice_and_losing_nothing(bench: Bench) -> None:
    await bench.topics(RESERVED)
    await bench.database.pool.execute("""
        CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'no cursor today'; END $$;
        CREATE TRIGGER refuse BEFORE UPDATE ON relay FOR EACH ROW EXECUTE FUNCTION refuse();
    """)
    await commit(bench, *(outgoing("k", version) for version in range(50)))
    relay = bench.relay()
    async with running(relay):
        await bench.heard(RESERVED, 50)
        await until(lambda: "no cursor today" in relay.state())
        await bench.database.pool.execute("DROP TRIGGER refuse ON relay")
        await until(lambda: bench.value(f"{SENT_THROUGH} = 50"))
        await until(lambda: relay.state() == "ok")
    records = await bench.heard(RESERVED, 100)
    assert len(records) >= 100
    assert list(dict.fromkeys(record.value for record in records)) == [
        f'{{"v":"k:{version}"}}'.encode() for version in range(50)
    ]


async def test_a_broker_that_comes_late_gets_everything(bench: Bench, unused_tcp_port: int) -> None:
    await bench.topics(RESERVED, SHORT)
    late = f"127.0.0.1:{unused_tcp_port}"
    relay = bench.relay(bootstrap=late)
    kafka, bench.kafka = bench.kafka, late
    async with running(relay), bench.consuming() as consumer:
        await commit(bench, outgoing("k", 1))
        await until(lambda: "KafkaConnectionError" in relay.state() and late in consumer.state())
        host, port = kafka.split(":")
        async with await asyncio.start_server(_through(host, int(port)), "127.0.0.1", unused_tcp_port):
            await until(lambda: relay.state() == consumer.state() == "ok", 20)
            await until(lambda: drained(bench))
    bench.kafka = kafka
    [record] = await bench.heard(RESERVED, 1)
    assert record.key == b"k"


async def test_events_of_nearly_a_megabyte_go_out_in_order(bench: Bench) -> None:
    await bench.topics(RESERVED)
    payloads = [f'"{n}{"x" * 900_000}"' for n in range(30)]
    await commit(bench, *(outgoing("k", n, payload) for n, payload in enumerate(payloads)))
    async with running(bench.relay()):
        records = await bench.heard(RESERVED, 30)
    assert [record.value.decode() for record in records] == payloads


async def test_what_was_committed_before_the_stop_is_sent_before_it_ends(bench: Bench) -> None:
    await bench.topics(RESERVED)
    relay = bench.relay()
    async with running(relay):
        await until(lambda: relay.leading == [0])
        await commit(bench, *(outgoing("k", version) for version in range(5000)))
    assert await bench.value(SENT_THROUGH) == 5000


async def test_the_outbox_tells_how_many_wait_and_for_how_long(bench: Bench) -> None:
    async with bench.database.reading() as connection:
        assert await unsent(connection) == (0, None)
    await commit(bench, outgoing("k", 1), outgoing("k", 2))
    async with bench.database.reading() as connection:
        count, oldest = await unsent(connection)
    assert count == 2
    assert oldest is not None and 0 <= oldest < 60


async def test_republishing_sends_what_was_committed_since_then_with_the_same_ids(bench: Bench) -> None:
    await bench.topics(RESERVED, SHORT)
    await commit(bench, outgoing("old", 1))
    since: datetime = await bench.value("SELECT clock_timestamp()")
    events = [outgoing("k", 1), outgoing("k", 2), outgoing("k", 3, type=SHORT)]
    await commit(bench, *events)
    async with Publisher(bench.kafka) as publisher:
        assert await republish(bench.database, publisher, since=since, prefix=bench.prefix) == 3
        assert await republish(bench.database, publisher, since=since, type=SHORT, prefix=bench.prefix) == 1
        with pytest.raises(ValueError, match="time zone"):
            await republish(bench.database, publisher, since=datetime.now(UTC).replace(tzinfo=None))
    heard = [dict(record.headers)["ce_id"].decode() for record in await bench.heard(RESERVED, 2)]
    assert heard == [str(event.id) for event in events[:2]]
    assert len(await bench.heard(SHORT, 2)) == 2
    assert await bench.value("SELECT count(*) FROM relay") == 0
    assert since > datetime.now(UTC) - timedelta(hours=1)


async def _write(bench: Bench, key: str, versions: int) -> None:
    """As an operation does: the number is taken while the aggregate is locked, the commit comes a while later."""
    lock = sum(key.encode())
    for version in range(versions):
        with suppress(asyncpg.InterfaceError):
            async with bench.database.transaction() as tx:
                await tx.execute("SELECT pg_advisory_xact_lock($1)", lock)
                await outbox.insert(tx.connection, [outgoing(key, version)])
                await tx.execute("SELECT pg_sleep(random() * 0.02)")


def _through(host: str, port: int) -> Any:
    """A broker's address that opens later: passes everything on."""

    async def copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while chunk := await source.read(65_536):
                target.write(chunk)
                await target.drain()
        target.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inner_reader, inner_writer = await asyncio.open_connection(host, port)
        await asyncio.gather(copy(reader, inner_writer), copy(inner_reader, writer))

    return serve
