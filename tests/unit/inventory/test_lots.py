"""Lots: what leaves first, what was seen to leave, what comes back, what is held, and what is promised by name."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import get_args
from uuid import UUID

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from services.inventory.domain.claims import Asked
from services.inventory.domain.levels import EntryType, Reference
from services.inventory.domain.lots import COMMANDS, Lot, LotCommand, Lots, LotStatus
from services.inventory.domain.shelf import Shelf
from tests.unit.inventory.warehouse import TERMS, Warehouse, level

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
TODAY = NOW.date()
BY = Reference("test", "t", "ann")
SOON, LATER = date(2026, 2, 1), date(2026, 6, 1)


def id_of(number: int) -> UUID:
    return UUID(int=number)


def lot(number: int, quantity: int, expires_on: date | None = None, age: int = 0) -> Lot:
    """A lot that was made so many days ago."""
    made_at = NOW - timedelta(days=age)
    return Lot(id_of(number), "P", "receipt", f"L-{number}", made_at, quantity, expires_on=expires_on)


def shelf(*lots: Lot, issued: dict[str, list[tuple[UUID, int]]] | None = None) -> Shelf:
    """An item `P` with these lots."""
    known = level("P", sum(one.quantity for one in lots))
    known.held = sum(one.blocked for one in lots)
    return Shelf(NOW, TERMS, {"P": known}, lots=Lots({"P": list(lots)}, TODAY, issued or {}, iter([id_of(99)])))


def leaves(of: Shelf, quantity: int, *seen: tuple[object, int]) -> None:
    of.remove(of.level("P"), quantity, "sale", BY, "shipped", seen=seen)


def moved(of: Shelf) -> list[tuple[EntryType, int, int]]:
    """Entry's type, lot and units of each move."""
    return [(of.entries[move.entry].type, move.lot.lot_id.int, move.quantity) for move in of.lots.moves]


# what leaves and what comes


def test_what_expires_first_leaves_first_then_the_oldest_and_what_never_expires_last() -> None:
    found = shelf(lot(1, 5), lot(2, 5, age=9), lot(3, 5, date(2027, 1, 1)), lot(4, 5, date(2026, 6, 1)))
    leaves(found, 13)
    assert moved(found) == [("sale", 4, -5), ("sale", 3, -5), ("sale", 2, -3)]


def test_each_entry_goes_on_where_the_last_one_stopped_and_names_its_lot_if_it_is_one() -> None:
    found = shelf(lot(1, 5, age=1), lot(2, 5))
    leaves(found, 3)
    leaves(found, 3)
    assert moved(found) == [("sale", 1, -3), ("sale", 1, -2), ("sale", 2, -1)]
    assert [entry.lot_id for entry in found.entries] == [id_of(1), None]


def test_lots_that_are_not_free_leave_last_and_are_held_no_more() -> None:
    held = lot(1, 5, SOON)
    held.status = "on_hold"
    found = shelf(held, lot(2, 2))
    leaves(found, 3)
    assert moved(found) == [("sale", 2, -2), ("sale", 1, -1)] or moved(found) == [("sale", 1, -1), ("sale", 2, -2)]
    assert [(entry.type, entry.quantity) for entry in found.entries] == [("unhold", -1), ("sale", -3)]
    assert (found.level("P").current, found.level("P").held) == (4, 4)


def test_a_lot_that_was_seen_to_leave_leaves_as_far_as_it_has_units_blocked_or_not() -> None:
    held = lot(2, 2)
    held.status = "recalled"
    found = shelf(lot(1, 5, age=1), held)
    leaves(found, 4, (str(id_of(2)), 3), ("nobody", 1))
    assert sorted(moved(found)) == [("sale", 1, -2), ("sale", 2, -2)]
    assert (found.level("P").current, found.level("P").held, found.level("P").available) == (3, 0, 3)


def test_a_lot_is_known_by_its_code_if_only_one_has_it() -> None:
    found = shelf(lot(1, 5, age=1), lot(2, 5))
    leaves(found, 1, ("L-2", 1))
    assert moved(found) == [("sale", 2, -1)]
    twins = shelf(lot(1, 5, age=1), lot(2, 5), lot(3, 5))
    twins.lots.there["P"][2].lot_code = "L-2"
    leaves(twins, 1, ("L-2", 1))
    assert moved(twins) == [("sale", 1, -1)]


def test_a_receipt_brings_a_lot_of_its_own_and_one_that_is_past_its_date_is_held() -> None:
    found = shelf()
    found.bring(lot(7, 0), "receipt", 6, BY)
    past = lot(8, 0, TODAY)
    past.sell_by = TODAY - timedelta(days=1)
    found.bring(past, "receipt", 4, BY)
    assert moved(found) == [("receipt", 7, 6), ("receipt", 8, 4)]
    assert [(born.lot_id.int, born.quantity, born.status) for born in found.lots.born] == [
        (7, 6, "available"),
        (8, 4, "expired"),
    ]
    assert (found.level("P").available, found.level("P").held) == (6, 4)


def test_unused_materials_go_back_to_the_lots_they_came_from_the_last_first_and_no_unit_twice() -> None:
    found = shelf(lot(1, 0), lot(2, 9), issued={"b-1": [(id_of(2), 3), (id_of(1), 5)]})
    for units in (4, 2):
        found.arrive("P", "material_return", units, BY, found.lots.returning("P", "b-1", units))
    assert moved(found) == [
        ("material_return", 2, 3),
        ("material_return", 1, 1),
        ("material_return", 1, 2),
    ]


def test_units_of_no_known_origin_count_with_the_newest_lot_that_is_on_sale() -> None:
    blocked = lot(3, 5)
    blocked.status = "on_hold"
    found = shelf(lot(1, 5), lot(2, 5, age=3), blocked)
    found.arrive("P", "found", 2, BY)
    assert moved(found) == [("found", 1, 2)]


def test_an_item_without_lots_gets_one_of_found_units() -> None:
    found = shelf()
    found.arrive("P", "found", 2, BY)
    leaves(found, 2)
    found.arrive("P", "adjust", 3, BY)
    assert moved(found) == [("found", 99, 2), ("sale", 99, -2), ("adjust", 99, 3)]
    assert [(born.kind, born.quantity) for born in found.lots.born] == [("found", 3)]


def test_more_than_the_books_had_is_found_in_the_newest_lot_and_leaves_it() -> None:
    found = shelf(lot(1, 2))
    leaves(found, 5)
    assert moved(found) == [("found", 1, 3), ("sale", 1, -5)]
    assert found.level("P").current == 0


def test_the_parts_of_a_lot_cost_what_the_whole_did_to_the_last_cent() -> None:
    drum = lot(1, 3)
    drum.made, drum.total_cost = 3, Decimal("10")
    found = shelf(drum)
    for _ in range(3):
        leaves(found, 1)
    assert [move.cost for move in found.lots.moves] == [Decimal("-3.3333"), Decimal("-3.3334"), Decimal("-3.3333")]


def test_what_goes_back_to_a_lot_brings_its_cost_back_and_units_more_than_were_made_cost_nothing() -> None:
    drum = lot(1, 4)
    drum.made, drum.total_cost = 4, Decimal("10")
    found = shelf(drum)
    leaves(found, 2)
    found.arrive("P", "material_return", 1, BY, [(drum, 1)])
    found.arrive("P", "found", 5, BY)
    leaves(found, 4)
    assert [move.cost for move in found.lots.moves] == [Decimal(-5), Decimal("2.5"), Decimal("2.5"), Decimal(0)]


def test_units_of_a_lot_whose_cost_nobody_knows_have_none() -> None:
    found = shelf(lot(1, 3))
    leaves(found, 2)
    assert [move.cost for move in found.lots.moves] == [None]


# what is held


@pytest.mark.parametrize("status", get_args(LotStatus))
@pytest.mark.parametrize("command", get_args(LotCommand))
def test_what_may_be_done_to_a_lot_is_the_table_and_nothing_past_its_date_is_released(
    status: LotStatus, command: LotCommand
) -> None:
    found = lot(1, 5, SOON)
    found.status, found.sell_by = status, TODAY
    assert found.after(command, TODAY) == COMMANDS.get((status, command))
    assert found.after(command, TODAY + timedelta(days=1)) == (
        None if command == "release" else COMMANDS.get((status, command))
    )


def test_a_held_lot_is_not_available_and_takes_back_what_no_other_lot_can_give() -> None:
    stock = Warehouse(P=0)
    first, _ = stock.brings("P", "A", 5, SOON), stock.brings("P", "B", 4, LATER)
    stock.asks("high", 1, Asked("P", 3), policy="backorder", confirm=True, priority=9)
    stock.asks("low", 1, Asked("P", 4), policy="backorder", confirm=True)
    stock.blocks(first)
    assert stock.stock("P") == (9, 4, 5, 3)
    assert (stock.line("high", "P"), stock.line("low", "P")) == ((3, 0, 0, 0), (1, 3, 0, 0))
    assert stock.shelf.tellings["low"].taken == "lot_hold"
    assert stock.posted() == [("take_back", -3), ("hold", 5)]
    stock.frees(first)
    assert stock.stock("P") == (9, 7, 0, 0)
    assert stock.posted() == [("unhold", -5), ("reserve", 3)]


def test_a_lot_expires_with_the_first_that_locks_its_item_after_its_last_day_of_sale() -> None:
    stock = Warehouse(P=0)
    stock.brings("P", "A", 5, SOON)
    stock.asks("o", 1, Asked("P", 2), policy="backorder", confirm=True)
    stock.later(days=1)
    stock.passes()
    assert stock.stock("P") == (5, 2, 0, 0), "its last day"
    stock.later(days=1)
    stock.passes()
    assert stock.stock("P") == (5, 0, 5, 2)
    assert stock.shelf.tellings["o"].taken == "lot_expired"
    assert stock.on_hand("P") == {"A": (5, 5)}


def test_missing_units_of_a_lot_wait_for_a_count_that_settles_them_there() -> None:
    stock = Warehouse(P=0)
    stock.brings("P", "A", 5, SOON)
    stock.brings("P", "B", 5, LATER)
    stock.asks("o", 1, Asked("P", 4), policy="backorder", confirm=True)
    stock.misses("o", "P", 2, lot=str(id_of(1)))
    assert stock.on_hand("P") == {"A": (5, 2), "B": (5, 0)}
    assert stock.stock("P") == (10, 4, 2, 0)
    stock.counts("P", 8)
    assert stock.on_hand("P") == {"A": (3, 0), "B": (5, 0)}
    assert stock.posted() == [("unhold", -2), ("count", -2)]


def test_units_that_were_recalled_when_they_were_to_be_picked_are_not_held_twice() -> None:
    stock = Warehouse(P=0)
    recalled = stock.brings("P", "A", 3, SOON)
    stock.brings("P", "B", 3, LATER)
    stock.asks("o", 1, Asked("P", 3), policy="backorder", confirm=True)
    stock.blocks(recalled, "recalled", "recall")
    assert (stock.stock("P"), stock.line("o", "P")) == ((6, 3, 3, 0), (3, 0, 0, 0)), "the other lot has enough"
    stock.misses("o", "P", 3, "recalled", lot=str(id_of(1)))
    assert (stock.stock("P"), stock.line("o", "P")) == ((6, 3, 3, 0), (3, 0, 0, 0))


# what is promised by name


def test_a_confirmed_order_is_promised_lots_by_name_and_no_unit_is_promised_twice() -> None:
    stock = Warehouse(P=0)
    stock.brings("P", "A", 3, SOON)
    stock.brings("P", "B", 9, LATER)
    stock.asks("x", 1, Asked("P", 2), confirm=True)
    stock.asks("y", 1, Asked("P", 2))
    assert (stock.promised("x", "P"), stock.promised("y", "P")) == ({"A": 2}, {})
    stock.asks("y", 2, Asked("P", 2), type="confirmation_requested")
    assert stock.promised("y", "P") == {"A": 1, "B": 1}
    stock.closes("x", 2, Asked("P", 2, 0, 2))
    stock.asks("z", 1, Asked("P", 3), confirm=True)
    assert (stock.promised("x", "P"), stock.promised("z", "P")) == ({}, {"A": 2, "B": 1})


def test_what_an_order_got_stays_its_lot_whatever_it_was_promised() -> None:
    stock = Warehouse(P=0)
    stock.brings("P", "A", 3, SOON)
    stock.brings("P", "B", 9, LATER)
    stock.asks("x", 1, Asked("P", 3), confirm=True)
    stock.ships("x", (str(id_of(2)), 2), P=2)
    assert stock.promised("x", "P") == {"B": 2, "A": 1}
    assert [lot.pinned for lot in stock.lots["P"]] == [1, 0]


def test_what_others_were_promised_by_name_is_taken_last() -> None:
    stock = Warehouse(P=0)
    stock.brings("P", "A", 3, SOON)
    stock.brings("P", "B", 3, LATER)
    stock.asks("x", 1, Asked("P", 3), confirm=True)
    stock.asks("y", 1, Asked("P", 2))
    stock.ships("y", P=2)
    assert (stock.on_hand("P"), stock.promised("x", "P")) == ({"A": (3, 0), "B": (1, 0)}, {"A": 3})


def test_who_was_promised_a_blocked_lot_is_promised_another_when_its_turn_comes() -> None:
    stock = Warehouse(P=0)
    first = stock.brings("P", "A", 3, SOON)
    stock.brings("P", "B", 9, LATER)
    stock.asks("x", 1, Asked("P", 3), confirm=True)
    stock.blocks(first)
    assert stock.promised("x", "P") == {"A": 3} and stock.shelf.lots.overpinned() == ["P"]
    stock._do("x", lambda found: found.touched.update(stock.claims))
    assert stock.promised("x", "P") == {"B": 3} and stock.shelf.lots.overpinned() == []
    assert stock.shelf.tellings["x"].repinned


# any history


class Histories(RuleBasedStateMachine):
    """Orders, parcels, receipts, counts and blocked lots in any order: level and lots always say the same."""

    def __init__(self) -> None:
        super().__init__()
        self.stock = Warehouse(P=0)
        self.versions: dict[str, int] = {}

    orders = st.sampled_from(["a", "b", "c"])
    few = st.integers(1, 6)
    place = st.integers(0, 4)

    def _lot(self, place: int) -> Lot | None:
        lots = self.stock.lots.get("P", [])
        return lots[place % len(lots)] if lots else None

    @rule(units=few, days=st.one_of(st.none(), st.integers(0, 9)))
    def receive(self, units: int, days: int | None) -> None:
        expires_on = None if days is None else self.stock.now.date() + timedelta(days=days)
        self.stock.brings("P", f"L-{len(self.stock.lots.get('P', []))}", units, expires_on)

    @rule(order=orders, units=few, confirm=st.booleans(), priority=st.integers(0, 2))
    def ask(self, order: str, units: int, confirm: bool, priority: int) -> None:
        version = self.versions[order] = self.versions.get(order, 0) + 1
        self.stock.asks(order, version, Asked("P", units), policy="backorder", confirm=confirm, priority=priority)

    @rule(order=orders, units=few, place=place, seen=st.booleans())
    def ship(self, order: str, units: int, place: int, seen: bool) -> None:
        lot = self._lot(place)
        lots = [(str(lot.lot_id), units)] if lot is not None and seen else []
        self.stock.ships(order, *lots, P=units)

    @rule(order=orders, units=few, place=place, reason=st.sampled_from(["missing", "damaged", "recalled"]))
    def miss(self, order: str, units: int, place: int, reason: str) -> None:
        lot = self._lot(place)
        self.stock.misses(order, "P", units, reason, None if lot is None else str(lot.lot_id))

    @rule(counted=st.integers(0, 12))
    def count(self, counted: int) -> None:
        self.stock.counts("P", counted)

    @rule(place=place, command=st.sampled_from(["on_hold", "recalled", "available"]))
    def command(self, place: int, command: LotStatus) -> None:
        lot = self._lot(place)
        if lot is not None and command == "available":
            self.stock.frees(lot)
        elif lot is not None:
            self.stock.blocks(lot, command)

    @rule(days=st.integers(1, 4))
    def wait(self, days: int) -> None:
        self.stock.later(days=days)
        self.stock.passes()

    @rule()
    def promise_others(self) -> None:
        self.stock._do("", lambda found: found.touched.update(self.stock.claims))
        assert self.stock.shelf.lots.overpinned() == [], "nobody is promised what is not to be had"

    @invariant()
    def level_and_lots_agree(self) -> None:
        known, lots = self.stock.levels["P"], self.stock.lots.get("P", [])
        claims = [claim.lines["P"] for claim in self.stock.claims.values() if "P" in claim.lines]
        assert known.current == sum(one.quantity for one in lots)
        assert known.held == sum(one.blocked for one in lots)
        assert known.reserved == sum(line.held for line in claims)
        assert known.reserved + known.held <= known.current
        assert all(0 <= one.pending <= one.quantity for one in lots)
        for one in lots:
            shares = [line.lots[one.lot_id].pinned for line in claims if one.lot_id in line.lots]
            assert one.pinned == sum(shares) and all(share >= 0 for share in shares)

    @invariant()
    def a_confirmed_order_is_promised_all_that_it_holds(self) -> None:
        for claim in self.stock.shelf.touched.values():
            for line in claim.lines.values():
                promised = sum(share.pinned for share in line.lots.values())
                assert promised == (line.held if claim.status in ("confirmed", "closed") else 0)


TestHistories = Histories.TestCase
TestHistories.settings = settings(max_examples=150, stateful_step_count=30, deadline=None)
