"""The way forward: held, confirmed, shipped; refused; queued; in parts."""

from datetime import date

from tests.unit.order.dialogue import Dialogue, held, left, order, shipping, shortage, stock


def test_an_auto_confirmed_order_in_one_parcel_is_four_events_of_order() -> None:
    dialogue = Dialogue.given(order(rose=2, lily=1), auto_confirm=True).expect("created", "created")
    assert dialogue.order.confirm
    dialogue.inventory("confirmed", *held(("rose", 2), ("lily", 1))).expect("confirmed", "confirmed", "ready")
    dialogue.fulfillment(left("rose"), left("lily")).expect("processing")
    dialogue.fulfillment(left("rose", 2), left("lily", 1)).expect("fulfilled", "fulfilled")
    dialogue.fulfillment(left("rose", 2), left("lily", 1)).expect("fulfilled")
    assert dialogue.order.version == 4


def test_an_order_confirmed_later_asks_once() -> None:
    dialogue = Dialogue.given(order(rose=2)).inventory("active", *held(("rose", 2))).expect("created")
    assert dialogue.order.stock_reserved is True
    dialogue.confirm().expect("created", "confirmation_requested")
    dialogue.confirm().expect("created")
    dialogue.went("asked")
    dialogue.inventory("confirmed", *held(("rose", 2))).expect("confirmed", "confirmed", "ready")
    dialogue.confirm().expect("confirmed")
    dialogue.went("told")


def test_a_confirmation_may_come_before_inventory_answered() -> None:
    dialogue = Dialogue.given(order(rose=2)).confirm().expect("created", "confirmation_requested")
    dialogue.inventory("active", *held(("rose", 2)), answers=1).expect("created")
    dialogue.inventory("confirmed", *held(("rose", 2))).expect("confirmed", "confirmed", "ready")


def test_a_short_order_under_reject_is_rejected_with_the_first_short_line() -> None:
    dialogue = Dialogue.given(order(rose=2, lily=9))
    dialogue.inventory(
        "rejected", stock("lily", shortage=shortage("lily", 4, 9)), stock("rose"), reason="insufficient_stock"
    ).expect("rejected", "rejected")
    rejection = dialogue.order.rejection
    assert rejection is not None
    assert rejection.detail == "Insufficient stock for Lily. Available: 4, Requested: 9"
    assert [short.product_id for short in rejection.lines] == ["lily"]
    dialogue.confirm().expect("rejected")
    dialogue.went("illegal")


def test_short_lines_are_told_in_the_order_of_the_request() -> None:
    dialogue = Dialogue.given(order(rose=5, lily=9)).inventory(
        "rejected",
        stock("lily", shortage=shortage("lily", 4, 9)),
        stock("rose", shortage=shortage("rose", 1, 5)),
        reason="insufficient_stock",
    )
    assert dialogue.order.rejection is not None
    assert [short.product_id for short in dialogue.order.rejection.lines] == ["rose", "lily"]
    assert dialogue.order.rejection.detail == "Insufficient stock for Rose. Available: 1, Requested: 5"


def test_what_only_inventory_finds_unknown_rejects_the_order() -> None:
    unknown = stock("rose", shortage=shortage("rose", 0, 1))
    dialogue = Dialogue.given(order(rose=1)).inventory("rejected", unknown, reason="unknown_product")
    dialogue.expect("rejected", "rejected")
    assert dialogue.order.rejection is not None and dialogue.order.rejection.reason == "unknown_product"


def test_a_backorder_waits_until_nothing_queues() -> None:
    dialogue = Dialogue.given(order(rose=5), on_shortage="backorder", auto_confirm=True)
    dialogue.inventory("confirmed", stock("rose", held=2, backordered=3)).expect("backordered", "backordered")
    assert (dialogue.order.stock_reserved, dialogue.order.stock_confirmed) == (False, False)
    dialogue.inventory("confirmed", stock("rose", held=4, backordered=1)).expect("backordered")
    dialogue.inventory("confirmed", stock("rose", held=5)).expect("confirmed", "confirmed", "ready")


def test_a_new_date_for_queued_units_is_news() -> None:
    dialogue = Dialogue.given(order(rose=5), on_shortage="backorder")
    first, later = shortage("rose", 0, 5, date(2026, 2, 10)), shortage("rose", 0, 5, date(2026, 2, 20))
    dialogue.inventory("active", stock("rose", backordered=5, shortage=first)).expect("backordered", "backordered")
    dialogue.inventory("active", stock("rose", backordered=5, shortage=first)).expect("backordered")
    dialogue.inventory("active", stock("rose", backordered=5, shortage=later)).expect("backordered", "backordered")


def test_a_confirmation_while_backordered_is_noted() -> None:
    dialogue = Dialogue.given(order(rose=5), on_shortage="backorder")
    dialogue.inventory("active", stock("rose", backordered=5)).expect("backordered", "backordered")
    dialogue.confirm().expect("backordered", "confirmation_requested")
    dialogue.inventory("confirmed", stock("rose", backordered=5)).expect("backordered")
    dialogue.confirm().expect("backordered")
    dialogue.went("told")
    dialogue.inventory("confirmed", stock("rose", held=5)).expect("confirmed", "confirmed", "ready")


def test_a_partial_order_ships_what_is_held_and_the_rest_when_it_comes() -> None:
    dialogue = Dialogue.given(order(rose=5), on_shortage="partial", auto_confirm=True)
    dialogue.inventory("confirmed", stock("rose", held=2, backordered=3)).expect("confirmed", "confirmed", "ready")
    assert dialogue.order.lines[0].target == 2
    dialogue.fulfillment(left("rose")).expect("processing")
    dialogue.fulfillment(left("rose", 2)).expect("partially_fulfilled")
    dialogue.inventory("confirmed", stock("rose", held=3, deducted=2)).expect("partially_fulfilled", "ready")
    assert dialogue.order.lines[0].target == 5
    dialogue.fulfillment(left("rose", 5)).expect("fulfilled", "fulfilled")


def test_a_partial_order_of_which_nothing_is_held_is_backordered() -> None:
    dialogue = Dialogue.given(order(rose=5), on_shortage="partial", auto_confirm=True)
    dialogue.inventory("confirmed", stock("rose", backordered=5)).expect("backordered", "backordered")
    dialogue.inventory("confirmed", stock("rose", held=1, backordered=4)).expect("confirmed", "confirmed", "ready")


def test_two_parcels_make_one_end() -> None:
    dialogue = shipping()
    dialogue.fulfillment(left("rose", 3)).expect("partially_fulfilled")
    dialogue.fulfillment(left("rose", 5)).expect("fulfilled", "fulfilled")


def test_the_target_is_sent_again_only_when_it_changes() -> None:
    dialogue = shipping()
    dialogue.inventory("confirmed", stock("rose", held=5)).expect("processing")
    dialogue.inventory("confirmed", stock("rose", held=3, deducted=2)).expect("processing")
    dialogue.inventory("confirmed", stock("rose", held=3, backordered=2)).expect("processing", "ready")
    dialogue.inventory("confirmed", stock("rose", held=5)).expect("processing", "ready")


def test_units_taken_back_from_a_confirmed_order_put_it_back_into_the_queue() -> None:
    dialogue = shipping()
    dialogue.inventory("confirmed", stock("rose", backordered=5)).expect("backordered", "backordered", "ready")
    assert dialogue.order.lines[0].target == 0
    dialogue.inventory("confirmed", stock("rose", held=5)).expect("processing", "ready")


def test_a_short_pick_is_acknowledged_and_replaced_from_other_stock() -> None:
    dialogue = shipping()
    dialogue.fulfillment(left("rose")).expect("processing")
    dialogue.inventory("confirmed", stock("rose", held=5, short=2)).expect("processing", "ready")
    assert (dialogue.order.lines[0].target, dialogue.order.lines[0].target_short) == (5, 2)


def test_a_short_pick_under_backorder_queues_the_rest() -> None:
    dialogue = shipping(on_shortage="backorder")
    dialogue.inventory("confirmed", stock("rose", held=3, backordered=2, short=2)).expect("processing", "ready")
    dialogue.fulfillment(left("rose", 3)).expect("partially_fulfilled")
    dialogue.inventory("confirmed", stock("rose", held=2, deducted=3, short=2)).expect("partially_fulfilled", "ready")
    dialogue.fulfillment(left("rose", 5)).expect("fulfilled", "fulfilled")


def test_a_short_pick_under_reject_ends_the_order_with_what_shipped() -> None:
    dialogue = shipping()
    dialogue.fulfillment(left("rose", 3)).expect("partially_fulfilled")
    dialogue.inventory("confirmed", stock("rose", deducted=3, cancelled=2, short=2))
    dialogue.expect("fulfilled", "cancelled", "ready", "fulfilled")
    assert dialogue.order.closed_version == dialogue.order.stock_asked
    dialogue.inventory("closed", stock("rose", deducted=3, cancelled=2, short=2)).expect("fulfilled")


def test_a_short_pick_under_reject_of_every_unit_cancels_the_order() -> None:
    dialogue = shipping()
    dialogue.inventory("confirmed", stock("rose", cancelled=5, short=5)).expect("cancelled", "cancelled", "ready")
    assert dialogue.order.inventory_owes_answer


def test_a_parcel_heard_of_before_its_fulfillment_counts() -> None:
    dialogue = Dialogue.given(order(rose=5), auto_confirm=True).inventory("confirmed", *held(("rose", 5)))
    dialogue.fulfillment(left("rose", 5), version=2).expect("fulfilled", "fulfilled")
    dialogue.fulfillment(left("rose", 0), version=1).expect("fulfilled")


def test_stock_is_confirmed_while_the_hold_is_and_the_order_does_not_queue() -> None:
    dialogue = Dialogue.given(order(rose=5)).inventory("active", *held(("rose", 5)))
    assert (dialogue.order.stock_reserved, dialogue.order.stock_confirmed) == (True, False)
    dialogue.confirm().inventory("confirmed", *held(("rose", 5)))
    assert (dialogue.order.stock_reserved, dialogue.order.stock_confirmed) == (True, True)
    queued = Dialogue.given(order(rose=5), on_shortage="backorder", auto_confirm=True)
    queued.inventory("confirmed", stock("rose", held=1, backordered=4)).expect("backordered", "backordered")
    assert (queued.order.stock_reserved, queued.order.stock_confirmed) == (False, False)


def lots(**units: int) -> dict[str, tuple[dict[str, object], ...]]:
    """The lots that a line is promised by name, or got."""
    return {"lots": tuple({"lot_id": name, "quantity": number} for name, number in units.items())}


def test_other_lots_for_what_is_still_to_be_shipped_are_told_to_fulfillment() -> None:
    dialogue = Dialogue.given(order(rose=5), auto_confirm=True)
    dialogue.inventory("confirmed", stock("rose", held=5, **lots(a=5))).expect("confirmed", "confirmed", "ready")
    dialogue.fulfillment(left("rose")).expect("processing")
    dialogue.inventory("confirmed", stock("rose", held=5, **lots(a=5)), reason="lots_changed").expect("processing")
    dialogue.inventory("confirmed", stock("rose", held=5, **lots(b=5)), reason="lots_changed")
    dialogue.expect("processing", "ready")
    dialogue.fulfillment(left("rose", 5)).expect("fulfilled", "fulfilled")
    dialogue.inventory("confirmed", stock("rose", deducted=5, **lots(c=5))).expect("fulfilled")


def test_a_parcel_changes_no_lots_of_what_is_left() -> None:
    dialogue = Dialogue.given(order(rose=5), auto_confirm=True)
    dialogue.inventory("confirmed", stock("rose", held=5, **lots(a=3, b=2))).expect("confirmed", "confirmed", "ready")
    dialogue.fulfillment(left("rose", 3)).expect("partially_fulfilled")
    dialogue.inventory("confirmed", stock("rose", held=2, deducted=3, **lots(b=2, a=3))).expect("partially_fulfilled")


def test_lots_that_changed_while_a_cancel_was_judged_are_told_when_it_is() -> None:
    dialogue = Dialogue.given(order(rose=5), auto_confirm=True)
    dialogue.inventory("confirmed", stock("rose", held=5, **lots(a=5))).fulfillment(left("rose"))
    dialogue.cancel(rose=2).expect("cancelling", "cancellation_requested")
    dialogue.inventory("confirmed", stock("rose", held=5, **lots(b=5)), reason="lots_changed").expect("cancelling")
    dialogue.fulfillment(left("rose", 0, 2)).expect("processing", "cancelled", "ready")
