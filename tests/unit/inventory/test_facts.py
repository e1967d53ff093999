"""Facts of the building, one dialogue per rule: shipped, short, counted; never refused."""

from services.inventory.domain.claims import Asked
from tests.unit.inventory.warehouse import Warehouse

ROSE = Asked("rose", 5)


def confirmed(policy: str = "reject", stock: int = 7) -> Warehouse:
    """One confirmed order of five roses."""
    house = Warehouse(rose=stock)
    house.asks("o1", 1, ROSE, confirm=True, policy=policy)
    return house


def test_a_missing_unit_is_held_for_a_count_and_replaced() -> None:
    house = confirmed()
    told = house.misses("o1", "rose", 2)
    assert (house.line("o1", "rose"), house.stock("rose")) == ((5, 0, 0, 0), (7, 5, 2, 0))
    assert house.posted() == [("hold", 2), ("reserve", 2)]
    assert told is not None and (told.taken, house.claims["o1"].lines["rose"].short) == ("short_pick", 2)


def test_a_damaged_unit_is_scrapped_and_replaced() -> None:
    house = confirmed()
    house.misses("o1", "rose", 2, "damaged")
    assert (house.line("o1", "rose"), house.stock("rose")) == ((5, 0, 0, 0), (5, 5, 0, 0))
    assert house.posted() == [("scrap", -2), ("reserve", 2)]


def test_a_missing_unit_without_another_is_cancelled_under_reject_and_queues_under_backorder() -> None:
    house = confirmed("reject", 6)
    house.misses("o1", "rose", 2)
    assert (house.line("o1", "rose"), house.stock("rose")) == ((4, 0, 0, 1), (6, 4, 2, 0))
    house = confirmed("backorder", 6)
    house.misses("o1", "rose", 2)
    assert (house.line("o1", "rose"), house.stock("rose")) == ((4, 1, 0, 0), (6, 4, 2, 1))


def test_more_damage_than_an_order_holds_is_taken_from_others() -> None:
    house = Warehouse(rose=5)
    house.asks("o1", 1, Asked("rose", 2), confirm=True, policy="backorder")
    house.asks("o2", 1, Asked("rose", 3), confirm=True, policy="backorder")
    house.misses("o1", "rose", 3, "damaged")
    assert (house.line("o1", "rose"), house.line("o2", "rose")) == ((0, 2, 0, 0), (2, 1, 0, 0))
    assert house.stock("rose") == (2, 2, 0, 3)


def test_a_parcel_of_more_than_is_held_takes_pending_units_then_other_holds_then_finds() -> None:
    house = Warehouse(rose=5)
    house.asks("o1", 1, Asked("rose", 2), confirm=True, policy="backorder")
    house.asks("o2", 1, Asked("rose", 2), confirm=True, policy="backorder")
    house.misses("o2", "rose", 1)
    assert house.stock("rose") == (5, 4, 1, 0)
    told = house.ships("o3", rose=4)
    assert house.posted() == [("unhold", -1), ("take_back", -2), ("take_back", -1), ("sale", -4)]
    assert (house.line("o1", "rose"), house.line("o2", "rose"), house.stock("rose")) == (
        (1, 1, 0, 0), (0, 2, 0, 0), (1, 1, 0, 3),
    )  # fmt: skip
    assert told is not None and told.unheld
    house.ships("o4", rose=2)
    assert house.posted() == [("take_back", -1), ("found", 1), ("sale", -2)]
    assert house.stock("rose") == (0, 0, 0, 4)


def test_units_that_ship_in_spite_of_their_cancel_or_queue_are_counted_once() -> None:
    house = Warehouse(rose=3)
    house.asks("o1", 1, ROSE, confirm=True, policy="backorder")
    house.asks("o1", 2, Asked("rose", 5, cancelled=1), type="cancelled", policy="backorder")
    assert house.line("o1", "rose") == (3, 1, 0, 1)
    house.ships("o1", rose=5)
    assert (house.line("o1", "rose"), house.stock("rose")) == ((0, 0, 5, 0), (0, 0, 0, 0))


def test_a_count_settles_what_was_pending_and_serves_the_queue() -> None:
    house = confirmed("backorder", 5)
    house.misses("o1", "rose", 2)
    assert house.line("o1", "rose") == (3, 2, 0, 0)
    house.counts("rose", 4)
    assert house.posted() == [("unhold", -2), ("count", -1), ("reserve", 1)]
    assert (house.line("o1", "rose"), house.stock("rose")) == ((4, 1, 0, 0), (4, 4, 0, 1))


def test_what_moved_since_the_count_is_not_counted_again() -> None:
    house = confirmed()
    house.ships("o1", rose=5)
    house.counts("rose", 6, books=(7, 0))
    assert (house.posted(), house.stock("rose")) == ([("count", -1)], (1, 0, 0, 0))


def test_a_count_never_takes_more_than_there_is_by_now() -> None:
    house = confirmed()
    house.ships("o1", rose=5)
    house.counts("rose", 1, books=(7, 0))
    assert (house.posted(), house.stock("rose")) == ([("count", -2)], (0, 0, 0, 0))


def test_units_reported_missing_after_the_count_stay_held_for_the_next() -> None:
    house = confirmed("backorder", 5)
    house.misses("o1", "rose", 2)
    house.counts("rose", 5, books=(5, 0))
    assert (house.posted(), house.stock("rose")) == ([], (5, 3, 2, 2))


def test_a_unit_that_is_missed_is_not_replaced_by_one_that_somebody_waits_for() -> None:
    house = confirmed("reject", 5)
    house.asks("o2", 1, Asked("rose", 2), policy="backorder")
    house.levels["rose"].current += 2  # as when a job is still to give them
    house.misses("o1", "rose", 2)
    assert (house.line("o1", "rose"), house.line("o2", "rose")) == ((3, 0, 0, 2), (2, 0, 0, 0))


def test_an_order_of_which_a_part_has_left_gives_by_its_priority_as_any_other() -> None:
    house = Warehouse(rose=8)
    house.asks("o1", 1, ROSE, confirm=True)
    house.asks("o2", 1, Asked("rose", 3), confirm=True, priority=9)
    house.ships("o1", rose=2)
    house.counts("rose", 5)
    assert (house.line("o1", "rose"), house.line("o2", "rose")) == ((2, 1, 2, 0), (3, 0, 0, 0))


def test_what_a_closed_order_is_short_of_is_cancelled_and_waits_for_nothing() -> None:
    house = confirmed(stock=9)
    house.closes("o1", 2, Asked("rose", 5, shipped=3))
    house.misses("o1", "rose", 1)
    assert (house.line("o1", "rose"), house.stock("rose")) == ((2, 0, 0, 3), (9, 2, 1, 0))
