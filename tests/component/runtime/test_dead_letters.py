"""Dead letters: shown, copied byte for byte, replayed once, purged."""

import asyncio
from base64 import b64encode
from typing import Any
from uuid import UUID

import pytest

from shared.runtime import dead_letters
from shared.runtime.clock import new_id
from shared.runtime.dead_letters import DeadLetter, Replayed
from shared.runtime.records import Record
from tests.component.runtime.conftest import RESERVED, SERVICE, SHORT, Bench, headers_for, running, until, value_of


def letter_of(bench: Bench, subject: str = "b1", offset: int = 0, **more: Any) -> DeadLetter:
    fields: dict[str, Any] = {"reason": "handler_failed", "error": "no", "attempts": 3}
    record = Record(
        bench.prefix + RESERVED, 2, offset, subject.encode(), value_of(subject), tuple(headers_for(subject))
    )
    return DeadLetter(more.pop("record", record), **fields | more)


async def keep(bench: Bench, *letters: DeadLetter) -> list[UUID]:
    async with bench.database.transaction() as tx:
        await dead_letters.insert(tx, letters)
    return await dead_letters.ids_in_state(bench.database)


async def replay(bench: Bench, id: UUID) -> Replayed | None:
    return await dead_letters.replay(bench.database, bench.desk.subscriptions, id, prefix=bench.prefix)


async def test_a_record_is_kept_once_however_often_it_comes(bench: Bench) -> None:
    letter = letter_of(bench)
    assert len(await keep(bench, letter, letter)) == 1
    assert len(await keep(bench, letter)) == 1
    other = letter_of(bench, record=Record(bench.prefix + RESERVED, 2, 0, b"k", b"a broker that lost its disk", ()))
    assert len(await keep(bench, other)) == 2


async def test_a_list_is_filtered_and_paged_newest_first(bench: Bench) -> None:
    ids = await keep(bench, *(letter_of(bench, f"b{n}", n) for n in range(5)))
    await keep(bench, letter_of(bench, "x", 9, reason="undecodable"))
    first = await dead_letters.list_letters(bench.database, reason="handler_failed", limit=3)
    assert [row["dead_letter_id"] for row in first] == [str(id) for id in reversed(ids[2:])]
    rest = await dead_letters.list_letters(
        bench.database, reason="handler_failed", state="open", topic=bench.prefix + RESERVED, before=ids[2], limit=3
    )
    assert [row["offset"] for row in rest] == [1, 0]
    assert await dead_letters.list_letters(bench.database, state="purged") == []


async def test_a_dead_letter_shows_its_bytes_as_text_or_base64(bench: Bench) -> None:
    record = Record("t", 1, 7, None, b"\xff\x00", (("a", b"plain"), ("b", None), ("c", b"\xfe"), ("n\x00l", b"")))
    [id] = await keep(bench, letter_of(bench, record=record, error="bad \x00 " + "x" * 5000, attempts=1))
    shown = await dead_letters.show(bench.database, id)
    assert shown is not None
    assert (shown["key"], shown["value"], shown["value_encoding"]) == (None, b64encode(b"\xff\x00").decode(), "base64")
    assert [(header["value"], header["value_encoding"]) for header in shown["headers"]] == [
        ("plain", "utf-8"),
        (None, "utf-8"),
        (b64encode(b"\xfe").decode(), "base64"),
        ("", "utf-8"),
    ]
    assert len(shown["error"]) == 2000 and "\x00" not in shown["error"]
    assert (shown["state"], shown["attempts"], shown["replayed_at"]) == ("open", 1, None)
    assert await dead_letters.show(bench.database, new_id()) is None


async def test_a_value_of_a_megabyte_is_whole_when_shown_and_left_out_of_lists(bench: Bench) -> None:
    record = Record("t", 1, 7, None, b"x" * 1_000_000, ())
    [id] = await keep(bench, letter_of(bench, record=record))
    [listed] = await dead_letters.list_letters(bench.database)
    shown = await dead_letters.show(bench.database, id)
    assert listed["value"] is None
    assert shown is not None and len(shown["value"]) == 1_000_000


async def test_a_replay_runs_the_handler_once_though_two_replay_it_at_the_same_time(bench: Bench) -> None:
    [id] = await keep(bench, letter_of(bench))
    results = await asyncio.gather(*(replay(bench, id) for _ in range(5)))
    assert results.count(Replayed("handled")) == 1
    assert results.count(Replayed("duplicate", "replayed before")) == 4
    assert await bench.effects() == ["b1"]
    [letter] = await bench.letters()
    assert letter["state"] == "replayed" and letter["replayed_at"] is not None


async def test_a_replay_of_an_event_that_was_handled_in_between_is_a_duplicate(bench: Bench) -> None:
    same = headers_for("b1")
    records = [Record(bench.prefix + RESERVED, 0, n, b"b1", value_of("b1"), tuple(same)) for n in range(2)]
    first, second = await keep(bench, *(letter_of(bench, record=record) for record in records))
    assert (await replay(bench, first)) == Replayed("handled")
    assert (await replay(bench, second)) == Replayed("duplicate", "the event was handled before")
    assert await bench.effects() == ["b1"]


async def test_a_replay_that_fails_leaves_no_effect_and_can_be_tried_again(bench: Bench) -> None:
    [id] = await keep(bench, letter_of(bench))
    bench.desk.poison = {"b1"}
    failed = await replay(bench, id)
    assert failed is not None and failed.result == "failed" and "cannot decide" in (failed.error or "")
    assert await bench.effects() == []
    assert await bench.value("SELECT count(*) FROM inbox") == 0
    assert [(row["state"], row["attempts"]) for row in await bench.letters()] == [("open", 4)]
    bench.desk.poison = set()
    assert (await replay(bench, id)) == Replayed("handled")
    assert await bench.effects() == ["b1"]


async def test_a_passing_fault_is_no_answer_to_a_replay(bench: Bench) -> None:
    [id] = await keep(bench, letter_of(bench))
    bench.desk.faults["b1"] = 1
    with pytest.raises(ConnectionResetError):
        await replay(bench, id)
    assert [(row["state"], row["attempts"]) for row in await bench.letters()] == [("open", 3)]
    assert (await replay(bench, id)) == Replayed("handled")


async def test_a_record_that_is_still_unreadable_fails_again_and_a_purged_one_is_empty(bench: Bench) -> None:
    record = Record(bench.prefix + RESERVED, 0, 1, b"k", b"{", (("h", b"v"),))
    [id] = await keep(bench, letter_of(bench, record=record, reason="undecodable", attempts=1))
    answer = await replay(bench, id)
    assert answer is not None and answer.result == "failed" and (answer.error or "").startswith("undecodable: ")
    assert await dead_letters.purge(bench.database, id)
    [letter] = await bench.letters()
    assert (letter["state"], letter["key"], letter["value"], letter["headers"]) == ("purged", None, None, "[]")
    assert (await replay(bench, id)) == Replayed("failed", "the record was purged")
    assert not await dead_letters.purge(bench.database, new_id())
    assert await replay(bench, new_id()) is None


async def test_a_copy_of_each_dead_letter_goes_to_the_services_topic_byte_for_byte(bench: Bench) -> None:
    await bench.topics(RESERVED, SHORT, f"{SERVICE}.dlq")
    headers = [*headers_for("x"), ("null", None), ("odd", b"\xff\xfe")]
    await bench.put_raw(b"{bad \xff", headers, key=b"\xfekey")
    async with bench.consuming(), running(bench.relay()):
        [copy] = await bench.heard(f"{SERVICE}.dlq", 1)
        await until(lambda: bench.value("SELECT every(copied) FROM dead_letters"))
        [letter] = await bench.letters()
    assert (copy.key, copy.value) == (b"\xfekey", b"{bad \xff")
    assert list(copy.headers[: len(headers)]) == headers
    told = {name: raw.decode() for name, raw in copy.headers[len(headers) :]}
    assert told.pop("dlq_error") == letter["error"] and told.pop("dlq_failed_at").endswith("Z")
    assert told == {
        "dlq_id": str(letter["dead_letter_id"]),
        "dlq_topic": bench.prefix + RESERVED,
        "dlq_partition": "0",
        "dlq_offset": "0",
        "dlq_group": bench.prefix + SERVICE,
        "dlq_reason": "invalid_headers",
        "dlq_attempts": "1",
    }
