"""Poison of every sort on every topic: each record is accounted for, and the one behind it is handled."""

import random
import time
from collections import Counter
from functools import partial
from typing import Any
from uuid import UUID

import orjson
import pytest

from shared.contracts.catalog import BY_NAME, EVENTS
from tests.installation import System
from tests.shop import Shop, until
from tests.structure.house import ROOT

SAMPLES = ROOT / "tests" / "contract" / "samples" / "0.1.0"
READ = [event for event in EVENTS if event.readers]
LARGEST = 1_048_000
SOON_SECONDS = 5.0


def _id(number: int) -> bytes:
    """A foreign event id: never one that a service made."""
    return str(UUID(int=random.Random(number).getrandbits(128), version=4)).encode()


def _headers(event: str, number: int, **changed: bytes | None) -> list[tuple[str, bytes | None]]:
    headers: dict[str, bytes | None] = {
        "ce_specversion": b"1.0",
        "ce_id": _id(number),
        "ce_source": b"/elsewhere",
        "ce_type": event.encode(),
        "ce_subject": b"x",
        "ce_time": b"2026-01-31T12:00:00.000Z",
        "ce_aggregateversion": b"1",
        "content-type": b"application/json",
        **changed,
    }
    return list(headers.items())


def _poison(event: str) -> list[tuple[str, bytes | None, list[tuple[str, bytes | None]]]]:
    """(reason, value, headers) of records that no service can read."""
    sample = (SAMPLES / f"{event}.json").read_bytes()
    poison: list[tuple[str, bytes | None, list[tuple[str, bytes | None]]]] = [
        ("invalid_headers", sample, _headers(event, 1, strange=None)),
        ("invalid_headers", sample, _headers(event, 2, strange=b"\xff\xfe")),
        ("undecodable", b"{not json", _headers(event, 3)),
        ("undecodable", b"\xff\xfe\x00", _headers(event, 4)),
        ("invalid_schema", b'{"occurred_at": 7}', _headers(event, 5)),
        ("unknown_type", sample, _headers(event, 6, ce_type=b"order.eaten")),
        ("undecodable", b'{"pad": "' + b"x" * LARGEST, _headers(event, 7)),
    ]
    if not BY_NAME[event].compacted:
        poison.append(("no_data", None, _headers(event, 8)))
    return poison


@pytest.mark.parametrize("event", READ, ids=lambda event: event.name)
async def test_records_in_are_handled_or_duplicates_or_dead_letters(system: System, event: Any) -> None:
    async with Shop(system.stack) as shop:
        before = {reader: await _counts(shop, reader, event.name) for reader in event.readers}
        poison = _poison(event.name)
        good = (SAMPLES / f"{event.name}.json").read_bytes()
        records = [(b"same-key", value, headers) for _, value, headers in poison]
        records += [(b"same-key", good, _headers(event.name, 9))] * 2
        started = time.monotonic()
        places = await shop.publish(event.name, records)
        assert len({place.partition for place in places}) == 1
        for reader in event.readers:
            await until(
                partial(_accounted, shop, reader, event.name, before[reader], len(records)),
                seconds=SOON_SECONDS,
                what=f"{len(records)} records of {event.name} accounted for by {reader}",
            )
        assert time.monotonic() - started < SOON_SECONDS + 5
        for reader in event.readers:
            change = await _counts(shop, reader, event.name)
            change.subtract(before[reader])
            reasons = await _reasons(shop, reader, event.name)
            assert reasons >= Counter(reason for reason, _, _ in poison)
            assert change["handled"] + change["dead"] + change["duplicate"] == len(records)
            assert change["duplicate"] >= 1 or reasons["handler_failed"] >= 1


async def _counts(shop: Shop, service: str, topic: str) -> Counter[str]:
    return Counter(
        {
            kind: int(sum(await shop.metric(service, f"flacon_records_{kind}_total", topic=topic)))
            for kind in ("handled", "duplicate", "dead")
        }
    )


async def _accounted(shop: Shop, service: str, topic: str, before: Counter[str], records: int) -> bool:
    now = await _counts(shop, service, topic)
    return sum(now.values()) - sum(before.values()) == records


async def _reasons(shop: Shop, service: str, topic: str) -> Counter[str]:
    place = "orders" if service == "order" else service
    letters = await shop.every(service, f"/api/{place}/dead-letters?topic={shop.stack.topic_prefix}{topic}")
    return Counter(letter["reason"] for letter in letters)


async def test_a_dead_letter_keeps_every_byte_and_is_copied(system: System) -> None:
    async with Shop(system.stack) as shop:
        value, headers = b"{broken \xf0\x9f", [*_headers("order.created", 77), ("odd", b"\x00\xff")]
        places = await shop.publish("order.created", [(b"k\xff", value, headers)])

        async def copied() -> Any:
            records = (await shop.records("inventory.dlq"))["inventory.dlq"]
            return next((one for one in records if one.value == value), None)

        copy = await until(copied, seconds=15, what="the copy on inventory.dlq")
        told = dict(copy.headers)
        assert copy.key == b"k\xff"
        assert {name: told[name] for name, _ in headers} == dict(headers)
        assert told["dlq_topic"] == f"{shop.stack.topic_prefix}order.created".encode()
        assert (told["dlq_partition"], told["dlq_offset"]) == (
            str(places[0].partition).encode(),
            str(places[0].offset).encode(),
        )
        assert told["dlq_reason"] == b"invalid_headers"


async def test_a_replayed_dead_letter_is_handled_once(system: System) -> None:
    async with Shop(system.stack) as shop:
        sample = orjson.loads((SAMPLES / "fulfillment.shipped.json").read_bytes())
        sample["shipped"][0]["product_id"] = "late-rose"
        sample["lines"][0]["product_id"] = "late-rose"
        sample |= {"order_id": str(UUID(int=7 << 76 | 2 << 62)), "shipment_id": str(UUID(int=7 << 76 | 2 << 62 | 9))}
        await shop.publish("fulfillment.shipped", [(b"k", orjson.dumps(sample), _headers("fulfillment.shipped", 99))])

        async def parked() -> Any:
            path = f"/api/inventory/dead-letters?state=open&topic={shop.stack.topic_prefix}fulfillment.shipped"
            letters = await shop.every("inventory", path)
            return next((one for one in letters if b"late-rose" in (one["value"] or "").encode()), None)

        letter = await until(parked, seconds=15, what="a shipment of an unknown product parked")
        assert letter["reason"] == "handler_failed"
        await shop.product("late-rose", 10)
        path = f"/api/inventory/dead-letters/{letter['dead_letter_id']}/replay"
        assert (await shop.ask("inventory", "POST", path)).json()["result"] == "handled"
        assert (await shop.ask("inventory", "POST", path)).json()["result"] == "duplicate"
        assert (await shop.levels("late-rose"))[0] == 10 - sample["shipped"][0]["quantity"]
