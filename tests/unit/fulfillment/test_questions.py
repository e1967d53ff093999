"""Targets and cancels: newest wins, cancels only grow, shorts are known, nothing that shipped is cancelled."""

from services.fulfillment.domain.commands import IllegalTransition, PickLine
from services.fulfillment.domain.questions import Cancel, Ready
from tests.unit.fulfillment.floor import Floor, cancel, heard, ready, ready_line


def test_the_first_target_is_answered_and_a_new_one_is_not() -> None:
    floor = Floor()
    assert floor.hears(ready(4, ready_line("A", 5))) == "created"
    assert floor.hears(ready(6, ready_line("A", 5, target=3))) is None
    assert (floor.line().target, floor.now.order_version) == (3, 6)


def test_an_older_target_changes_nothing() -> None:
    floor = heard(ready(6, ready_line("A", 5, target=3)))
    before = floor.now
    assert floor.hears(ready(4, ready_line("A", 5))) is None
    assert floor.now == before


def test_the_same_target_again_is_answered_with_the_present_state() -> None:
    floor = heard(ready(4, ready_line("A", 5)))
    floor.pick(PickLine("A", 2))
    before = floor.now
    assert floor.hears(ready(4, ready_line("A", 5))) == "created"
    assert floor.now == before
    assert floor.hears(ready(5, ready_line("A", 5))) == "created"
    assert floor.line() == before.lines["A"]


def test_a_target_is_never_below_what_is_picked_and_shipped() -> None:
    floor = heard(ready(4, ready_line("A", 5)))
    floor.pick(PickLine("A", 3))
    floor.ship("1", {"A": 1})
    floor.hears(ready(5, ready_line("A", 5, target=1)))
    assert (floor.line().target, floor.line().picked, floor.line().shipped) == (3, 2, 1)


def test_a_target_that_does_not_know_of_a_short_pick_is_lowered_by_it() -> None:
    floor = heard(ready(4, ready_line("A", 5)))
    floor.pick(PickLine("A", 2, 2, "missing"))
    assert floor.line().target == 3
    floor.hears(ready(5, ready_line("A", 5, target=5, short=0)))
    assert floor.line().target == 3
    floor.hears(ready(6, ready_line("A", 5, target=5, short=1)))
    assert floor.line().target == 4
    floor.hears(ready(7, ready_line("A", 5, target=5, short=2)))
    assert floor.line().target == 5


def test_a_short_pick_lowers_the_target_at_once_also_after_a_cancel_that_the_target_does_not_know() -> None:
    floor = heard(ready(4, ready_line("A", 5)), cancel(5, {"A": 2}))
    assert floor.line().target == 3
    floor.pick(PickLine("A", 0, 1, "missing"))
    assert (floor.line().target, floor.line().left) == (2, 2)


def test_a_whole_cancel_gives_up_what_has_not_shipped_and_puts_picked_units_back() -> None:
    floor = heard(ready(4, ready_line("A", 5)))
    floor.pick(PickLine("A", 4))
    floor.pack()
    floor.ship("1", {"A": 1})
    assert floor.hears(cancel(5)) == "cancelled"
    line = floor.line()
    assert (line.shipped, line.cancelled, line.picked, line.packed, line.target) == (1, 4, 0, 0, 1)
    assert floor.now.closed
    assert floor.now.status == "shipped"
    assert [parcel.contents for parcel in floor.now.parcels] == [{"A": 1}]


def test_a_cancel_of_units_takes_unpicked_ones_first_and_leaves_the_rest_open() -> None:
    floor = heard(ready(4, ready_line("A", 5)))
    floor.pick(PickLine("A", 3))
    assert floor.hears(cancel(5, {"A": 2})) == "cancelled"
    assert (floor.line().picked, floor.line().target, floor.line().cancelled) == (3, 3, 2)
    assert floor.hears(cancel(6, {"A": 4})) == "cancelled"
    assert (floor.line().picked, floor.line().target, floor.line().cancelled) == (1, 1, 4)
    assert not floor.now.closed


def test_a_cancel_of_units_is_cumulative_and_the_same_again_is_answered_without_effect() -> None:
    floor = heard(ready(4, ready_line("A", 5)), cancel(5, {"A": 2}))
    before = floor.now
    assert floor.hears(cancel(5, {"A": 2})) == "cancelled"
    assert floor.now == before


def test_an_older_cancel_is_covered_by_the_answer_to_the_newer() -> None:
    floor = heard(ready(4, ready_line("A", 5)), cancel(6, {"A": 3}))
    before = floor.now
    assert floor.hears(cancel(5, {"A": 2})) is None
    assert floor.now == before


def test_a_cancel_of_every_unit_closes() -> None:
    floor = heard(ready(4, ready_line("A", 5)), cancel(5, {"A": 5}))
    assert floor.now.closed
    assert floor.now.status == "cancelled"


def test_units_that_shipped_are_not_cancelled() -> None:
    floor = heard(ready(4, ready_line("A", 5)))
    floor.pick()
    floor.ship("1", {"A": 4})
    floor.hears(cancel(5, {"A": 3}))
    assert (floor.line().shipped, floor.line().cancelled, floor.now.status) == (4, 1, "shipped")


def test_a_whole_cancel_before_its_target_makes_a_closed_fulfillment_without_lines() -> None:
    floor = Floor()
    assert floor.hears(cancel(5)) == "cancelled"
    assert (floor.now.closed, dict(floor.now.lines), floor.now.status) == (True, {}, "cancelled")
    assert floor.hears(ready(4, ready_line("A", 5))) is None
    assert isinstance(floor.pick(), IllegalTransition)
    assert (floor.line().target, floor.line().cancelled) == (0, 5)


def test_a_cancel_of_units_before_its_target_is_kept_for_it() -> None:
    floor = Floor()
    assert floor.hears(cancel(5, {"A": 2})) == "cancelled"
    assert not floor.now.closed
    assert floor.hears(ready(4, ready_line("A", 5))) == "created"
    assert (floor.line().target, floor.line().cancelled, floor.now.order_version) == (3, 2, 5)


def test_a_target_for_a_closed_fulfillment_is_answered_with_its_end() -> None:
    floor = heard(ready(4, ready_line("A", 5)), cancel(5))
    assert floor.hears(ready(6, ready_line("A", 5))) == "cancelled"
    assert floor.line().target == 0


def test_units_that_order_knows_to_be_given_up_are_not_shipped() -> None:
    floor = heard(ready(4, ready_line("A", 5)))
    floor.pick(PickLine("A", 4))
    floor.hears(ready(5, ready_line("A", 5, target=5, cancelled=2)))
    assert (floor.line().target, floor.line().picked, floor.line().cancelled) == (3, 3, 2)


def test_deliveries_in_any_order_end_equal() -> None:
    questions: list[Ready | Cancel] = [
        ready(4, ready_line("A", 5)),
        cancel(5, {"A": 2}),
        ready(7, ready_line("A", 5, target=3, cancelled=2)),
    ]
    ends = {
        repr(heard(*(questions[i] for i in places)).now)
        for places in [(0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0)]
    }
    assert len(ends) == 1
