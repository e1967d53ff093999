"""What customers are told: each row of the table, and what holds for any order in which neighbours are heard."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.order.domain.answers import Answer, FulfillmentAnswer, StockAnswer, apply
from services.order.domain.mails import (
    KINDS,
    TABLE,
    Kind,
    Patience,
    due_mails,
    fate_of,
    language_of,
    name_of,
    newly_given_up,
    queued,
)
from services.order.domain.mails import Answer as Sending
from services.order.domain.order import Order
from services.order.saga import accept, decide
from tests.unit.order.dialogue import START, Dialogue, held, left, order, shipping, shortage, stock
from tests.unit.order.test_saga import answers

SOON, LATER = date(2026, 2, 10), date(2026, 2, 20)


def told(dialogue: Dialogue, before: Order, *kinds: Kind) -> Dialogue:
    """Exactly these mails are due by what happened since."""
    assert due_mails(before, dialogue.order) == kinds
    assert due_mails(dialogue.order, dialogue.order) == ()
    return dialogue


def test_every_kind_has_its_row() -> None:
    assert {kind for kind, _ in TABLE} | {"shipped"} == set(KINDS)


def test_a_new_order_is_told_nothing() -> None:
    assert due_mails(None, accept(order(rose=1)).order) == ()


def test_a_confirmation_is_told_once() -> None:
    dialogue = Dialogue.given(order(rose=2), auto_confirm=True)
    told(dialogue.inventory("confirmed", *held(("rose", 2))), accept(order(rose=2)).order, "confirmed")
    before = dialogue.order
    told(dialogue.inventory("confirmed", *held(("rose", 2)), reason="lots_changed"), before)


def test_a_hold_alone_is_told_nothing() -> None:
    dialogue = Dialogue.given(order(rose=2))
    before = dialogue.order
    told(dialogue.inventory("active", *held(("rose", 2))), before)


def test_a_refused_order_is_a_shortage() -> None:
    dialogue = Dialogue.given(order(rose=9))
    before = dialogue.order
    short = stock("rose", shortage=shortage("rose", 4, 9))
    told(dialogue.inventory("rejected", short, reason="insufficient_stock"), before, "shortage")


def test_a_confirmation_refused_after_the_expiry_is_a_shortage_each_time_it_is_asked() -> None:
    dialogue = Dialogue.given(order(rose=5)).inventory("active", *held(("rose", 5)))
    before = dialogue.order
    told(dialogue.inventory("expired", stock("rose"), reason="expired"), before, "expired")
    for _ in range(2):
        before = dialogue.order
        asked = told(dialogue.confirm(), before).order
        short = stock("rose", shortage=shortage("rose", 1, 5))
        told(dialogue.inventory("expired", short, reason="expired"), asked, "shortage")


def test_queued_units_and_each_new_date_are_told_and_fewer_of_them_are_not() -> None:
    dialogue = Dialogue.given(order(rose=5, lily=1), on_shortage="backorder")

    def hear(backordered: int, expected: date | None, *kinds: Kind) -> None:
        before = dialogue.order
        rose = stock("rose", backordered=backordered, shortage=shortage("rose", 0, 5, expected))
        told(dialogue.inventory("active", rose, stock("lily", held=1)), before, *kinds)

    hear(5, None, "backordered")
    hear(5, SOON, "backordered")
    hear(5, SOON)
    hear(3, SOON)
    hear(3, LATER, "backordered")
    hear(0, None)
    hear(2, LATER, "backordered")


def test_units_that_queue_beside_a_confirmation_are_told_in_it() -> None:
    dialogue = Dialogue.given(order(rose=5), on_shortage="partial", auto_confirm=True)
    before = dialogue.order
    rose = stock("rose", held=2, backordered=3, shortage=shortage("rose", 2, 5, SOON))
    told(dialogue.inventory("confirmed", rose), before, "confirmed")
    before = dialogue.order
    moved = stock("rose", held=2, backordered=3, shortage=shortage("rose", 2, 5, LATER))
    told(dialogue.inventory("confirmed", moved), before, "backordered")


def test_units_taken_back_from_a_confirmed_order_are_told() -> None:
    dialogue = shipping()
    before = dialogue.order
    told(dialogue.inventory("confirmed", stock("rose", held=3, backordered=2)), before, "backordered")


def test_a_queue_is_no_news_once_the_whole_order_is_being_cancelled() -> None:
    dialogue = shipping()
    before = dialogue.order
    told(dialogue.cancel(), before)
    before = dialogue.order
    told(dialogue.inventory("confirmed", stock("rose", held=3, backordered=2)), before)


def test_queued_units_that_were_given_up_are_no_news() -> None:
    dialogue = Dialogue.given(order(rose=5), on_shortage="backorder")
    dialogue.inventory("active", stock("rose", held=3, backordered=2))
    before = dialogue.order
    told(dialogue.cancel(rose=2), before, "cancelled")
    before = dialogue.order
    late = stock("rose", held=3, backordered=2, shortage=shortage("rose", 3, 5, SOON))
    told(dialogue.inventory("active", late, answers=1), before)


def test_an_expiry_is_told_once() -> None:
    dialogue = Dialogue.given(order(rose=5)).inventory("active", *held(("rose", 5)))
    before = dialogue.order
    told(dialogue.inventory("expired", stock("rose"), reason="expired"), before, "expired")
    before = dialogue.order
    told(dialogue.inventory("expired", stock("rose"), reason="expired"), before)


def test_a_cancel_is_told_when_it_is_decided_not_when_it_is_asked() -> None:
    dialogue = shipping()
    before = dialogue.order
    told(dialogue.cancel(rose=2), before)
    before = dialogue.order
    told(dialogue.fulfillment(left("rose", cancelled=2)), before, "cancelled")
    before = dialogue.order
    told(dialogue.inventory("confirmed", stock("rose", held=3, cancelled=2)), before)


def test_units_cancelled_because_they_could_not_be_found_are_told() -> None:
    dialogue = shipping()
    before = dialogue.order
    told(dialogue.inventory("confirmed", stock("rose", held=4, cancelled=1, short=1)), before, "cancelled")


def test_every_parcel_is_a_mail() -> None:
    dialogue = shipping()
    before = dialogue.order
    dialogue.fulfillment(left("rose", 5))
    assert due_mails(before, dialogue.order, 2) == ("shipped", "shipped")
    assert due_mails(dialogue.order, dialogue.order, 0) == ()


def _mails(start: Order, heard: list[Answer]) -> Counter[Kind]:
    found: Counter[Kind] = Counter()
    for answer in heard:
        after = decide(start, apply(start, answer)).order
        found.update(due_mails(start, after))
        start = after
    return found


@given(answers)
def test_every_event_twice_makes_the_mails_of_every_event_once(heard: list[Answer]) -> None:
    start = accept(order(rose=3, lily=2)).order
    twice = [answer for pair in zip(heard, heard, strict=True) for answer in pair]
    assert _mails(start, twice) == _mails(start, heard)


@given(answers, st.data())
def test_a_replay_of_what_was_heard_makes_no_mail(heard: list[Answer], data: st.DataObject) -> None:
    now = accept(order(rose=3, lily=2)).order
    for answer in heard:
        now = decide(now, apply(now, answer)).order
    known = [
        one
        for one in heard
        if one.version <= (now.stock_version if isinstance(one, StockAnswer) else now.fulfillment_version)
    ]
    assert _mails(now, data.draw(st.permutations(known))) == Counter()


@given(answers)
def test_confirmation_and_expiry_are_told_once_at_most_and_no_given_up_unit_is_kept_secret(heard: list[Answer]) -> None:
    start = now = accept(order(rose=3, lily=2)).order
    found: Counter[Kind] = Counter()
    units: Counter[str] = Counter()
    for answer in heard:
        after = decide(now, apply(now, answer)).order
        due = due_mails(now, after)
        assert len(due) == len(set(due))
        found.update(due)
        if "cancelled" in due:
            for was, line in zip(now.lines, after.lines, strict=True):
                units[line.product_id] += newly_given_up(was, line)
        now = after
    assert found["confirmed"] <= 1 and found["shortage"] <= 1
    assert all(units[line.product_id] >= line.given_up for line in now.lines)
    assert (found["shortage"] == 1) == (now.status == "rejected" and start.status != "rejected")


def _script() -> tuple[Order, list[list[Answer]]]:
    """An order, and what each neighbour says of it in its own order."""
    start = Dialogue.given(order(rose=5), auto_confirm=True).order
    holds: list[Answer] = [
        StockAnswer(1, 1, "confirmed", "new", START, None, held(("rose", 5))),
        StockAnswer(2, 1, "confirmed", "new", START, None, (stock("rose", held=3, deducted=2),)),
        StockAnswer(3, 1, "confirmed", "new", START, None, (stock("rose", deducted=5),)),
    ]
    parcels: list[Answer] = [
        FulfillmentAnswer(1, 3, False, (left("rose"),)),
        FulfillmentAnswer(2, 3, False, (left("rose", 2),)),
        FulfillmentAnswer(3, 3, False, (left("rose", 5),)),
    ]
    return start, [holds, parcels]


def test_any_order_in_which_the_neighbours_of_one_saga_are_heard_makes_the_same_mails() -> None:
    start, senders = _script()
    everything = [answer for sender in senders for answer in sender]
    for heard in permutations(everything):
        assert _mails(start, list(heard)) == {"confirmed": 1}


def _seen(order: Order) -> tuple[object, ...]:
    """What of an order a customer could ever be told of."""
    lines = [(line.given_up, queued(line), line.expected_date if queued(line) else None) for line in order.lines]
    return (order.status, order.confirmation_told, order.expiry_told, order.rejection, tuple(lines))


def _way_and_mails(start: Order, heard: Sequence[Answer]) -> tuple[tuple[object, ...], Counter[Kind]]:
    """The states that an order went through, each once in a row, and the mails that it made."""
    way = [_seen(start)]
    found: Counter[Kind] = Counter()
    for answer in heard:
        after = decide(start, apply(start, answer)).order
        found.update(due_mails(start, after))
        way += [_seen(after)] if _seen(after) != way[-1] else []
        start = after
    return tuple(way), found


def test_whatever_the_order_of_the_same_events_the_same_states_make_the_same_mails() -> None:
    start = Dialogue.given(order(rose=5), on_shortage="partial", auto_confirm=True).order

    def hold(version: int, held: int, deducted: int, expected: date | None) -> Answer:
        missing = 5 - held - deducted
        short = shortage("rose", held, 5, expected) if missing else None
        line = stock("rose", held=held, deducted=deducted, backordered=missing, shortage=short)
        return StockAnswer(version, 1, "confirmed", "new", START, None, (line,))

    events: list[Answer] = [
        hold(1, 2, 0, SOON),
        hold(2, 2, 0, LATER),
        hold(3, 3, 2, None),
        FulfillmentAnswer(1, 3, False, (left("rose"),)),
        FulfillmentAnswer(2, 3, False, (left("rose", 2),)),
        FulfillmentAnswer(3, 4, True, (left("rose", 4, cancelled=1),)),
    ]
    by_way: dict[tuple[object, ...], Counter[Kind]] = {}
    for heard in permutations(events):
        way, found = _way_and_mails(start, heard)
        assert by_way.setdefault(way, found) == found
        assert (found["confirmed"], found["cancelled"]) == (1, 1)
    assert len(by_way) > 10


@pytest.mark.parametrize(
    ("address", "language"),
    [
        ({}, "en"),
        ({"country": "Germany"}, "de"),
        ({"country": " deutschland "}, "de"),
        ({"country_code": "AT", "country": "?"}, "de"),
        ({"country": "FR"}, "en"),
        ({"country": 49}, "en"),
        ({"country": ["DE"]}, "en"),
    ],
)
def test_the_language_follows_the_country(address: dict[str, object], language: str) -> None:
    assert language_of(address) == language


def test_a_name_is_one_line_or_none() -> None:
    assert name_of({"name": " Ann\r\nBcc: x@y.z "}) == "Ann Bcc: x@y.z"
    assert [name_of({"name": text}) for text in ("", "  ", 5, None)] == [None] * 4
    assert len(name_of({"name": "x" * 5000}) or "") == 100


PATIENCE = Patience(retry_seconds=(1, 10), refusals_max=3)


def test_a_mail_that_was_sent_has_ended() -> None:
    assert fate_of(Sending("sent"), 1, 0, PATIENCE).state == "sent"


def test_an_outage_never_gives_a_mail_up() -> None:
    fates = [fate_of(Sending("failed"), attempts, 2, PATIENCE) for attempts in (1, 2, 3, 5_000)]
    assert [(fate.state, fate.refusals, fate.within_seconds) for fate in fates] == [
        ("waiting", 2, 1),
        ("waiting", 2, 10),
        ("waiting", 2, 10),
        ("waiting", 2, 10),
    ]


def test_a_mail_is_given_up_after_its_third_refusal_or_at_once_if_nothing_can_mend_it() -> None:
    fates = [fate_of(Sending("refused"), refusals + 1, refusals, PATIENCE) for refusals in range(3)]
    assert [(fate.state, fate.refusals) for fate in fates] == [("waiting", 1), ("waiting", 2), ("dead", 3)]
    assert fate_of(Sending("unusable"), 1, 0, PATIENCE).state == "dead"


def test_units_that_left_in_spite_of_their_cancel_are_not_given_up_anew() -> None:
    line = replace(order(rose=5).lines[0], cancelled=5)
    assert newly_given_up(line, replace(line, shipped=2)) == 0
