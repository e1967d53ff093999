"""Which lots a pick takes, a scan confirms, a shipment carries away, and what a short pick leaves of them."""

from services.fulfillment.domain.commands import Done, Excess, PickLine
from services.fulfillment.domain.state import Quantities
from tests.unit.fulfillment.floor import Floor, cancel, heard, ready, ready_line

FIVE = {"a": 3, "b": 2}


def stocked(lots: Quantities | None = None, target: int = 5) -> Floor:
    """Five of a product, of these lots."""
    return heard(ready(1, ready_line("A", 5, target, lots=lots or FIVE)))


def listed(floor: Floor) -> list[tuple[str | None, int]]:
    """What the picking list says."""
    line = floor.line()
    return [(lot.lot_id if lot else None, units) for lot, units in line.lots.listed(line.left)]


def bench(floor: Floor) -> Quantities:
    return floor.line().lots.bench


def test_the_list_names_the_lots_in_the_order_in_which_they_leave() -> None:
    assert listed(stocked()) == [("a", 3), ("b", 2)]


def test_a_pick_as_listed_takes_the_listed_lots() -> None:
    floor = stocked()
    outcome = floor.pick()
    assert isinstance(outcome, Done)
    assert [(line.lot_id, line.quantity) for line in outcome.picks] == [("a", 3), ("b", 2)]
    assert (bench(floor), listed(floor)) == (FIVE, [])


def test_a_pick_of_some_takes_the_first_lots_first() -> None:
    floor = stocked()
    floor.pick(PickLine("A", 4))
    assert (bench(floor), listed(floor)) == ({"a": 3, "b": 1}, [("b", 1)])


def test_a_scan_confirms_a_lot_by_its_id_or_its_code() -> None:
    floor = stocked()
    floor.pick(PickLine("A", 2, lot_id="b"))
    floor.pick(PickLine("A", 1, lot_id="A"))
    assert (bench(floor), listed(floor)) == ({"b": 2, "a": 1}, [("a", 2)])


def test_another_lot_needs_a_reason() -> None:
    floor = stocked()
    before = floor.now
    for line in (PickLine("A", 1, lot_id="c"), PickLine("A", 3, lot_id="b")):
        outcome = floor.pick(line)
        assert isinstance(outcome, Excess)
        assert outcome.errors[0][1] == "/lines/0/lot_id"
    assert floor.now == before
    floor.pick(PickLine("A", 1, lot_id="c", other_lot_reason="blocked by a pallet"))
    assert (bench(floor), listed(floor)) == ({"c": 1}, [("a", 3), ("b", 1)])


def test_without_a_list_of_lots_any_scan_is_taken() -> None:
    floor = heard(ready(1, ready_line("A", 5)))
    floor.pick(PickLine("A", 2, lot_id="x"))
    assert (bench(floor), listed(floor)) == ({"x": 2}, [(None, 3)])


def test_units_of_no_listed_lot_are_listed_without_one() -> None:
    assert listed(stocked({"a": 3})) == [("a", 3), (None, 2)]


def test_a_missing_lot_is_not_listed_again() -> None:
    floor = stocked()
    outcome = floor.pick(PickLine("A", 0, 3, "missing", lot_id="a"))
    assert isinstance(outcome, Done) and outcome.picks[0].lot_id == "a"
    assert listed(floor) == [("b", 2)]


def test_a_short_pick_without_a_scan_is_of_the_lot_that_was_next() -> None:
    floor = stocked()
    outcome = floor.pick(PickLine("A", 3, 2, "damaged"))
    assert isinstance(outcome, Done)
    told = [(line.lot_id, line.quantity, line.short_quantity, line.short_reason) for line in outcome.picks]
    assert told == [("a", 3, 0, None), ("b", 0, 2, "damaged")]
    assert (bench(floor), floor.line().picked, floor.line().short) == ({"a": 3}, 3, 2)


def test_a_target_that_knows_of_the_short_units_names_other_lots() -> None:
    floor = stocked()
    floor.pick(PickLine("A", 0, 3, "missing", lot_id="a"))
    floor.hears(ready(2, ready_line("A", 5, 5, short=0, lots=FIVE)))
    assert listed(floor) == [("b", 2)]
    floor.hears(ready(3, ready_line("A", 5, 5, short=3, lots={"b": 2, "c": 3})))
    assert listed(floor) == [("b", 2), ("c", 3)]


def test_a_lot_that_was_missing_and_found_is_listed_again() -> None:
    floor = stocked()
    floor.pick(PickLine("A", 0, 3, "missing", lot_id="a"))
    floor.hears(ready(2, ready_line("A", 5, 5, short=3, lots=FIVE)))
    assert listed(floor) == [("a", 3), ("b", 2)]


def test_a_shipment_carries_the_lots_of_the_bench_first_expired_first() -> None:
    floor = stocked()
    floor.pick()
    outcome = floor.ship("1", {"A": 4})
    assert isinstance(outcome, Done) and outcome.shipment is not None
    assert outcome.shipment.lots == {"A": {"a": 3, "b": 1}}
    assert (bench(floor), floor.line().lots.gone) == ({"b": 1}, {"a": 3, "b": 1})


def test_lots_that_left_are_not_listed_again_when_the_target_grows() -> None:
    floor = stocked({"a": 3}, target=3)
    floor.pick()
    floor.ship("1")
    floor.hears(ready(2, ready_line("A", 5, 5, lots={"a": 3, "b": 2})))
    assert listed(floor) == [("b", 2)]


def test_what_is_damaged_on_the_bench_leaves_it_with_its_lot() -> None:
    floor = stocked()
    floor.pick()
    floor.pick(PickLine("A", 0, 1, "damaged", lot_id="a"))
    assert (bench(floor), floor.line().picked) == ({"a": 2, "b": 2}, 4)


def test_a_cancel_puts_back_what_expires_last() -> None:
    floor = stocked()
    floor.pick()
    floor.hears(cancel(2, {"A": 3}))
    assert (bench(floor), floor.line().picked) == ({"a": 2}, 2)
