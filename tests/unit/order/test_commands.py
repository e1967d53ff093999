"""Every pair of status and command."""

from dataclasses import replace
from datetime import timedelta

import pytest

from services.order.domain.commands import COMMANDS, TABLE, Command, allowed_in, errors_of_cancel
from services.order.domain.order import STATUSES, FieldError, Order, Policy, Status
from services.order.domain.status import status_of
from services.order.saga import CancelWish, cancel, confirm
from tests.unit.order.dialogue import START, Dialogue, held, left, order, shipping, shortage, stock

NOW = START + timedelta(hours=2)


def _in(status: Status) -> Order:
    """An order that came to this status by what was heard and asked."""
    new = Dialogue.given(order(rose=5))
    short = stock("rose", shortage=shortage("rose", 0, 5))
    match status:
        case "created":
            return new.inventory("active", *held(("rose", 5))).order
        case "confirmed":
            return Dialogue.given(order(rose=5), auto_confirm=True).inventory("confirmed", *held(("rose", 5))).order
        case "processing":
            return shipping().order
        case "backordered":
            queued = Dialogue.given(order(rose=5), on_shortage="backorder")
            return queued.inventory("active", stock("rose", backordered=5)).order
        case "partially_fulfilled":
            return shipping().fulfillment(left("rose", 3)).order
        case "cancelling":
            return shipping().cancel().order
        case "fulfilled":
            return shipping().fulfillment(left("rose", 5)).order
        case "cancelled":
            return new.cancel().order
        case "rejected":
            return new.inventory("rejected", short, reason="insufficient_stock").order
        case "expired":
            return new.inventory("expired", stock("rose"), reason="expired").order


EXPECTED: dict[tuple[Status, Command], tuple[str, str | None]] = {
    ("created", "confirm"): ("asked", "order.confirmation_requested"),
    ("created", "cancel"): ("asked", "order.cancelled"),
    ("confirmed", "confirm"): ("told", None),
    ("confirmed", "cancel"): ("asked", "order.cancellation_requested"),
    ("processing", "confirm"): ("told", None),
    ("processing", "cancel"): ("asked", "order.cancellation_requested"),
    ("backordered", "confirm"): ("asked", "order.confirmation_requested"),
    ("backordered", "cancel"): ("asked", "order.cancelled"),
    ("partially_fulfilled", "confirm"): ("told", None),
    ("partially_fulfilled", "cancel"): ("asked", "order.cancellation_requested"),
    ("cancelling", "confirm"): ("illegal", None),
    ("cancelling", "cancel"): ("asked", None),
    ("fulfilled", "confirm"): ("told", None),
    ("fulfilled", "cancel"): ("illegal", None),
    ("cancelled", "confirm"): ("illegal", None),
    ("cancelled", "cancel"): ("told", None),
    ("rejected", "confirm"): ("illegal", None),
    ("rejected", "cancel"): ("illegal", None),
    ("expired", "confirm"): ("asked", "order.confirmation_requested"),
    ("expired", "cancel"): ("asked", "order.cancelled"),
}


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_does_what_the_table_says(status: Status, command: Command) -> None:
    start = _in(status)
    assert (start.status, status_of(start)) == (status, status)
    commanded = confirm(start, NOW, Policy()) if command == "confirm" else cancel(start, CancelWish("", "clerk"))
    said = [one.event for one in commanded.decision.said]
    assert (commanded.outcome, said[0] if said else None) == EXPECTED[status, command]
    if commanded.outcome != "asked" or not said:
        assert commanded.decision.order == start


def test_every_pair_is_expected_and_every_pair_of_the_table_is_known() -> None:
    assert set(EXPECTED) == {(status, command) for status in STATUSES for command in COMMANDS}
    assert set(TABLE) <= set(EXPECTED)


def test_a_command_given_again_has_no_second_effect() -> None:
    for status in STATUSES:
        first = confirm(_in(status), NOW, Policy()).decision.order
        assert confirm(first, NOW, Policy()).decision.said == ()
        gone = cancel(_in(status), CancelWish("", "clerk")).decision.order
        assert cancel(gone, CancelWish("", "clerk")).decision.said == ()


@pytest.mark.parametrize(
    ("status", "allowed"),
    [("rejected", ()), ("cancelled", ("cancel",)), ("cancelling", ("cancel",)), ("created", ("confirm", "cancel"))],
)
def test_a_problem_tells_what_is_allowed(status: Status, allowed: tuple[str, ...]) -> None:
    assert allowed_in(status) == allowed


def test_the_items_of_a_cancel_must_be_of_the_order() -> None:
    wanted = (("lily", 1), ("rose", 6), ("rose", 1), ("rose", 0))
    assert errors_of_cancel(order(rose=5), wanted) == (
        FieldError("lily is not in this order", "/items/0/product_id"),
        FieldError("must be 1 to 5, the units ordered", "/items/1/quantity"),
        FieldError("rose is named twice", "/items/2/product_id"),
        FieldError("rose is named twice", "/items/3/product_id"),
    )
    assert errors_of_cancel(order(rose=5), (("rose", 5),)) == ()


def test_what_is_rejected_stays_rejected() -> None:
    refused = _in("rejected")
    assert status_of(replace(refused, stock_status="active")) == "rejected"
