"""What holds after any history of targets, cancels and commands, whatever the order of arrival."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from services.fulfillment.domain.commands import Done, PickLine
from services.fulfillment.domain.questions import Cancel, CancelLine, Ready
from services.fulfillment.domain.state import boxed_units
from tests.unit.fulfillment.floor import Floor, ready, ready_line

ORDERED = {"A": 5, "B": 3}
QUIET = settings(max_examples=300, deadline=None)

small = st.integers(0, 5)
lot_ids = st.sampled_from("abc")
products = st.sampled_from(sorted(ORDERED))


@st.composite
def readies(draw: st.DrawFn, version: int | None = None) -> Ready:
    lines = [
        ready_line(
            product_id,
            n,
            target=draw(st.integers(0, n)),
            short=draw(small),
            cancelled=draw(st.integers(0, n)),
            lots=draw(st.dictionaries(lot_ids, st.integers(1, 5), max_size=2)),
        )
        for product_id, n in ORDERED.items()
    ]
    return ready(draw(st.integers(1, 9)) if version is None else version, *lines)


@st.composite
def cancels(draw: st.DrawFn, version: int | None = None) -> Cancel:
    lines = [CancelLine(id, n, cancelled=0, cancel=draw(st.integers(0, n))) for id, n in ORDERED.items()]
    version = draw(st.integers(1, 9)) if version is None else version
    return Cancel(version, "c-1", draw(st.integers(0, 5)) == 0, lines)


reasons = st.sampled_from(["missing", "damaged", "recalled"])
pick_lines = st.one_of(
    st.builds(PickLine, products, st.integers(1, 5)),
    st.builds(PickLine, products, small, st.integers(1, 3), reasons),
    st.builds(PickLine, products, small, st.integers(1, 3), reasons, lot_ids, st.sampled_from([None, "far"])),
)
boxes = st.dictionaries(products, st.integers(1, 5), min_size=1)
numbers = st.sampled_from("123456")
steps = st.one_of(
    st.tuples(st.just("hears"), readies()),
    st.tuples(st.just("hears"), cancels()),
    st.tuples(st.just("pick")),
    st.tuples(st.just("pick"), pick_lines),
    st.tuples(st.just("pick"), pick_lines, pick_lines),
    st.tuples(st.just("pack")),
    st.tuples(st.just("pack"), boxes),
    st.tuples(st.just("pack"), boxes, boxes),
    st.tuples(st.just("ship"), numbers),
    st.tuples(st.just("ship"), numbers, boxes),
    st.tuples(st.just("deliver"), numbers),
)


def _do(floor: Floor, name: str, *arguments: Any) -> Any:
    """One step; a target never knows of more short units than were reported."""
    if arguments and isinstance(arguments[0], Ready):
        asked = arguments[0]
        lines = [replace(line, short=min(line.short, floor.line(line.product_id).short)) for line in asked.lines]
        arguments = (replace(asked, lines=lines),)
    return getattr(floor, name)(*arguments)


def _start() -> Floor:
    floor = Floor()
    floor.hears(ready(1, *(ready_line(product_id, n) for product_id, n in ORDERED.items())))
    return floor


def _check(floor: Floor) -> None:
    now = floor.now
    boxed = boxed_units(now.parcels)
    for line in now.lines.values():
        assert 0 <= line.packed <= line.picked
        assert 0 <= line.picked + line.shipped <= line.target
        assert line.target + line.cancelled <= line.quantity
        assert line.cancelled + line.shipped <= line.quantity
        assert boxed.get(line.product_id, 0) == line.packed
        gone = sum(shipment.contents.get(line.product_id, 0) for shipment in now.shipments)
        sent = sum(parcel.contents.get(line.product_id, 0) for parcel in now.parcels if parcel.shipment_id)
        assert gone == sent == line.shipped
        assert sum(line.lots.bench.values()) <= line.picked
        left_by_lot = [shipment.lots.get(line.product_id, {}) for shipment in now.shipments]
        assert sum(sum(units.values()) for units in left_by_lot) == sum(line.lots.gone.values()) <= line.shipped
        assert min((*line.lots.bench.values(), *line.lots.gone.values()), default=1) > 0
        assert sum(units for _, units in line.lots.listed(line.left)) == line.left
    if now.closed:
        assert all(line.picked == 0 and line.open == 0 for line in now.lines.values())
    assert len({parcel.number for parcel in now.parcels}) == len(now.parcels)
    assert all(parcel.contents for parcel in now.parcels)


@QUIET
@given(st.lists(steps, max_size=25))
def test_quantities_hold_together_after_any_history(history: Sequence[tuple[Any, ...]]) -> None:
    floor = _start()
    for name, *arguments in history:
        before = floor.now
        _do(floor, name, *arguments)
        _check(floor)
        for product_id, line in before.lines.items():
            after = floor.line(product_id)
            assert (after.shipped, after.cancelled, after.short) >= (line.shipped, line.cancelled, line.short)
        assert floor.now.closed >= before.closed


@QUIET
@given(st.lists(steps, max_size=25))
def test_no_unit_is_in_two_places(history: Sequence[tuple[Any, ...]]) -> None:
    """Every unit that ever left the shelf is on the bench, in the street, back on the shelf, or was found damaged."""
    floor = _start()
    shelf = dict.fromkeys(ORDERED, 100)
    set_aside = dict.fromkeys(ORDERED, 0)
    for name, *arguments in history:
        before = floor.now
        outcome = _do(floor, name, *arguments)
        if name == "hears":
            for product_id in ORDERED:
                shelf[product_id] += before.lines[product_id].picked - floor.line(product_id).picked
        if name == "pick" and isinstance(outcome, Done):
            for told in outcome.picks:
                shelf[told.product_id] -= told.quantity
            for product_id in ORDERED:
                put = sum(told.quantity for told in outcome.picks if told.product_id == product_id)
                set_aside[product_id] += before.lines[product_id].picked + put - floor.line(product_id).picked
    for product_id in ORDERED:
        line = floor.line(product_id)
        assert shelf[product_id] + line.picked + line.shipped + set_aside[product_id] == 100
        assert 0 <= set_aside[product_id] <= line.short


@st.composite
def dialogues(draw: st.DrawFn) -> list[Ready | Cancel]:
    """What order says in its versions 1, 2, ...: units given up only grow."""
    said: list[Ready | Cancel] = []
    given_up = dict.fromkeys(ORDERED, 0)
    for version in range(1, draw(st.integers(2, 6))):
        given_up = {id: draw(st.integers(given_up[id], n)) for id, n in ORDERED.items()}
        question: Any = draw(st.one_of(readies(version), cancels(version)))
        lines = [replace(line, cancelled=given_up[line.product_id]) for line in question.lines]
        said.append(replace(question, lines=lines))
    return said


@QUIET
@given(dialogues(), st.randoms())
def test_deliveries_commute(questions: list[Ready | Cancel], random: Any) -> None:
    """One version of the order is one question; whatever comes first, twice or late, the end is the same."""
    one, other = Floor(), Floor()
    for question in questions:
        one.hears(question)
    shuffled = questions * 2
    random.shuffle(shuffled)
    for question in shuffled:
        other.hears(question)
    assert dict(one.now.lines) == dict(other.now.lines)
    assert (one.now.closed, one.now.order_version) == (other.now.closed, other.now.order_version)


@QUIET
@given(st.lists(steps, max_size=12), steps)
def test_a_repeated_ship_is_one_shipment(history: Sequence[tuple[Any, ...]], last: tuple[Any, ...]) -> None:
    floor = _start()
    for name, *arguments in history:
        _do(floor, name, *arguments)
    floor.pick()
    first = floor.ship("once")
    _do(floor, *last)
    again = floor.ship("once")
    if isinstance(first, Done):
        assert isinstance(again, Done)
        assert (again.news, again.shipment and again.shipment.shipment_id) == (
            False,
            first.shipment and first.shipment.shipment_id,
        )
        assert [shipment.tracking_number for shipment in floor.now.shipments].count("once") == 1


@QUIET
@given(st.lists(steps, max_size=12))
def test_what_was_reported_short_is_not_listed_again_until_order_knows(history: Sequence[tuple[Any, ...]]) -> None:
    floor = _start()
    for name, *arguments in history:
        _do(floor, name, *arguments)
    line = floor.line()
    if line.left:
        floor.pick(PickLine("A", 0, line.left, "missing"))
        assert floor.line().left == 0
