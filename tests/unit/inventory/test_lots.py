"""Lots: first expired first out, what was seen to leave, what comes back, and units of no known origin."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from services.inventory.domain.levels import Entry, EntryType, Reference
from services.inventory.domain.lots import Lot, Lots

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
NEW = UUID(int=99)


def id_of(number: int) -> UUID:
    return UUID(int=number)


def lot(number: int, quantity: int, expires_on: date | None = None, age: int = 0, item_id: str = "P") -> Lot:
    """A lot that was made so many days ago."""
    made_at = NOW - timedelta(days=age)
    return Lot(id_of(number), item_id, "receipt", f"L-{number}", made_at, quantity, expires_on=expires_on)


def entry(change: int, type: EntryType = "sale", reference: str = "o-1", item_id: str = "P") -> Entry:
    """A ledger entry that moves `current` by so many units."""
    before = 1_000
    by = Reference("order", reference, "ann")
    return Entry(item_id, 1, type, change, before, before + change, 0, 0, 0, 0, by)


def moved(lots: Lots, *entries: Entry, **wanted: tuple[tuple[str, int], ...]) -> list[tuple[int, int, int]]:
    """Entry, lot and units of each move; `wanted` by the entry's place, as `at_0`."""
    seen = {int(place.removeprefix("at_")): told for place, told in wanted.items()}
    return [(move.entry, move.lot.lot_id.int, move.quantity) for move in lots.follow(entries, seen)]


def shelf(*lots: Lot, **more: object) -> Lots:
    return Lots(NOW, {"P": list(lots)}, new_ids=iter([NEW]), **more)  # type: ignore[arg-type]


def test_what_expires_first_leaves_first_then_the_oldest_and_what_never_expires_last() -> None:
    lots = shelf(lot(1, 5), lot(2, 5, age=9), lot(3, 5, date(2027, 1, 1)), lot(4, 5, date(2026, 6, 1)))
    assert moved(lots, entry(-13)) == [(0, 4, -5), (0, 3, -5), (0, 2, -3)]


def test_each_entry_goes_on_where_the_last_one_stopped() -> None:
    assert moved(shelf(lot(1, 5, age=1), lot(2, 5)), entry(-3), entry(-3)) == [(0, 1, -3), (1, 1, -2), (1, 2, -1)]


def test_lots_that_are_not_free_leave_last() -> None:
    held = lot(1, 5, date(2026, 2, 1))
    held.status = "on_hold"
    assert moved(shelf(held, lot(2, 2)), entry(-3)) == [(0, 2, -2), (0, 1, -1)]


def test_a_lot_that_was_seen_to_leave_leaves_as_far_as_it_has_units() -> None:
    lots = shelf(lot(1, 5, age=1), lot(2, 2))
    assert moved(lots, entry(-4), at_0=((str(id_of(2)), 3), ("nobody", 1))) == [(0, 2, -2), (0, 1, -2)]


def test_a_receipt_and_a_batch_bring_lots_of_their_own() -> None:
    births = {"r-1": lot(7, 0), "b-1": lot(8, 0)}
    lots = shelf(births=births)
    assert moved(lots, entry(6, "receipt", "r-1"), entry(4, "batch_output", "b-1")) == [(0, 7, 6), (1, 8, 4)]
    assert [(born.lot_id.int, born.quantity) for born in lots.born] == [(7, 6), (8, 4)]


def test_unused_materials_go_back_to_the_lots_they_came_from_the_last_first() -> None:
    lots = shelf(lot(1, 0), lot(2, 9), issued={"b-1": [(id_of(2), 3), (id_of(1), 5)]})
    assert moved(lots, entry(4, "material_return", "b-1")) == [(0, 2, 3), (0, 1, 1)]


def test_units_of_no_known_origin_count_with_the_newest_lot() -> None:
    assert moved(shelf(lot(1, 5), lot(2, 5, age=3)), entry(2, "found"), entry(1, "count")) == [(0, 1, 2), (1, 1, 1)]


def test_an_item_without_lots_gets_one_of_found_units() -> None:
    lots = shelf()
    assert moved(lots, entry(2, "found"), entry(-2), entry(3, "adjust")) == [(0, 99, 2), (1, 99, -2), (2, 99, 3)]
    assert [(born.kind, born.quantity) for born in lots.born] == [("found", 3)]


def test_the_parts_of_a_lot_cost_what_the_whole_did_to_the_last_cent() -> None:
    drum = lot(1, 3)
    drum.made, drum.total_cost = 3, Decimal("10")
    moves = shelf(drum).follow([entry(-1), entry(-1), entry(-1)], {})
    assert [move.cost for move in moves] == [Decimal("-3.3333"), Decimal("-3.3334"), Decimal("-3.3333")]


def test_what_goes_back_to_a_lot_brings_its_cost_back_and_units_more_than_were_made_cost_nothing() -> None:
    drum = lot(1, 4)
    drum.made, drum.total_cost = 4, Decimal("10")
    lots = shelf(drum, issued={"b-1": [(id_of(1), 2)]})
    moves = lots.follow([entry(-2), entry(1, "material_return", "b-1"), entry(5, "found"), entry(-4)], {})
    assert [move.cost for move in moves] == [Decimal(-5), Decimal("2.5"), Decimal("2.5"), Decimal(0)]


def test_units_of_a_lot_whose_cost_nobody_knows_have_none() -> None:
    assert [move.cost for move in shelf(lot(1, 3)).follow([entry(-2)], {})] == [None]


changes = st.lists(st.tuples(st.sampled_from("PQ"), st.integers(-9, 9).filter(bool)), max_size=30)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("PQ"), st.integers(1, 9)), max_size=6), changes)
def test_lots_have_what_the_item_has_and_never_less_than_nothing(
    there: list[tuple[str, int]], wanted: list[tuple[str, int]]
) -> None:
    known = [lot(number, units, item_id=item_id) for number, (item_id, units) in enumerate(there)]
    lots = Lots(NOW, {}, new_ids=iter([id_of(98), id_of(99)]))
    for one in known:
        lots.there.setdefault(one.item_id, []).append(one)
    current = {item_id: sum(units for item, units in there if item == item_id) for item_id in "PQ"}
    entries = []
    for item_id, change in wanted:
        change = max(change, -current[item_id])
        current[item_id] += change
        entries.append(entry(change, "adjust", item_id=item_id))
    moves = lots.follow(entries, {})
    for item_id, units in current.items():
        assert sum(one.quantity for one in lots.there.get(item_id, ())) == units
    assert all(one.quantity >= 0 for every in lots.there.values() for one in every)
    for place, one_entry in enumerate(entries):
        assert sum(move.quantity for move in moves if move.entry == place) == one_entry.quantity
        assert all(move.lot.item_id == one_entry.item_id for move in moves if move.entry == place)
