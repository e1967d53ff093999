"""The audit is silent about a right end state, and names whatever is changed in it."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.local.audit.books import Books, Mail, Opening
from deploy.local.audit.checking import deviations
from deploy.local.audit.log import Log, Record, log_of
from shared.runtime.clock import new_id, time_of
from tests.unit.local.story import OIL, ROSE, Ids, Story, story

BOOKS, TOLD, IDS = story()
MADE = time_of(UUID(IDS.batch))
Change = Callable[[Books, Ids], Books]


def found(books: Books, log: Log) -> set[str]:
    return {one.check for many in deviations(books, log).values() for one in many}


def subjects(books: Books, log: Log, check: str) -> list[str]:
    return sorted(one.subject for many in deviations(books, log).values() for one in many if one.check == check)


def test_a_right_end_state_has_no_deviation() -> None:
    assert [one for many in deviations(BOOKS, TOLD.log()).values() for one in many] == []


@pytest.mark.parametrize("place", range(len(BOOKS.ledger)))
def test_a_ledger_row_that_is_gone_is_named(place: int) -> None:
    gone = BOOKS.ledger[place]
    books = replace(BOOKS, ledger=BOOKS.ledger[:place] + BOOKS.ledger[place + 1 :])
    assert "stock_ledger" in found(books, TOLD.log())
    named = subjects(books, TOLD.log(), "stock_ledger") + subjects(books, TOLD.log(), "ledger_chain")
    assert all(subject.startswith(gone.item_id) for subject in named)


@pytest.mark.parametrize("place", range(len(BOOKS.ledger)))
def test_a_ledger_row_that_stands_twice_is_named(place: int) -> None:
    twice = BOOKS.ledger[: place + 1] + BOOKS.ledger[place:]
    assert "ledger_chain" in found(replace(BOOKS, ledger=twice), TOLD.log())


@pytest.mark.parametrize("place", range(len(TOLD.records)))
def test_a_record_that_is_missing_from_the_topics_is_named(place: int) -> None:
    gone = TOLD.records[place]
    log = log_of(TOLD.records[:place] + TOLD.records[place + 1 :], TOLD.ranges)
    assert f"{gone.topic} partition 0 offset {gone.offset}" in subjects(BOOKS, log, "topic_gap")


@pytest.mark.parametrize("place", range(len(TOLD.records)))
def test_a_record_that_was_deleted_with_its_offset_is_found_by_what_was_sent_and_heard(place: int) -> None:
    gone = TOLD.records[place]
    log = _as_if_it_had_never_been(gone)
    expected = {"submitted_order"} if gone.topic == "order.submitted" else {"outbox_topic"}
    assert expected <= found(BOOKS, log)
    assert "topic_gap" not in found(BOOKS, log)


def _as_if_it_had_never_been(gone: Record) -> Log:
    """The topics of a broker that counts its offsets without the record."""
    ends = dict.fromkeys(TOLD.ends, 0)
    left = []
    for one in TOLD.records:
        if one is not gone:
            left.append(replace(one, offset=ends[one.topic]))
            ends[one.topic] += 1
    return log_of(left, {(topic, 0): (0, end) for topic, end in ends.items()})


def test_records_deleted_from_the_beginning_of_a_topic_are_found_by_its_first_offset() -> None:
    log = log_of(
        [one for one in TOLD.records if one.topic != "stock.deducted"], TOLD.ranges | {("stock.deducted", 0): (1, 1)}
    )
    assert subjects(BOOKS, log, "topic_start") == ["stock.deducted partition 0"]


def test_old_topics_may_have_lost_their_beginning() -> None:
    old = replace(BOOKS, since=BOOKS.now - timedelta(days=30), mail={})
    log = log_of([], {place: (end, end) for place, (_, end) in TOLD.ranges.items()})
    names = found(old, log)
    assert "topic_start" not in names
    assert names <= {"event_level", "event_item"}


@given(st.data())
def test_what_is_delivered_again_changes_nothing(data: st.DataObject) -> None:
    again = data.draw(st.lists(st.sampled_from(TOLD.records)))
    ends = dict(TOLD.ends)
    repeats = []
    for one in again:
        repeats.append(replace(one, offset=ends[one.topic]))
        ends[one.topic] += 1
    log = log_of(TOLD.records + repeats, {(topic, 0): (0, end) for topic, end in ends.items()})
    assert found(BOOKS, log) == set()


@given(st.permutations(TOLD.records))
def test_the_order_between_topics_does_not_matter(records: list[Record]) -> None:
    assert found(BOOKS, log_of(records, TOLD.ranges)) == set()


def _item(**changes: Any) -> Change:
    return lambda books, ids: replace(books, items={**books.items, ROSE: replace(books.items[ROSE], **changes)})


def _held(**changes: Any) -> Change:
    return lambda books, ids: replace(
        books, reservations=(replace(books.reservations[0], **changes), *books.reservations[1:])
    )


def _claim(name: str, **changes: Any) -> Change:
    def change(books: Books, ids: Ids) -> Books:
        key = getattr(ids, name)
        return replace(books, claims={**books.claims, key: replace(books.claims[key], **changes)})

    return change


def _order(name: str, **changes: Any) -> Change:
    def change(books: Books, ids: Ids) -> Books:
        key = getattr(ids, name)
        return replace(books, orders={**books.orders, key: replace(books.orders[key], **changes)})

    return change


def _line(**changes: Any) -> Change:
    return lambda books, ids: replace(
        books, order_lines=(replace(books.order_lines[0], **changes), *books.order_lines[1:])
    )


def _parcel(**changes: Any) -> Change:
    return lambda books, ids: replace(
        books, shipments={ids.shipment: replace(books.shipments[ids.shipment], **changes)}
    )


def _batch(**changes: Any) -> Change:
    return lambda books, ids: replace(books, batches={ids.batch: replace(books.batches[ids.batch], **changes)})


@pytest.mark.parametrize(
    ("change", "check"),
    [
        (_item(current=8), "stock_ledger"),
        (_item(current=10), "event_level"),
        (_item(reserved=1), "reserved_holds"),
        (_item(held=1), "stock_ledger"),
        (_item(queued=1), "queued_holds"),
        (_item(version=5), "stock_ledger"),
        (_held(held=1), "hold_equation"),
        (_held(held=1, deducted=5), "hold_ledger"),
        (_held(backordered=1, deducted=5), "order_hold"),
        (_held(backordered=1, deducted=5), "queue_waits"),
        (_held(deducted=5, cancelled=1), "order_deducted"),
        (_held(deducted=5, cancelled=1), "event_hold"),
        (_claim("shipped", status="active"), "hold_status"),
        (_claim("shipped", status="closed"), "event_hold_status"),
        (_claim("cancelled", status="confirmed"), "event_hold_status"),
        (_claim("batch", status="issued"), "batch_materials"),
        (_claim("batch", status="issued"), "event_materials"),
        (_claim("shipped", version=3), "version_newest"),
        (_order("shipped", status="cancelled"), "order_status"),
        (_order("shipped", status="processing"), "order_status"),
        (_order("cancelled", status="fulfilled"), "order_status"),
        (_order("cancelled", status="expired"), "event_order_status"),
        (_order("rejected", status="created"), "hold_status"),
        (_order("shipped", version=5), "version_newest"),
        (_order("shipped", external_id="9"), "submitted_order"),
        (_line(shipped=5), "order_shipped"),
        (_line(shipped=5), "units_shipped"),
        (_line(cancelled=1), "order_line"),
        (_line(held=1), "order_hold"),
        (_parcel(contents={ROSE: 5}), "shipment_units"),
        (_parcel(contents={ROSE: 7}), "event_shipped"),
        (_parcel(delivered=False), "event_delivered"),
        (_batch(good=6), "batch_units"),
        (_batch(status="failed"), "batch_received"),
        (_batch(status="in_progress"), "event_batch"),
        (lambda books, ids: replace(books, deducted_shipments={}), "shipment"),
        (lambda books, ids: replace(books, order_shipments={}), "shipment"),
        (lambda books, ids: replace(books, shipments={}), "shipment"),
        (lambda books, ids: replace(books, batches_received=()), "batch_output"),
        (lambda books, ids: replace(books, batches_received=books.batches_received * 2), "batch_output"),
        (lambda books, ids: replace(books, receipts=books.receipts[1:]), "receipt"),
        (lambda books, ids: replace(books, fulfillments={}), "event_fulfillment"),
        (lambda books, ids: replace(books, orders={}), "event_order"),
        (lambda books, ids: replace(books, reservations=books.reservations[1:]), "order_hold"),
        (lambda books, ids: replace(books, claims={}), "hold_claim"),
        (lambda books, ids: replace(books, unanswered=((ids.shipped, "order.ready"),)), "open_question"),
        (lambda books, ids: replace(books, items={ROSE: books.items[ROSE]}), "stock_ledger"),
    ],
)
def test_a_changed_row_is_named(change: Change, check: str) -> None:
    assert check in found(change(BOOKS, IDS), TOLD.log())


@pytest.mark.parametrize("service", ["order", "inventory", "bottling", "fulfillment"])
def test_a_record_that_a_service_never_handled_is_named(service: str) -> None:
    for gone in sorted(BOOKS.mail[service].heard):
        mail = replace(BOOKS.mail[service], heard=BOOKS.mail[service].heard - {gone})
        named = subjects(replace(BOOKS, mail={**BOOKS.mail, service: mail}), TOLD.log(), "inbox_record")
        assert len(named) == 1
        assert str(gone) in named[0]


def test_a_record_in_the_dead_letters_is_accounted_for() -> None:
    one = next(record for record in TOLD.records if record.topic == "item.changed")
    broken = [replace(record, value=b"{") if record is one else record for record in TOLD.records]
    log = log_of(broken, TOLD.ranges)
    assert "inbox_record" in found(BOOKS, log)
    dead = frozenset({(one.topic, one.partition, one.offset)})
    mail = {name: replace(mail, dead=dead) for name, mail in BOOKS.mail.items()}
    unheard = [subject for subject in subjects(replace(BOOKS, mail=mail), log, "inbox_record") if "offset" in subject]
    assert unheard == []


def test_an_event_that_is_in_no_topic_but_was_handled_is_named() -> None:
    stranger = new_id()
    mail = replace(BOOKS.mail["order"], heard=BOOKS.mail["order"].heard | {stranger})
    named = subjects(replace(BOOKS, mail={**BOOKS.mail, "order": mail}), TOLD.log(), "inbox_record")
    assert named == [f"ce_id {stranger}"]


@pytest.mark.parametrize("topic", ["order.fulfilled", "stock.deducted", "fulfillment.shipped", "batch.completed"])
def test_an_event_behind_a_newer_one_of_its_aggregate_is_named(topic: str) -> None:
    one = next(record for record in TOLD.records if record.topic == topic)
    changed = {"ce_id": str(new_id()).encode(), "ce_aggregateversion": b"1"}
    headers = tuple((name, changed.get(name, value)) for name, value in one.headers)
    late = replace(one, offset=TOLD.ends[topic], headers=headers)
    log = log_of([*TOLD.records, late], TOLD.ranges | {(topic, 0): (0, late.offset + 1)})
    [subject] = subjects(BOOKS, log, "version_order")
    assert subject.startswith(f"{topic} partition 0 offset {late.offset}: ")


def test_every_prefix_of_the_ledger_is_looked_at() -> None:
    rows = list(BOOKS.ledger)
    rows[1] = replace(rows[1], new_reserved=11)
    rows[2] = replace(rows[2], previous_reserved=11)
    assert "oversold" in found(replace(BOOKS, ledger=tuple(rows)), TOLD.log())


def _archived(books: Books, until: int) -> Books:
    """The books after the first rows of each item went to files."""
    openings = []
    for row in books.ledger[:until]:
        moved = (after - before for before, after in zip(row.before, row.after, strict=True))
        openings.append(Opening(row.item_id, row.type, row.version, *moved))
    return replace(books, ledger=books.ledger[until:], openings=tuple(openings), archived_until=MADE)


@pytest.mark.parametrize("until", range(len(BOOKS.ledger) + 1))
def test_books_whose_first_rows_are_archived_have_no_deviation(until: int) -> None:
    assert found(_archived(BOOKS, until), TOLD.log()) == set()


@pytest.mark.parametrize("place", range(len(BOOKS.ledger)))
def test_an_opening_that_is_gone_is_named(place: int) -> None:
    books = _archived(BOOKS, len(BOOKS.ledger))
    gone = books.openings[:place] + books.openings[place + 1 :]
    assert "stock_ledger" in found(replace(books, openings=gone), TOLD.log())


@pytest.mark.parametrize("place", range(1, len(BOOKS.ledger)))
def test_a_row_that_is_gone_after_the_archived_ones_is_named(place: int) -> None:
    books = _archived(BOOKS, place)
    assert "stock_ledger" in found(replace(books, ledger=books.ledger[1:]), TOLD.log())


def test_a_hold_that_is_younger_than_what_is_archived_is_still_held_against_the_ledger() -> None:
    first = replace(BOOKS.reservations[0], deducted=BOOKS.reservations[0].deducted + 1)
    flipped = replace(BOOKS, reservations=(first, *BOOKS.reservations[1:]))
    assert "hold_ledger" in found(replace(flipped, archived_until=MADE - timedelta(days=30)), TOLD.log())
    assert "hold_ledger" not in found(replace(flipped, archived_until=MADE), TOLD.log())


def test_an_empty_installation_has_no_deviation() -> None:
    empty = Books(since=BOOKS.since, now=BOOKS.now, mail={"order": Mail()})
    assert found(empty, Story().log()) == set()


def test_the_story_is_about_both_kinds_of_items() -> None:
    assert set(BOOKS.items) == {ROSE, OIL}
