"""The consumer on real Kafka and Postgres: nothing lost, nothing twice, nothing in the way of its neighbours."""

import asyncio
import json
import time
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.client import AIOKafkaClient
from aiokafka.protocol.fetch import FetchRequest
from aiokafka.record.default_records import _DefaultRecordBatchBuilderPy
from prometheus_client import REGISTRY

from shared.contracts.envelope import Header
from shared.runtime.clock import new_id
from shared.runtime.kafka import Consumer, session
from shared.runtime.kafka.metrics import LAG
from shared.runtime.subscriptions import Subscription, subscribed_types
from tests.component.runtime.conftest import (
    RESERVED,
    SERVICE,
    SHORT,
    Bench,
    Desk,
    headers_for,
    running,
    until,
    value_of,
)


async def test_events_are_handled_in_order_and_their_offsets_committed(bench: Bench) -> None:
    await bench.topics(RESERVED, SHORT)
    await bench.put([f"b{n}" for n in range(700)])
    async with bench.consuming() as consumer:
        await until(lambda: bench.value("SELECT count(*) = 700 FROM effects"))
        assert consumer.state() == "ok"
    assert await bench.effects() == [f"b{n}" for n in range(700)]
    assert await bench.committed() == 700
    assert await bench.letters() == []


UNREADABLE: list[tuple[str, bytes | None, list[Header], str]] = [
    ("null header", value_of("x"), [*headers_for("x"), ("h", None)], "invalid_headers"),
    ("non-UTF-8 header", value_of("x"), [*headers_for("x"), ("h", b"\xff\xfe")], "invalid_headers"),
    ("no ce_id", value_of("x"), [("content-type", b"application/json")], "invalid_headers"),
    ("bad JSON", b"{not json", headers_for("x"), "undecodable"),
    ("wrong schema", b'{"batch_id": 7}', headers_for("x"), "invalid_schema"),
    ("unknown type", value_of("x"), headers_for("x", type="materials.vanished"), "unknown_type"),
    ("null value", None, headers_for("x"), "no_data"),
    ("not UTF-8", b"\xff\x00\xfe", headers_for("x"), "undecodable"),
    ("too deep", b"[" * 100_000, [("content-type", b"application/cloudevents+json")], "undecodable"),
    ("a megabyte", b'"' + b"9" * 1_000_000 + b'"', headers_for("x"), "invalid_schema"),
]


@pytest.mark.parametrize(("_", "value", "headers", "reason"), UNREADABLE, ids=[row[0] for row in UNREADABLE])
async def test_an_unreadable_record_becomes_a_dead_letter_and_the_next_is_handled(
    bench: Bench, _: str, value: bytes | None, headers: list[Header], reason: str
) -> None:
    await bench.topics(RESERVED, SHORT)
    await bench.put(["before"])
    await bench.put_raw(value, headers, key=b"\xffkey")
    await bench.put(["behind"])
    async with bench.consuming():
        await until(lambda: bench.value("SELECT count(*) = 2 FROM effects"), 5)
        await until(lambda: _is(bench, 3))
    assert await bench.effects() == ["before", "behind"]
    [letter] = await bench.letters()
    assert (letter["reason"], letter["offset"], letter["attempts"]) == (reason, 1, 1)
    assert (letter["key"], letter["value"]) == (b"\xffkey", value)
    assert len(json.loads(letter["headers"])) == len(headers)


async def test_a_header_name_that_is_not_utf8_holds_neither_its_partition_nor_the_others(bench: Bench) -> None:
    await bench.topics(RESERVED, SHORT, partitions=2)
    await bench.put(["a0", "a1"], partition=0)
    async with bench.producer() as producer:
        await (await producer.send_batch(unparsable(producer), bench.prefix + RESERVED, partition=0))
    await bench.put(["a2"], partition=0)
    await bench.put(["b0"], partition=1)
    async with bench.consuming():
        await until(lambda: bench.value("SELECT count(*) = 4 FROM effects"), 5)
        await until(lambda: _is(bench, 4))
    assert [subject for subject in await bench.effects() if subject[0] == "a"] == ["a0", "a1", "a2"]
    [letter] = await bench.letters()
    assert (letter["reason"], letter["offset"]) == ("invalid_headers", 2)


async def test_a_structured_event_is_handled_like_a_binary_one(bench: Bench) -> None:
    await bench.topics(RESERVED, SHORT)
    envelope = {
        "specversion": "1.0",
        "id": str(new_id()),
        "source": "/flacon/inventory",
        "type": RESERVED,
        "aggregateversion": "1",
        "data": json.loads(value_of("structured")),
    }
    await bench.put_raw(
        json.dumps(envelope).encode(), [("content-type", b"application/cloudevents+json; charset=utf-8")]
    )
    async with bench.consuming():
        await until(lambda: bench.value("SELECT count(*) = 1 FROM effects"))
    assert await bench.effects() == ["structured"]


async def test_a_deletion_marker_of_a_compacted_topic_is_passed_over_without_a_trace(bench: Bench) -> None:
    await bench.topics("item.changed")
    await bench.put_raw(None, [], topic="item.changed")
    consumer = Consumer(
        service=SERVICE,
        database=bench.database,
        subscriptions=[Subscription(("item.changed",), bench.desk.handle)],
        bootstrap=bench.kafka,
        prefix=bench.prefix,
    )
    async with running(consumer):
        await until(lambda: _is(bench, 1, "item.changed"))
    assert await bench.letters() == []


async def test_poison_amid_a_batch_is_found_and_its_neighbours_are_handled_within_five_seconds(bench: Bench) -> None:
    await bench.topics(RESERVED, SHORT)
    bench.desk.poison = {"b77"}
    await bench.put([f"b{n}" for n in range(300)])
    started = time.monotonic()
    async with bench.consuming():
        await until(lambda: bench.value("SELECT count(*) = 299 FROM effects"), 5)
        await until(lambda: _is(bench, 300))
    assert time.monotonic() - started < 10
    assert await bench.effects() == [f"b{n}" for n in range(300) if n != 77]
    [letter] = await bench.letters()
    assert (letter["reason"], letter["offset"], letter["attempts"]) == ("handler_failed", 77, 3)
    assert letter["error"] == "ValueError: cannot decide about b77\N{REPLACEMENT CHARACTER}"
    assert await bench.value("SELECT count(*) FROM inbox") == 299


async def test_a_fault_that_passes_holds_one_partition_and_not_the_others(bench: Bench) -> None:
    await bench.topics(RESERVED, SHORT, partitions=2)
    bench.desk.faults["a1"] = 10_000
    await bench.put(["a0", "a1", "a2"], partition=0)
    await bench.put(["b0", "b1"], partition=1)
    async with bench.consuming() as consumer:
        await until(lambda: bench.value("SELECT count(*) = 2 FROM effects WHERE subject LIKE 'b%'"), 5)
        await until(lambda: bench.desk.tries["a1"] > 3)
        assert "wait" in consumer.state()
        await bench.put(["b2"], partition=1)
        await until(lambda: bench.value("SELECT count(*) = 3 FROM effects WHERE subject LIKE 'b%'"), 5)
        assert await bench.committed(partition=0) == 0
        assert await bench.value("SELECT count(*) FROM effects WHERE subject LIKE 'a%'") == 0
        bench.desk.faults["a1"] = 0
        await until(lambda: bench.value("SELECT count(*) = 6 FROM effects"))
        await until(lambda: consumer.state() == "ok")
        await until(lambda: _is(bench, 3))
    assert [subject for subject in await bench.effects() if subject[0] == "a"] == ["a0", "a1", "a2"]
    assert await bench.letters() == []


async def test_postgres_away_fills_no_dead_letters_and_loses_nothing(bench: Bench) -> None:
    await bench.topics(RESERVED, SHORT, partitions=2)
    async with bench.consuming() as consumer:
        await until(lambda: consumer.state() == "ok")
        await bench.database.close()
        await bench.put(["a0", "a1"], partition=0)
        await bench.put(["b0"], partition=1)
        await until(lambda: "wait" in consumer.state())
        await bench.database.open()
        await until(lambda: bench.value("SELECT count(*) = 3 FROM effects"))
    assert sorted(await bench.effects()) == ["a0", "a1", "b0"]
    assert await bench.letters() == []


async def test_a_redelivered_event_has_no_second_effect(bench: Bench) -> None:
    await bench.topics(RESERVED, SHORT)
    same = headers_for("once")
    for _ in range(3):
        await bench.put_raw(value_of("once"), same)
    async with bench.consuming():
        await until(lambda: _is(bench, 3))
    await bench.put_raw(value_of("once"), same)
    await bench.put(["last"])
    async with bench.consuming():
        await until(lambda: _is(bench, 5))
    assert await bench.effects() == ["once", "last"]


async def test_a_second_consumer_joins_amid_a_batch_and_nothing_is_handled_twice(bench: Bench) -> None:
    await bench.topics(RESERVED, SHORT, partitions=4)
    first, second = Desk(), Desk()
    repeated = duplicates()
    first.hold = asyncio.Event()
    for partition in range(4):
        await bench.put([f"p{partition}n{n}" for n in range(100)], partition=partition)
    async with bench.consuming(first, "1") as holder:
        await first.holding.wait()
        async with bench.consuming(second, "2") as joined:
            await until(lambda: holder.state() == "no assignment yet")
            asyncio.get_running_loop().call_later(1, first.hold.set)
            await until(lambda: joined.state() == "ok", 30)
            await bench.put([f"p0m{n}" for n in range(50)], partition=0)
            await bench.put([f"p1m{n}" for n in range(50)], partition=1)
            await until(lambda: bench.value("SELECT count(*) = 500 FROM effects"), 20)
    effects = await bench.effects()
    assert len(effects) == len(set(effects)) == 500
    for partition in range(4):
        mine = [subject for subject in effects if subject.startswith(f"p{partition}n")]
        assert mine == [f"p{partition}n{n}" for n in range(100)]
    assert not second.tries.keys() & first.tries.keys()
    assert duplicates() == repeated, "the batch in hand was to end before its partitions moved"


async def test_a_partition_that_moves_takes_its_lag_along(bench: Bench) -> None:
    await bench.topics(RESERVED, SHORT, partitions=4)
    for partition in range(4):
        await bench.put([f"p{partition}"], partition=partition)
    async with bench.consuming(instance="1"):
        await until(lambda: partitions_shown() == {"0", "1", "2", "3"})
        async with bench.consuming(instance="2"):
            await until(lambda: partitions_shown() == set(), 30)
            await bench.put(["p0"])
            await until(lambda: partitions_shown() == {"0"})
    assert partitions_shown() == set(), "who has left tells nothing"


def partitions_shown() -> set[str]:
    """The partitions whose lag some consumer of this process shows."""
    labels = [shown.labels for family in LAG.collect() for shown in family.samples]
    return {one["partition"] for one in labels if one["service"] == SERVICE}


async def test_a_consumer_waits_for_its_topics_and_says_which_are_missing(bench: Bench) -> None:
    await bench.topics(RESERVED)
    async with bench.consuming() as consumer:
        await until(lambda: consumer.state() == f"topics are missing: {bench.prefix}{SHORT}")
        await bench.topics(SHORT)
        await until(lambda: consumer.state() == "ok")


async def test_a_consumer_at_rest_asks_the_broker_seldom_and_hears_at_once(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "POLL_MS", 200)
    asked: list[int] = []
    send = AIOKafkaClient.send

    async def counted(client: Any, node: Any, request: Any, **how: Any) -> Any:
        if isinstance(request, FetchRequest):
            asked.append(request._max_wait_ms)
        return await send(client, node, request, **how)

    monkeypatch.setattr(AIOKafkaClient, "send", counted)
    await bench.topics(RESERVED, SHORT)
    async with bench.consuming():
        await until(lambda: _true(asked.count(session.IDLE_FETCH_WAIT_MS) >= 3))
        asked.clear()
        await asyncio.sleep(2)
        assert set(asked) == {session.IDLE_FETCH_WAIT_MS}
        assert len(asked) <= 10
        await bench.put(["heard"])
        await until(lambda: bench.value("SELECT count(*) = 1 FROM effects"))
        await until(lambda: _true(session.FETCH_WAIT_MS in asked))


async def _true(value: bool) -> bool:
    return value


async def test_a_stopping_consumer_finishes_the_batch_in_hand_and_commits_it(bench: Bench) -> None:
    await bench.topics(RESERVED, SHORT)
    bench.desk.hold = asyncio.Event()
    await bench.put([f"b{n}" for n in range(10)])
    async with bench.consuming():
        await bench.desk.holding.wait()
        asyncio.get_running_loop().call_later(0.5, bench.desk.hold.set)
    assert await bench.committed() == 10
    assert len(await bench.effects()) == 10


def test_a_table_of_subscriptions_names_known_events_once() -> None:
    desk = Desk()
    assert subscribed_types(desk.subscriptions) == (RESERVED, SHORT)
    with pytest.raises(ValueError, match="not in the catalog"):
        subscribed_types([Subscription(("materials.vanished",), desk.handle)])
    with pytest.raises(ValueError, match="two subscriptions"):
        subscribed_types([*desk.subscriptions, Subscription((SHORT,), desk.handle)])


def duplicates() -> float:
    labels = {"service": SERVICE, "topic": RESERVED}
    return REGISTRY.get_sample_value("flacon_records_duplicate_total", labels) or 0.0


class _Latin(str):
    """A header's name as a client of another language may write it."""

    def encode(self, *_: Any) -> bytes:
        return b"na\xefve"


def unparsable(producer: AIOKafkaProducer) -> Any:
    batch = producer.create_batch()
    batch._builder = _DefaultRecordBatchBuilderPy(
        2, 0, is_transactional=0, producer_id=-1, producer_epoch=-1, base_sequence=0, batch_size=9999
    )
    batch.append(timestamp=None, key=None, value=value_of("x"), headers=[(_Latin("naive"), b"v")])
    return batch


async def _is(bench: Bench, offset: int, topic: str = RESERVED) -> bool:
    return await bench.committed(topic) == offset
