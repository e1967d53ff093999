"""The ways back: cancelled at every moment, whole and by items; lapsed and confirmed late; late success."""

from datetime import timedelta

import pytest

from tests.unit.order.dialogue import Dialogue, held, left, order, shipping, shortage, stock


def test_a_cancel_before_inventory_answered_closes_at_once() -> None:
    dialogue = Dialogue.given(order(rose=2)).cancel().expect("cancelled", "cancelled")
    assert dialogue.order.closed_version == 2
    dialogue.inventory("active", *held(("rose", 2)), answers=1).expect("cancelled")
    assert dialogue.order.inventory_owes_answer
    dialogue.inventory("closed", stock("rose", cancelled=2)).expect("cancelled")
    assert not dialogue.order.inventory_owes_answer


def test_a_refusal_that_comes_after_the_cancel_changes_nothing() -> None:
    dialogue = Dialogue.given(order(rose=2)).cancel()
    short = stock("rose", shortage=shortage("rose", 0, 2))
    dialogue.inventory("rejected", short, answers=1, reason="insufficient_stock").expect("cancelled")
    assert dialogue.order.rejection is None


@pytest.mark.parametrize(
    ("status", "quantities", "policy"),
    [
        ("active", {"held": 5}, "reject"),
        ("active", {"backordered": 5}, "backorder"),
        ("active", {"held": 2}, "partial"),
    ],
)
def test_a_cancel_of_a_hold_closes_at_once(status: str, quantities: dict[str, int], policy: str) -> None:
    dialogue = Dialogue.given(order(rose=5), on_shortage=policy)
    dialogue.inventory(status, stock("rose", **quantities)).cancel()  # type: ignore[arg-type]
    dialogue.expect("cancelled", "cancelled").inventory("closed", stock("rose", cancelled=5)).expect("cancelled")
    dialogue.cancel().expect("cancelled")
    dialogue.went("told")
    dialogue.confirm().expect("cancelled")
    dialogue.went("illegal")


def test_a_confirmed_order_that_queues_closes_itself() -> None:
    dialogue = Dialogue.given(order(rose=5), on_shortage="backorder", auto_confirm=True)
    dialogue.inventory("confirmed", stock("rose", held=1, backordered=4)).cancel().expect("cancelled", "cancelled")


def test_after_the_first_target_fulfillment_judges_the_cancel() -> None:
    dialogue = shipping().cancel().expect("cancelling", "cancellation_requested")
    dialogue.cancel().expect("cancelling")
    dialogue.went("asked")
    dialogue.confirm().expect("cancelling")
    dialogue.went("illegal")
    dialogue.fulfillment(left("rose", cancelled=5), closed=True).expect("cancelled", "cancelled")
    dialogue.inventory("closed", stock("rose", cancelled=5)).expect("cancelled")


def test_no_target_goes_out_while_cancelling() -> None:
    dialogue = shipping().cancel()
    dialogue.inventory("confirmed", stock("rose", held=3, backordered=2)).expect("cancelling")


def test_a_parcel_in_flight_wins_against_the_cancel() -> None:
    dialogue = shipping().cancel()
    dialogue.fulfillment(left("rose", 5), answers=dialogue.order.ready_version).expect("cancelling")
    dialogue.fulfillment(left("rose", 5), closed=True).expect("fulfilled", "fulfilled")
    dialogue.cancel().expect("fulfilled")
    dialogue.went("illegal")


def test_after_the_first_parcel_only_the_rest_is_cancelled() -> None:
    dialogue = shipping().fulfillment(left("rose", 3)).cancel().expect("cancelling", "cancellation_requested")
    dialogue.fulfillment(left("rose", 3, cancelled=2), closed=True).expect("fulfilled", "cancelled", "fulfilled")
    assert dialogue.cancelled() == {"rose": 2}
    dialogue.cancel().expect("fulfilled")
    dialogue.went("told")


def test_a_cancel_answered_before_its_order_was_ready_closes_too() -> None:
    dialogue = Dialogue.given(order(rose=5), auto_confirm=True).inventory("confirmed", *held(("rose", 5)))
    dialogue.cancel().expect("cancelling", "cancellation_requested")
    dialogue.fulfillment(closed=True).expect("cancelled", "cancelled")
    assert dialogue.cancelled() == {"rose": 5}


def test_items_are_given_up_before_the_first_target_without_closing() -> None:
    dialogue = Dialogue.given(order(rose=5, lily=2)).inventory("active", *held(("rose", 5), ("lily", 2)))
    dialogue.cancel(rose=2).expect("created", "cancelled")
    assert (dialogue.cancelled(), dialogue.order.closed_version) == ({"rose": 2, "lily": 0}, 0)
    dialogue.cancel(rose=2).expect("created")
    dialogue.went("told")
    dialogue.inventory("active", stock("rose", held=3, cancelled=2), stock("lily", held=2)).expect("created")
    dialogue.cancel(rose=5, lily=2).expect("cancelled", "cancelled")
    assert dialogue.order.closed_version == 3


def test_items_given_up_after_the_first_target_lower_it_once_fulfillment_judged() -> None:
    dialogue = shipping(order(rose=5, lily=2)).cancel(rose=2).expect("cancelling", "cancellation_requested")
    assert [one.cancel_asked for one in dialogue.order.lines] == [2, 0]
    dialogue.fulfillment(left("rose", cancelled=2), left("lily")).expect("processing", "cancelled", "ready")
    assert [one.target for one in dialogue.order.lines] == [3, 2]
    dialogue.inventory("confirmed", stock("rose", held=3, cancelled=2), stock("lily", held=2)).expect("processing")
    dialogue.fulfillment(left("rose", 3, 2), left("lily", 2)).expect("fulfilled", "cancelled", "fulfilled")


def test_a_cancel_of_items_is_followed_by_the_target_again_for_it_may_have_overtaken_one() -> None:
    dialogue = shipping(order(rose=5, lily=2)).fulfillment(left("rose", 5), left("lily")).cancel(lily=1)
    dialogue.fulfillment(left("rose", 5), left("lily", cancelled=0)).expect("partially_fulfilled", "ready")


def test_a_whole_cancel_may_follow_one_of_items() -> None:
    dialogue = shipping().cancel(rose=2).expect("cancelling", "cancellation_requested")
    first = dialogue.order.cancel_version
    dialogue.cancel(rose=1).expect("cancelling")
    dialogue.cancel(rose=4).expect("cancelling", "cancellation_requested")
    dialogue.cancel().expect("cancelling", "cancellation_requested")
    assert dialogue.order.cancel_whole
    dialogue.fulfillment(left("rose", cancelled=2), answers=first).expect("cancelling", "cancelled")
    dialogue.fulfillment(left("rose", cancelled=5), closed=True).expect("cancelled", "cancelled")


def test_a_whole_cancel_is_asked_also_when_every_item_was() -> None:
    dialogue = shipping().cancel(rose=5).expect("cancelling", "cancellation_requested")
    dialogue.cancel().expect("cancelling", "cancellation_requested")


def test_units_that_have_left_cannot_be_cancelled() -> None:
    dialogue = shipping(order(rose=5, lily=2)).fulfillment(left("rose", 5), left("lily")).cancel(rose=1)
    assert (dialogue.outcome, dialogue.said) == ("illegal", [])


def test_an_unconfirmed_order_lapses_and_is_confirmed_within_a_day() -> None:
    dialogue = Dialogue.given(order(rose=5)).inventory("active", *held(("rose", 5)))
    dialogue.inventory("expired", stock("rose"), reason="expired").expect("expired", "expired")
    dialogue.inventory("expired", stock("rose"), reason="expired").expect("expired")
    assert dialogue.order.stock_reserved is False
    dialogue.confirm().expect("expired", "confirmation_requested")
    dialogue.inventory("confirmed", *held(("rose", 5))).expect("confirmed", "confirmed", "ready")


def test_a_late_confirmation_that_finds_no_stock_stays_expired_and_may_be_tried_again() -> None:
    dialogue = Dialogue.given(order(rose=5)).inventory("active", *held(("rose", 5)))
    dialogue.inventory("expired", stock("rose"), reason="expired").confirm()
    short = stock("rose", shortage=shortage("rose", 1, 5))
    dialogue.inventory("expired", short, reason="insufficient_stock").expect("expired")
    assert dialogue.order.rejection is not None and dialogue.order.rejection.lines[0].available == 1
    assert not dialogue.order.confirm
    dialogue.confirm().expect("expired", "confirmation_requested")
    dialogue.inventory("confirmed", *held(("rose", 5))).expect("confirmed", "confirmed", "ready")
    assert dialogue.order.rejection is None


def test_a_late_confirmation_that_inventory_judges_too_late_keeps_what_was_short() -> None:
    dialogue = Dialogue.given(order(rose=5)).inventory("expired", stock("rose"), reason="expired")
    assert dialogue.order.rejection is None
    dialogue.confirm().inventory("expired", stock("rose", shortage=shortage("rose", 1, 5)), reason="expired")
    dialogue.expect("expired")
    assert dialogue.order.rejection is not None and dialogue.order.rejection.lines[0].requested == 5


def test_a_cancel_of_items_of_a_lapsed_order_asks_for_no_hold() -> None:
    dialogue = Dialogue.given(order(rose=5)).inventory("expired", stock("rose"), reason="expired").confirm()
    dialogue.inventory("expired", stock("rose"), reason="insufficient_stock").cancel(rose=1).expect(
        "expired", "cancelled"
    )
    assert not dialogue.order.confirm


def test_a_confirmation_later_than_a_day_after_the_expiry_is_refused() -> None:
    dialogue = Dialogue.given(order(rose=5)).inventory("expired", stock("rose"), reason="expired")
    last = timedelta(hours=1, days=1)
    dialogue.confirm(last + timedelta(seconds=1)).expect("expired")
    dialogue.went("lapsed")
    dialogue.confirm(last).expect("expired", "confirmation_requested")


def test_an_expiry_that_a_confirmation_may_undo_is_not_told_yet() -> None:
    dialogue = Dialogue.given(order(rose=5)).inventory("active", *held(("rose", 5))).confirm()
    dialogue.inventory("expired", stock("rose"), answers=1, reason="expired").expect("expired")
    dialogue.inventory("expired", stock("rose"), reason="expired").expect("expired", "expired")


def test_a_hold_that_lapses_twice_is_told_twice() -> None:
    dialogue = Dialogue.given(order(rose=5)).inventory("expired", stock("rose"), reason="expired")
    dialogue.inventory("active", *held(("rose", 5))).expect("created")
    dialogue.inventory("expired", stock("rose"), reason="expired").expect("expired", "expired")


def test_an_expired_order_can_be_cancelled() -> None:
    dialogue = Dialogue.given(order(rose=5)).inventory("expired", stock("rose", cancelled=5), reason="expired")
    assert dialogue.cancelled() == {"rose": 0}
    dialogue.cancel().expect("cancelled", "cancelled")
    dialogue.inventory("closed", stock("rose", cancelled=5)).expect("cancelled")


def test_a_hold_that_outlives_its_order_is_given_up_again() -> None:
    dialogue = Dialogue.given(order(rose=5)).cancel()
    dialogue.inventory("active", *held(("rose", 5))).expect("cancelled", "cancelled")
    dialogue.inventory("closed", stock("rose", cancelled=5)).expect("cancelled")


def test_units_shipped_and_not_yet_deducted_are_no_hold_that_outlives_its_order() -> None:
    dialogue = shipping().fulfillment(left("rose", 5)).expect("fulfilled", "fulfilled")
    dialogue.inventory("confirmed", stock("rose", held=4, backordered=1)).expect("fulfilled")
    dialogue.inventory("confirmed", stock("rose", held=1)).expect("fulfilled")


def test_an_older_snapshot_changes_nothing() -> None:
    dialogue = Dialogue.given(order(rose=5), auto_confirm=True)
    dialogue.inventory("confirmed", *held(("rose", 5)), version=7).expect("confirmed", "confirmed", "ready")
    was = dialogue.order
    dialogue.inventory("active", stock("rose", held=1), version=6).expect("confirmed")
    dialogue.inventory("confirmed", stock("rose", held=1), version=7).expect("confirmed")
    assert dialogue.order == was


def test_a_unit_that_leaves_in_spite_of_its_cancel_counts_as_shipped() -> None:
    dialogue = shipping().inventory("confirmed", stock("rose", held=3, cancelled=2, short=2))
    dialogue.fulfillment(left("rose", 5)).expect("fulfilled", "fulfilled")
    assert dialogue.cancelled() == {"rose": 0}


def test_a_closed_fulfillment_answers_every_cancel() -> None:
    dialogue = shipping().cancel()
    dialogue.fulfillment(left("rose", cancelled=5), closed=True, answers=dialogue.order.ready_version)
    dialogue.expect("cancelled", "cancelled")


def test_an_answered_question_stays_answered_and_a_shipped_unit_stays_shipped() -> None:
    dialogue = shipping().fulfillment(left("rose", 3)).expect("partially_fulfilled")
    dialogue.fulfillment(left("rose")).expect("partially_fulfilled")
    dialogue.inventory("confirmed", stock("rose", held=2, deducted=3), answers=0).expect("partially_fulfilled")
    assert not dialogue.order.inventory_owes_answer
    assert dialogue.order.lines[0].shipped == 3


def test_no_target_follows_a_cancel_that_found_everything_shipped() -> None:
    dialogue = shipping().cancel(rose=5).expect("cancelling", "cancellation_requested")
    dialogue.fulfillment(left("rose", 5)).expect("fulfilled", "fulfilled")


def test_a_closed_fulfillment_stays_closed_whatever_is_heard_after() -> None:
    dialogue = shipping().fulfillment(left("rose", 2, cancelled=3), closed=True)
    dialogue.expect("fulfilled", "cancelled", "fulfilled")
    dialogue.fulfillment(left("rose", 2)).expect("fulfilled")
    assert dialogue.order.fulfillment_closed
    assert dialogue.cancelled() == {"rose": 3}
