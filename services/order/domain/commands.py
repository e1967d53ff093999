"""What a command may do in which status; a pair that is not in the table is an illegal transition."""

from typing import Final, Literal

from services.order.domain.order import FieldError, Order, Status

Command = Literal["confirm", "cancel"]
COMMANDS: Final[tuple[Command, ...]] = ("confirm", "cancel")
Action = Literal["ask", "ask_within_time", "give_up", "give_up_more", "tell", "tell_if_cancelled"]

TABLE: Final[dict[tuple[Status, Command], Action]] = {
    ("created", "confirm"): "ask",
    ("created", "cancel"): "give_up",
    ("backordered", "confirm"): "ask",
    ("backordered", "cancel"): "give_up",
    ("confirmed", "confirm"): "tell",
    ("confirmed", "cancel"): "give_up",
    ("processing", "confirm"): "tell",
    ("processing", "cancel"): "give_up",
    ("partially_fulfilled", "confirm"): "tell",
    ("partially_fulfilled", "cancel"): "give_up",
    ("cancelling", "cancel"): "give_up_more",
    ("expired", "confirm"): "ask_within_time",
    ("expired", "cancel"): "give_up",
    ("fulfilled", "confirm"): "tell",
    ("fulfilled", "cancel"): "tell_if_cancelled",
    ("cancelled", "cancel"): "tell",
}


def allowed_in(status: Status) -> tuple[Command, ...]:
    """The commands that a status knows."""
    return tuple(command for command in COMMANDS if (status, command) in TABLE)


def errors_of_cancel(order: Order, items: tuple[tuple[str, int], ...]) -> tuple[FieldError, ...]:
    """What is wrong with the items of a cancel: an unknown product, one named twice, too few or too many units."""
    ordered = {line.product_id: line.quantity for line in order.lines}
    errors = []
    seen: set[str] = set()
    for index, (product_id, quantity) in enumerate(items):
        if product_id not in ordered:
            errors.append(FieldError(f"{product_id} is not in this order", f"/items/{index}/product_id"))
        elif product_id in seen:
            errors.append(FieldError(f"{product_id} is named twice", f"/items/{index}/product_id"))
        elif not 1 <= quantity <= ordered[product_id]:
            detail = f"must be 1 to {ordered[product_id]}, the units ordered"
            errors.append(FieldError(detail, f"/items/{index}/quantity"))
        seen.add(product_id)
    return tuple(errors)
