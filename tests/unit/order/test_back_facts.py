"""The saga backward, as dialogues: units given up early, queued late, damaged, counted away while orders hold them."""

from tests.unit.order.dialogue import Dialogue, held, left, order, shipping, stock


def test_items_given_up_before_inventory_answered_are_never_asked_for() -> None:
    dialogue = Dialogue.given(order(rose=5), auto_confirm=True).cancel(rose=3).expect("created", "cancelled")
    assert (dialogue.cancelled(), dialogue.order.closed_version) == ({"rose": 3}, 0)
    dialogue.inventory("confirmed", stock("rose", held=2, cancelled=3)).expect("confirmed", "confirmed", "ready")
    assert dialogue.order.lines[0].target == 2


def test_items_of_a_confirmed_order_that_queues_are_given_up_at_once() -> None:
    dialogue = Dialogue.given(order(rose=5), auto_confirm=True, on_shortage="backorder")
    dialogue.inventory("confirmed", stock("rose", held=3, backordered=2))
    dialogue.expect("backordered", "backordered")
    dialogue.cancel(rose=1).expect("backordered", "cancelled")
    dialogue.inventory("confirmed", stock("rose", held=3, backordered=1, cancelled=1)).expect("backordered")
    dialogue.inventory("confirmed", stock("rose", held=4, cancelled=1)).expect("confirmed", "confirmed", "ready")
    assert dialogue.order.lines[0].target == 4


def test_items_of_the_rest_are_given_up_after_the_first_parcel() -> None:
    dialogue = shipping().fulfillment(left("rose", 2)).expect("partially_fulfilled")
    dialogue.cancel(rose=1).expect("cancelling", "cancellation_requested")
    dialogue.fulfillment(left("rose", 2, cancelled=1)).expect("partially_fulfilled", "cancelled", "ready")
    assert dialogue.order.lines[0].target == 4
    dialogue.fulfillment(left("rose", 4, cancelled=1)).expect("fulfilled", "cancelled", "fulfilled")


def test_a_late_confirmation_may_queue_and_is_confirmed_when_it_is_filled() -> None:
    dialogue = Dialogue.given(order(rose=5), on_shortage="backorder").inventory("active", *held(("rose", 5)))
    dialogue.inventory("expired", stock("rose"), reason="expired").confirm().expect("expired", "confirmation_requested")
    dialogue.inventory("confirmed", stock("rose", held=1, backordered=4)).expect("backordered", "backordered")
    dialogue.inventory("confirmed", *held(("rose", 5))).expect("confirmed", "confirmed", "ready")


def test_a_unit_damaged_on_the_bench_is_replaced() -> None:
    dialogue = shipping(on_shortage="backorder")
    dialogue.inventory("confirmed", stock("rose", held=4, backordered=1, short=1)).expect("processing", "ready")
    assert (dialogue.order.lines[0].target, dialogue.order.lines[0].target_short) == (4, 1)
    dialogue.inventory("confirmed", stock("rose", held=5, short=1)).expect("processing", "ready")
    dialogue.fulfillment(left("rose", 5)).expect("fulfilled", "fulfilled")


def test_units_taken_back_after_they_were_picked_ship_as_a_fact() -> None:
    dialogue = shipping(on_shortage="backorder")
    dialogue.inventory("confirmed", stock("rose", held=1, backordered=4)).expect("processing", "ready")
    assert dialogue.order.lines[0].target == 1
    dialogue.fulfillment(left("rose", 5)).expect("fulfilled", "fulfilled")
    dialogue.inventory("confirmed", stock("rose", deducted=5)).expect("fulfilled")


def test_an_order_that_lost_units_to_a_count_can_be_cancelled() -> None:
    dialogue = shipping(on_shortage="backorder")
    dialogue.inventory("confirmed", stock("rose", held=2, backordered=3)).cancel()
    dialogue.expect("cancelling", "cancellation_requested")
    dialogue.fulfillment(left("rose", cancelled=5), closed=True).expect("cancelled", "cancelled")
    dialogue.inventory("closed", stock("rose", cancelled=5)).expect("cancelled")
