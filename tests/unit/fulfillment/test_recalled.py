"""A recall on the floor: the lot is not listed, picked, packed or shipped; a short pick is the way out."""

from services.fulfillment.domain.commands import Done, Excess, IllegalTransition, PickLine, Refusal, allowed
from services.fulfillment.domain.records import with_recalled
from services.fulfillment.domain.state import Fulfillment
from tests.unit.fulfillment.floor import Floor, heard, ready, ready_line
from tests.unit.fulfillment.test_lots import FIVE, bench, listed


def recall(floor: Floor, *names: str, product_id: str = "A") -> None:
    """Lots of that id or code must not leave any more."""
    [floor.now] = with_recalled([floor.now], {product_id: frozenset(names)})


def two_products() -> Floor:
    return heard(ready(1, ready_line("A", 5, lots=FIVE), ready_line("B", 2, lots={"x": 2})))


def refused(outcome: Done | Refusal, floor: Floor, before: Fulfillment) -> IllegalTransition:
    assert isinstance(outcome, IllegalTransition) and floor.now == before
    return outcome


def test_a_recalled_lot_is_not_listed_and_no_other_is_named_in_its_place() -> None:
    floor = two_products()
    recall(floor, "a")
    assert listed(floor) == [("b", 2)]
    outcome = floor.pick()
    assert isinstance(outcome, Done)
    assert [(line.product_id, line.lot_id, line.quantity) for line in outcome.picks] == [("A", "b", 2), ("B", "x", 2)]
    assert listed(floor) == []
    assert isinstance(again := floor.pick(), Done) and again.picks == ()


def test_units_of_no_lot_are_listed_beside_a_recalled_one() -> None:
    floor = heard(ready(1, ready_line("A", 5, lots={"a": 3})))
    recall(floor, "a")
    assert listed(floor) == [(None, 2)]


def test_a_recalled_lot_cannot_be_picked_by_any_name_and_for_no_reason() -> None:
    floor = two_products()
    recall(floor, "a", "c", "C-CODE")
    before = floor.now
    picks = [
        PickLine("A", 1, lot_id="a"),
        PickLine("A", 1, lot_id="A"),
        PickLine("A", 1, lot_id="a", other_lot_reason="it is nearer"),
        PickLine("A", 1, lot_id="C-CODE", other_lot_reason="it is nearer"),
        PickLine("A", 3),
    ]
    for line in picks:
        outcome = floor.pick(line)
        assert isinstance(outcome, Excess), line
        assert outcome.errors[0][1] == "/lines/0/lot_id"
        assert "recalled" in outcome.errors[0][0]
    assert floor.now == before


def test_a_picked_unit_of_a_recalled_lot_is_neither_packed_nor_shipped() -> None:
    floor = two_products()
    floor.pick()
    recall(floor, "a")
    before = floor.now
    outcomes = [floor.pack(), floor.pack({"A": 1}), floor.ship("T-1"), floor.ship("T-1", {"A": 1, "B": 1})]
    assert [refused(outcome, floor, before).recalled for outcome in outcomes] == [("a",)] * 4
    assert isinstance(floor.pack({"B": 2}), Done)
    assert isinstance(floor.ship("T-1", {"B": 2}), Done)
    assert allowed(floor.now) == ("deliver",)


def test_also_one_that_was_packed_before_the_recall() -> None:
    floor = two_products()
    floor.pick()
    floor.pack()
    recall(floor, "b")
    before = floor.now
    assert refused(floor.ship("T-1"), floor, before).recalled == ("b",)


def test_what_was_shipped_before_the_recall_is_still_the_same_shipment() -> None:
    floor = two_products()
    floor.pick()
    first = floor.ship("T-1")
    recall(floor, "a")
    again = floor.ship("T-1")
    assert isinstance(first, Done) and isinstance(again, Done)
    assert again.shipment == first.shipment and not again.news


def test_a_short_pick_takes_the_recalled_units_off_the_bench_and_the_rest_goes_on() -> None:
    floor = two_products()
    floor.pick()
    floor.pack()
    recall(floor, "b")
    outcome = floor.pick(PickLine("A", 0, 2, "recalled"))
    assert isinstance(outcome, Done) and outcome.news
    assert [(line.lot_id, line.short_quantity) for line in outcome.picks] == [("b", 2)]
    line = floor.line()
    assert (bench(floor), line.picked, line.packed, line.target, line.short) == ({"a": 3}, 3, 3, 3, 2)
    assert isinstance(floor.ship("T-1"), Done)
    assert floor.line().shipped == 3


def test_recalled_units_on_the_shelf_are_reported_with_their_lot_and_leave_the_bench_alone() -> None:
    floor = two_products()
    floor.pick(PickLine("A", 2, lot_id="b"))
    recall(floor, "a")
    by_name = floor.pick(PickLine("A", 0, 1, "recalled", lot_id="a"))
    unnamed = floor.pick(PickLine("A", 0, 2, "recalled"))
    assert isinstance(by_name, Done) and isinstance(unnamed, Done)
    assert [(line.lot_id, line.short_quantity) for line in (*by_name.picks, *unnamed.picks)] == [("a", 1), ("a", 2)]
    assert (bench(floor), floor.line().picked, floor.line().left) == ({"b": 2}, 2, 0)


def test_good_and_recalled_units_are_told_in_one_pick() -> None:
    floor = two_products()
    recall(floor, "a")
    outcome = floor.pick(PickLine("A", 2, 3, "recalled"))
    assert isinstance(outcome, Done)
    told = [(line.lot_id, line.quantity, line.short_quantity) for line in outcome.picks]
    assert told == [("b", 2, 0), ("a", 0, 3)]


def test_a_new_target_names_lots_in_the_place_of_recalled_ones() -> None:
    floor = two_products()
    recall(floor, "a")
    floor.pick()
    floor.hears(ready(2, ready_line("A", 5, lots={"b": 2, "d": 3}), ready_line("B", 2, lots={"x": 2})))
    assert listed(floor) == [("d", 3)]
