"""Questions of orders, one dialogue per rule: hold, confirm, lapse, close."""

from datetime import timedelta

import pytest

from services.inventory.domain.claims import Asked, OrderQuestion, Refused, newest
from tests.unit.inventory.warehouse import START, Warehouse, level

ROSE = Asked("rose", 5)


def test_closing_keeps_a_parcel_in_flight_and_releases_the_rest() -> None:
    house = Warehouse(rose=10)
    house.asks("o1", 1, ROSE, confirm=True)
    house.closes("o1", 2, Asked("rose", 5, shipped=3))
    assert (house.line("o1", "rose"), house.posted()) == ((3, 0, 0, 2), [("release", -2)])
    told = house.ships("o1", rose=3)
    assert (house.line("o1", "rose"), house.posted()) == ((0, 0, 3, 2), [("sale", -3)])
    assert told is not None and not told.unheld
    assert house.stock("rose") == (7, 0, 0, 0)


def test_closing_after_the_parcel_was_deducted_holds_nothing() -> None:
    house = Warehouse(rose=10)
    house.asks("o1", 1, ROSE, confirm=True)
    house.ships("o1", rose=3)
    house.closes("o1", 2, Asked("rose", 5, shipped=3))
    assert (house.line("o1", "rose"), house.posted()) == ((0, 0, 3, 2), [("release", -2)])


def test_what_a_closed_order_shipped_is_taken_back_last() -> None:
    house = Warehouse(rose=6)
    house.asks("o1", 1, Asked("rose", 3), confirm=True, priority=9)
    house.asks("o2", 1, Asked("rose", 3), confirm=True)
    house.closes("o2", 2, Asked("rose", 3, shipped=3))
    house.counts("rose", 4)
    assert (house.line("o1", "rose"), house.line("o2", "rose")) == ((1, 2, 0, 0), (3, 0, 0, 0))


def test_a_closed_order_that_was_never_asked_for_takes_nothing() -> None:
    house = Warehouse(rose=5)
    house.closes("o1", 2, ROSE)
    told = house.asks("o1", 3, ROSE, type="confirmation_requested")
    assert (house.claims["o1"].status, house.line("o1", "rose"), house.posted()) == ("closed", (0, 0, 0, 5), [])
    assert told is not None and told.answers == "order.confirmation_requested"


def test_a_closed_order_leaves_the_queue_to_the_next() -> None:
    house = Warehouse(rose=5)
    house.asks("o1", 1, ROSE, confirm=True)
    house.asks("o2", 1, ROSE, policy="backorder")
    house.asks("o3", 1, ROSE, policy="backorder")
    house.closes("o2", 2, ROSE)
    assert house.shelf.queue("rose") == [house.claims["o3"].key]
    house.closes("o1", 2, ROSE)
    assert [house.line(order, "rose") for order in ("o1", "o2", "o3")] == [(0, 0, 0, 5), (0, 0, 0, 5), (5, 0, 0, 0)]


def test_a_confirmation_after_the_hold_lapsed_comes_behind_those_who_waited() -> None:
    house = Warehouse(rose=5)
    house.asks("o1", 1, ROSE)
    house.asks("o2", 1, ROSE, policy="backorder", confirm=True)
    house.later(seconds=900)
    told = house.asks("o1", 2, ROSE, type="confirmation_requested")
    assert house.claims["o1"].status == "expired"
    assert (house.line("o1", "rose"), house.line("o2", "rose")) == ((0, 0, 0, 0), (5, 0, 0, 0))
    assert told is not None and told.expired and not told.retaken
    refusal = house.claims["o1"].refusal
    assert refusal is not None
    assert (refusal.reason, refusal.lines) == ("insufficient_stock", (Refused("rose", 5, 0, True),))


def test_a_confirmation_before_the_hold_lapsed_keeps_it() -> None:
    house = Warehouse(rose=5)
    house.asks("o1", 1, ROSE)
    house.later(seconds=899)
    house.asks("o1", 2, ROSE, type="confirmation_requested")
    assert (house.claims["o1"].status, house.posted()) == ("confirmed", [])


@pytest.mark.parametrize(("seconds", "status"), [(900 + 86_400, "confirmed"), (901 + 86_400, "expired")])
def test_a_lapsed_hold_is_taken_anew_within_the_time_for_it(seconds: int, status: str) -> None:
    house = Warehouse(rose=5)
    house.asks("o1", 1, ROSE)
    house.later(seconds=seconds)
    told = house.asks("o1", 2, ROSE, type="confirmation_requested")
    assert told is not None
    assert (house.claims["o1"].status, told.expired, told.retaken) == (status, True, status == "confirmed")
    refusal = house.claims["o1"].refusal
    assert (refusal.reason if refusal else None) == (None if status == "confirmed" else "expired")


def test_a_newcomer_gets_what_lapsed_before_the_sweeper_comes_by() -> None:
    house = Warehouse(rose=5)
    house.asks("o1", 1, ROSE)
    house.later(seconds=900)
    house.asks("o2", 1, ROSE)
    assert [house.claims[order].status for order in ("o1", "o2")] == ["expired", "active"]
    assert house.posted() == [("expire", -5), ("reserve", 5)]


def test_an_older_question_is_not_answered_and_the_same_again_is() -> None:
    house = Warehouse(rose=5)
    house.asks("o1", 3, ROSE)
    assert house.asks("o1", 2, ROSE, type="confirmation_requested") is None
    assert (house.claims["o1"].status, house.claims["o1"].asked) == ("active", 3)
    told = house.asks("o1", 3, ROSE, type="confirmation_requested")
    assert told is not None and told.answers == "order.confirmation_requested"
    assert (house.claims["o1"].status, house.posted()) == ("active", [])


def test_under_reject_an_order_is_held_wholly_or_refused() -> None:
    house = Warehouse(rose=5, lily=1)
    house.asks("o1", 1, ROSE, Asked("lily", 2))
    refusal = house.claims["o1"].refusal
    assert refusal is not None and house.claims["o1"].status == "rejected"
    assert refusal.lines == (Refused("rose", 5, 5, False), Refused("lily", 2, 1, True))
    assert (house.posted(), house.claims["o1"].lines) == ([], {})


def test_an_unknown_product_refuses_the_order_under_every_policy() -> None:
    house = Warehouse(rose=5)
    house.asks("o1", 1, ROSE, Asked("lily", 2), policy="partial")
    refusal = house.claims["o1"].refusal
    assert refusal is not None and refusal.reason == "unknown_product"
    assert refusal.lines == (Refused("rose", 5, 0, False), Refused("lily", 2, 0, True))


def test_an_order_that_protects_the_safety_stock_does_not_take_it() -> None:
    house = Warehouse()
    house.levels["rose"] = level("rose", 6, min_stock_level=2)
    house.asks("o1", 1, ROSE, policy="backorder", protected=True)
    assert house.line("o1", "rose") == (4, 1, 0, 0)
    house.asks("o2", 1, Asked("rose", 2), policy="backorder")
    assert house.line("o2", "rose") == (2, 0, 0, 0)


def test_cancelled_units_leave_the_queue_first_and_then_the_hold() -> None:
    house = Warehouse(rose=3)
    house.asks("o1", 1, ROSE, policy="backorder")
    house.asks("o1", 2, Asked("rose", 5, cancelled=3), type="cancelled", policy="backorder")
    assert (house.line("o1", "rose"), house.posted()) == ((2, 0, 0, 3), [("release", -1)])
    assert house.stock("rose") == (3, 2, 0, 0)


def test_an_order_that_asks_for_nothing_more_moves_no_level() -> None:
    house = Warehouse(rose=5)
    house.asks("o1", 1, Asked("rose", 5, cancelled=5))
    assert house.line("o1", "rose") == (0, 0, 0, 5)
    assert (house.levels["rose"].moved, house.shelf.queue("rose"), house.posted()) == (False, [], [])


def test_who_leaves_a_queue_is_in_it_no_more_and_what_is_held_is_told() -> None:
    house = Warehouse(rose=3)
    told = house.asks("o1", 1, ROSE, policy="backorder")
    assert told is not None and told.newly_held == 3
    claim = house.claims["o1"]
    assert house.shelf.queue("rose") == [claim.key]
    assert house.shelf.leave_queue(claim, claim.lines["rose"], 9) == 2
    assert house.shelf.queue("rose") == []


def test_a_newcomer_however_urgent_takes_nothing_that_somebody_waits_for() -> None:
    house = Warehouse(rose=0)
    house.asks("o1", 1, ROSE, policy="backorder")
    house.levels["rose"].current += 5  # as when a job is still to give them
    house.asks("o2", 1, ROSE, priority=9)
    assert (house.claims["o2"].status, house.line("o1", "rose")) == ("rejected", (5, 0, 0, 0))
    assert house.stock("rose") == (5, 5, 0, 0)


def test_units_that_are_given_up_go_to_the_queue_at_once() -> None:
    house = Warehouse(rose=5)
    house.asks("o1", 1, ROSE)
    house.asks("o2", 1, ROSE, policy="backorder")
    house.asks("o1", 2, Asked("rose", 5, cancelled=2), type="cancelled")
    assert house.posted() == [("release", -2), ("reserve", 2)]
    assert (house.line("o1", "rose"), house.line("o2", "rose")) == ((3, 0, 0, 2), (2, 3, 0, 0))


def test_what_comes_goes_by_priority_then_by_age() -> None:
    house = Warehouse(rose=4)
    house.asks("holder", 1, Asked("rose", 4))
    ages = {"a": 2, "b": 1, "c": 3}
    for order, age in ages.items():
        at, priority = START + timedelta(seconds=age), 9 if order == "c" else 0
        house.asks(order, 1, Asked("rose", 2), policy="backorder", accepted_at=at, priority=priority)
    house.closes("holder", 2, Asked("rose", 4))
    assert [house.line(order, "rose")[0] for order in ("c", "b", "a")] == [2, 2, 0]


def test_questions_heard_together_are_taken_by_what_they_give_back_then_priority_then_age() -> None:
    def asked(order_id: str, age: int, priority: int = 0, type: str = "created") -> OrderQuestion:
        at, policy = START + timedelta(seconds=age), "reject"
        return OrderQuestion(order_id, 1, f"order.{type}", policy, priority, False, False, False, at, ())  # type: ignore[arg-type]

    heard = [asked("a", 3), asked("b", 2), asked("c", 4, 9), asked("d", 5, type="cancelled")]
    assert [question.order_id for question in newest(heard)] == ["d", "c", "b", "a"]


def test_a_hold_lasts_a_quarter_of_an_hour_and_a_confirmed_one_a_week() -> None:
    house = Warehouse(rose=5)
    house.asks("o1", 1, ROSE)
    assert house.claims["o1"].expires_at == START + timedelta(seconds=900)
    house.later(seconds=60)
    house.asks("o1", 2, ROSE, type="confirmation_requested")
    assert house.claims["o1"].expires_at == START + timedelta(days=7, seconds=60)


def test_a_confirmed_hold_past_its_date_is_not_given_to_a_newcomer() -> None:
    house = Warehouse(rose=5)
    house.asks("o1", 1, ROSE, confirm=True)
    house.later(days=30)
    house.asks("o2", 1, ROSE)
    assert [house.claims[order].status for order in ("o1", "o2")] == ["confirmed", "rejected"]
    assert house.line("o1", "rose") == (5, 0, 0, 0)


def test_what_lapses_waits_for_nothing_more() -> None:
    house = Warehouse(rose=3)
    house.asks("o1", 1, ROSE, policy="partial")
    house.later(seconds=900)
    house.asks("o2", 1, Asked("rose", 3))
    assert (house.line("o1", "rose"), house.line("o2", "rose")) == ((0, 0, 0, 0), (3, 0, 0, 0))
    assert (house.stock("rose"), house.shelf.queue("rose")) == ((3, 3, 0, 0), [])


def test_a_lapsed_hold_of_which_not_every_item_is_locked_is_left_to_the_sweeper() -> None:
    house = Warehouse(rose=5, lily=1)
    house.asks("o1", 1, ROSE, Asked("lily", 1))
    house.later(seconds=900)
    del house.levels["lily"]
    house.asks("o2", 1, ROSE)
    assert [house.claims[order].status for order in ("o1", "o2")] == ["active", "rejected"]
    assert (house.line("o1", "rose"), house.posted()) == ((5, 0, 0, 0), [])


def test_an_order_that_was_heard_of_by_its_parcel_first_has_its_own_age_and_terms() -> None:
    house = Warehouse(rose=3)
    house.later(days=1)
    house.ships("o1", rose=3)
    house.asks("o2", 1, ROSE, policy="backorder", accepted_at=START + timedelta(hours=1))
    house.asks("o1", 1, Asked("rose", 5), policy="backorder", priority=4)
    assert house.claims["o1"].key == (-4, START, "o1")
    assert house.shelf.queue("rose") == [house.claims["o1"].key, house.claims["o2"].key]


def test_units_that_left_are_not_cancelled_as_well() -> None:
    house = Warehouse(rose=9)
    house.ships("o1", rose=3)
    house.asks("o1", 1, Asked("rose", 5, cancelled=4))
    assert house.line("o1", "rose") == (0, 0, 3, 2)


def test_a_lapsed_hold_stays_until_its_units_are_needed() -> None:
    house = Warehouse(rose=10)
    house.asks("o1", 1, ROSE)
    house.later(seconds=900)
    house.asks("o2", 1, ROSE)
    assert (house.claims["o1"].status, house.line("o2", "rose")) == ("active", (5, 0, 0, 0))
    house.asks("o3", 1, Asked("rose", 1))
    assert (house.claims["o1"].status, house.line("o3", "rose")) == ("expired", (1, 0, 0, 0))


def test_a_closed_order_has_no_line_of_a_product_that_nobody_knows() -> None:
    house = Warehouse(rose=5)
    house.closes("o1", 2, ROSE, Asked("lily", 2))
    assert (house.claims["o1"].status, list(house.claims["o1"].lines)) == ("closed", ["rose"])
