"""Levels: alerts at their limits, what to make, and the entry that corrects a level."""

from decimal import Decimal

import pytest

from services.inventory.domain.deviations import Check, Sums, correcting_entry, deviations
from services.inventory.domain.levels import Level, alert_kinds, suggested_quantity
from tests.unit.inventory.warehouse import BY, level


@pytest.mark.parametrize(
    ("available", "kinds"),
    [
        (11, set()),
        (10, {"low_stock"}),
        (5, {"low_stock"}),
        (4, {"low_stock", "critical"}),
        (1, {"low_stock", "critical"}),
        (0, {"low_stock", "critical", "stockout"}),
    ],
)
def test_an_alert_is_called_for_at_its_limit(available: int, kinds: set[str]) -> None:
    assert alert_kinds(available, 4, 10) == kinds


@pytest.mark.parametrize(("minimum", "reorder", "kinds"), [(0, 0, 0), (0, 1, 3), (1, 0, 3)])
def test_an_item_without_levels_calls_for_no_alert(minimum: int, reorder: int, kinds: int) -> None:
    assert len(alert_kinds(0, minimum, reorder)) == kinds


def test_what_is_missing_up_to_twice_the_reorder_point_is_suggested_and_at_least_a_lot() -> None:
    assert suggested_quantity(3, 4, 5, 10, None) == 18
    assert suggested_quantity(3, 4, 5, 10, 50) == 50
    assert suggested_quantity(20, 5, 5, 10, 50) == 0


def test_units_cost_the_average_of_all_receipts() -> None:
    assert level("rose", 4).cost_of(3) == Decimal("7.5000")
    assert Level("rose", "product", "", True, 0, 0, 4, 0, 0, 0, 0).cost_of(3) == 0


def drifted() -> tuple[Level, Sums]:
    """One unit more booked, one less promised and blocked than its rows say; two more in lots, two of them blocked."""
    found = level("rose", 9)
    found.reserved, found.held = 2, 1
    return found, Sums(current=8, held=2, reserved=3, lots=11, blocked=3)


def test_every_deviation_is_found_with_the_entry_that_mends_it() -> None:
    sums = drifted()[1]
    assert [(one.check, one.type, one.quantity) for one in deviations("rose", 9, 2, 1, sums)] == [
        ("current_ledger", "adjust", 1),
        ("current_lots", "adjust", -2),
        ("reserved_holds", "reserve", 1),
        ("held_ledger", "unhold", -1),
        ("held_lots", "unhold", -2),
    ]
    assert deviations("rose", 9, 2, 1, Sums(9, 1, 2, 9, 1)) == []
    assert [one.type for one in deviations("rose", 9, 2, 1, Sums(9, 0, 1, 9, 0))] == ["release", "hold", "hold"]


@pytest.mark.parametrize(
    ("check", "quantity", "ends"),
    [("current_ledger", 1, (9, 2, 1)), ("reserved_holds", 1, (9, 3, 1)), ("held_ledger", -1, (9, 2, 1))],
)
def test_a_correction_keeps_the_level_in_force_and_only_promises_move(
    check: Check, quantity: int, ends: tuple[int, int, int]
) -> None:
    found, sums = drifted()
    entry = correcting_entry(found, sums, check, quantity, BY)
    assert entry is not None and (entry.quantity, entry.version) == (quantity, 1)
    assert (found.current, found.reserved, found.held) == ends


def test_no_correction_is_made_that_was_not_proposed_or_has_no_room() -> None:
    found, sums = drifted()
    assert correcting_entry(found, sums, "current_ledger", 2, BY) is None
    assert correcting_entry(found, Sums(9, 1, 10, 9, 1), "reserved_holds", 8, BY) is None
    assert (found.current, found.reserved, found.held, found.version) == (9, 2, 1, 0)
