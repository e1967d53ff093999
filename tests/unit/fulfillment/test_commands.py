"""Pick, pack, ship, deliver: what each does, and what each state allows."""

from collections.abc import Callable
from typing import get_args

import pytest

from services.fulfillment.domain.commands import (
    ACTIONS,
    Done,
    Excess,
    IllegalTransition,
    OtherContent,
    PickLine,
    Refusal,
    allowed,
)
from services.fulfillment.domain.state import Action, Status
from tests.unit.fulfillment.floor import Floor, cancel, heard, ready, ready_line


def _created() -> Floor:
    return heard(ready(4, ready_line("A", 5), ready_line("B", 2)))


def _picked() -> Floor:
    floor = _created()
    floor.pick()
    return floor


def _packed() -> Floor:
    floor = _picked()
    floor.pack()
    return floor


def _partially_shipped() -> Floor:
    floor = heard(ready(4, ready_line("A", 5, target=3)))
    floor.pick()
    floor.ship("1")
    return floor


def _shipped() -> Floor:
    floor = _packed()
    floor.ship("1")
    return floor


def _delivered() -> Floor:
    floor = _shipped()
    floor.deliver("1")
    return floor


def _cancelled() -> Floor:
    return heard(ready(4, ready_line("A", 5)), cancel(5))


STATES: dict[Status, Callable[[], Floor]] = {
    "created": _created,
    "picked": _picked,
    "packed": _packed,
    "partially_shipped": _partially_shipped,
    "shipped": _shipped,
    "delivered": _delivered,
    "cancelled": _cancelled,
}
TABLE: dict[Status, tuple[Action, ...]] = {
    "created": ("pick",),
    "picked": ("pack", "ship"),
    "packed": ("ship",),
    "partially_shipped": ("deliver",),
    "shipped": ("deliver",),
    "delivered": ("deliver",),
    "cancelled": (),
}
DO: dict[Action, Callable[[Floor], Done | Refusal]] = {
    "pick": lambda floor: floor.pick(PickLine("A", 1)),
    "pack": lambda floor: floor.pack({"A": 1}),
    "ship": lambda floor: floor.ship("2", {"A": 1}),
    "deliver": lambda floor: floor.deliver("1"),
}


def test_the_table_knows_every_status() -> None:
    assert set(TABLE) == set(STATES) == set(get_args(Status))


@pytest.mark.parametrize("status", STATES)
@pytest.mark.parametrize("action", ACTIONS)
def test_every_pair_of_status_and_command(status: Status, action: Action) -> None:
    floor = STATES[status]()
    assert floor.now.status == status
    assert allowed(floor.now) == TABLE[status]
    before = floor.now
    outcome = DO[action](floor)
    if action in TABLE[status]:
        assert isinstance(outcome, Done)
    else:
        assert outcome == IllegalTransition(status, action, TABLE[status])
        assert floor.now == before


@pytest.mark.parametrize("status", STATES)
def test_pick_as_listed_is_refused_only_by_a_closed_fulfillment(status: Status) -> None:
    floor = STATES[status]()
    outcome = floor.pick()
    assert isinstance(outcome, IllegalTransition if status == "cancelled" else Done)
    assert floor.now.left == 0


@pytest.mark.parametrize("status", ["packed", "partially_shipped", "shipped", "delivered"])
def test_pack_again_when_nothing_is_left_changes_nothing(status: Status) -> None:
    floor = STATES[status]()
    before = floor.now
    assert floor.pack() == Done(before)


@pytest.mark.parametrize("status", ["created", "cancelled"])
def test_pack_before_anything_was_picked_is_refused(status: Status) -> None:
    assert isinstance(STATES[status]().pack(), IllegalTransition)


def test_a_partial_order_goes_on_after_its_first_shipment() -> None:
    floor = _partially_shipped()
    floor.hears(ready(6, ready_line("A", 5, target=5)))
    assert allowed(floor.now) == ("pick", "deliver")
    floor.pick()
    floor.ship("2")
    statuses = [floor.now.status]
    for number in "12":
        floor.deliver(number)
        statuses.append(floor.now.status)
    assert statuses == ["shipped", "shipped", "delivered"]


def test_more_than_the_target_is_refused_and_changes_nothing() -> None:
    floor = _created()
    before = floor.now
    outcome = floor.pick(PickLine("A", 5), PickLine("B", 3), PickLine("C", 1))
    assert isinstance(outcome, Excess)
    assert [pointer for _, pointer in outcome.errors] == ["/lines/1/quantity", "/lines/2/product_id"]
    assert floor.now == before


def test_the_same_product_on_two_lines_counts_as_their_sum() -> None:
    floor = _created()
    assert isinstance(floor.pick(PickLine("A", 3), PickLine("A", 3)), Excess)
    assert isinstance(floor.pick(PickLine("A", 3), PickLine("A", 2)), Done)
    assert floor.line().picked == 5


def test_a_short_pick_counts_what_was_found_and_what_was_not() -> None:
    floor = _created()
    outcome = floor.pick(PickLine("A", 3, 2, "missing"))
    assert isinstance(outcome, Done)
    assert outcome.news
    line = floor.line()
    assert (line.picked, line.short, line.target, line.left) == (3, 2, 3, 0)


def test_a_unit_found_damaged_after_picking_leaves_the_bench() -> None:
    floor = _packed()
    outcome = floor.pick(PickLine("A", 0, 1, "damaged"))
    assert isinstance(outcome, Done)
    line = floor.line()
    assert (line.picked, line.packed, line.short, line.target) == (4, 4, 1, 4)
    assert [parcel.contents for parcel in floor.now.parcels] == [{"A": 4, "B": 2}]


@pytest.mark.parametrize(("reason", "picked", "left"), [("damaged", 1, 3), ("recalled", 1, 3), ("missing", 2, 2)])
def test_where_a_unit_reported_alone_is_taken_from(reason: str, picked: int, left: int) -> None:
    floor = _created()
    floor.pick(PickLine("A", 2))
    floor.pick(PickLine("A", 0, 1, reason))  # type: ignore[arg-type]
    assert (floor.line().picked, floor.line().left, floor.line().target) == (picked, left, 4)


def test_more_damage_than_there_are_units_is_refused() -> None:
    floor = _packed()
    assert isinstance(floor.pick(PickLine("B", 0, 3, "damaged")), Excess)


def test_parcels_take_only_what_is_picked_and_not_packed() -> None:
    floor = _picked()
    assert isinstance(floor.pack({"A": 3}, {"A": 3}), Excess)
    assert isinstance(floor.pack({"A": 3}, {"A": 1, "B": 1}), Done)
    assert isinstance(floor.pack({"B": 2}), Excess)
    assert isinstance(floor.pack(), Done)
    assert [parcel.contents for parcel in floor.now.parcels] == [{"A": 3}, {"A": 1, "B": 1}, {"A": 1, "B": 1}]


def test_ship_packs_first_if_nobody_did() -> None:
    floor = _picked()
    done = floor.ship("1")
    assert isinstance(done, Done)
    assert done.shipment is not None
    assert dict(done.shipment.contents) == {"A": 5, "B": 2}
    assert [(parcel.contents, parcel.shipment_id) for parcel in floor.now.parcels] == [
        ({"A": 5, "B": 2}, done.shipment.shipment_id)
    ]


def test_a_parcel_of_exactly_the_shipped_units_leaves_whole() -> None:
    floor = _picked()
    floor.pack({"A": 2}, {"A": 3, "B": 2})
    floor.ship("1", {"A": 3, "B": 2})
    assert [(parcel.number, parcel.shipment_id is not None) for parcel in floor.now.parcels] == [(1, False), (2, True)]
    assert (floor.line().packed, floor.line().picked) == (2, 2)


def test_units_of_opened_parcels_leave_in_a_parcel_of_their_own() -> None:
    floor = _picked()
    floor.pack({"A": 4})
    floor.ship("1", {"A": 2, "B": 1})
    assert [(parcel.contents, parcel.shipment_id is not None) for parcel in floor.now.parcels] == [
        ({"A": 2}, False),
        ({"A": 2, "B": 1}, True),
    ]
    assert (floor.line("A").packed, floor.line("B").packed) == (2, 0)


def test_the_same_carrier_and_number_again_is_the_same_shipment() -> None:
    floor = _created()
    floor.pick(PickLine("A", 2))
    first = floor.ship("1", {"A": 2})
    floor.pick()
    before = floor.now
    assert isinstance(first, Done)
    assert first.shipment is not None
    assert first.shipment.status == "partially_shipped"
    assert floor.ship("1") == Done(before, shipment=first.shipment)
    assert floor.ship("1", {"A": 2}) == Done(before, shipment=first.shipment)
    assert floor.ship("1", {"A": 1}) == OtherContent(first.shipment.shipment_id)
    floor.hears(cancel(9))
    assert floor.ship("1") == Done(floor.now, shipment=first.shipment)


def test_more_than_is_picked_is_not_shipped() -> None:
    floor = _created()
    floor.pick(PickLine("A", 2))
    before = floor.now
    assert isinstance(floor.ship("1", {"A": 3}), Excess)
    assert isinstance(floor.ship("1", {"C": 1}), Excess)
    assert floor.now == before


def test_a_closed_fulfillment_still_delivers_what_left() -> None:
    floor = _partially_shipped()
    floor.hears(cancel(9))
    assert floor.now.status == "shipped"
    assert allowed(floor.now) == ("deliver",)
    for refused in (floor.pick(), floor.pack(), floor.ship("2")):
        assert isinstance(refused, IllegalTransition)
    delivered = floor.deliver("1")
    assert isinstance(delivered, Done)
    assert delivered.fulfillment.status == "delivered"


def test_deliver_again_is_no_news() -> None:
    floor = _shipped()
    first, second = floor.deliver("1"), floor.deliver("1")
    assert isinstance(first, Done)
    assert isinstance(second, Done)
    assert (first.news, second.news, first.shipment) == (True, False, second.shipment)


def test_units_both_reported_short_and_cancelled_lower_the_target_once() -> None:
    floor = heard(ready(1, ready_line("A", 5)))
    floor.pick(PickLine("A", 0, 2, "missing"))
    assert (floor.line().target, floor.hears(cancel(2, {"A": 2}))) == (3, "cancelled")
    assert (floor.line().cancelled, floor.line().target) == (2, 3)
    floor.hears(ready(3, ready_line("A", 5, short=2, cancelled=2)))
    assert floor.line().target == 3
