"""An order's saga as a table: the steps, who answers them, what undoes them, and what to say next, decided purely."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal, assert_never

from services.order.domain.commands import TABLE
from services.order.domain.copies import replace
from services.order.domain.order import Line, Order, Policy
from services.order.domain.status import status_of

Neighbour = Literal["inventory", "fulfillment"]


@dataclass(frozen=True, slots=True)
class Step:
    """A question of the saga, who answers it and by what, and the question that undoes it."""

    asks: str
    neighbour: Neighbour
    answered_by: tuple[str, ...]
    undone_by: str | None


STEPS: Final[tuple[Step, ...]] = (
    Step(
        "order.created",
        "inventory",
        ("stock.reserved", "stock.backordered", "stock.rejected"),
        undone_by="order.cancelled",
    ),
    Step(
        "order.confirmation_requested",
        "inventory",
        ("stock.confirmed", "stock.rejected"),
        undone_by="order.cancelled",
    ),
    Step(
        "order.ready",
        "fulfillment",
        ("fulfillment.created",),
        undone_by="order.cancellation_requested",
    ),
    Step(
        "order.cancellation_requested",
        "fulfillment",
        ("fulfillment.cancelled",),
        undone_by=None,
    ),
    Step(
        "order.cancelled",
        "inventory",
        ("stock.released",),
        undone_by=None,
    ),
)
STEP_OF: Final[Mapping[str, Step]] = {step.asks: step for step in STEPS}

ASK_AGAIN_AFTER_SECONDS: Final = Policy().ask_again_seconds


def seconds_to_next(attempts: int, waits: Sequence[float] = ASK_AGAIN_AFTER_SECONDS) -> float:
    """How long to wait for an answer after the question was asked again `attempts` times."""
    return waits[min(attempts, len(waits) - 1)]


@dataclass(frozen=True, slots=True)
class Said:
    """An event to publish at this version of the order."""

    event: str
    version: int


@dataclass(frozen=True)
class Decision:
    """The order as it is now, and what to say, in order."""

    order: Order
    said: tuple[Said, ...] = ()

    def say(self, event: str) -> "Decision":
        """This and one event more; a question is remembered by its version."""
        version = self.order.version + 1
        return Decision(_remember(self.order, event, version), (*self.said, Said(event, version)))


def _remember(order: Order, event: str, version: int) -> Order:
    step = STEP_OF.get(event)
    if step is None:
        return _remember_told(order, event, version)
    if step.neighbour == "inventory":
        closed = version if event == "order.cancelled" and order.has_ended else order.closed_version
        lines = tuple(_known_to_inventory(line) for line in order.lines)
        return replace(order, version=version, lines=lines, stock_asked=version, closed_version=closed)
    if event == "order.cancellation_requested":
        return replace(order, version=version, cancel_version=version)
    targets = tuple(replace(line, target=target_of(line), target_short=line.short) for line in order.lines)
    return replace(order, version=version, lines=targets, ready_version=version)


def _known_to_inventory(line: Line) -> Line:
    return line if line.cancelled <= line.cancelled_known else replace(line, cancelled_known=line.cancelled)


def _remember_told(order: Order, event: str, version: int) -> Order:
    if event == "order.confirmed":
        return replace(order, version=version, confirmation_told=True)
    if event == "order.expired":
        return replace(order, version=version, expiry_told=True)
    return replace(order, version=version)


def accept(draft: Order) -> Decision:
    """A new order, and its first question."""
    return Decision(replace(draft, status="created", confirm=draft.auto_confirm)).say("order.created")


def refuse(draft: Order) -> Decision:
    """An order that was refused at intake: nobody is asked anything."""
    return Decision(replace(draft, status="rejected")).say("order.rejected")


def decide(before: Order, now: Order) -> Decision:
    """What follows from an order's newest facts: its status, and what to say that was not said.

    `before` is the order as it was saved, `now` the same with newer snapshots or a command applied.
    """
    lapsed = now.stock_status == "expired"
    # What was refused is no confirmation any more, or the next question would take a hold that nobody asked for.
    stands = now.confirm and (not lapsed or now.inventory_owes_answer)
    status, told = status_of(now), now.expiry_told and lapsed
    same = (status, stands, told) == (now.status, now.confirm, now.expiry_told)
    decision = Decision(now if same else replace(now, status=status, confirm=stands, expiry_told=told))
    for event, is_due in RULES:
        if is_due(before, decision.order):
            decision = decision.say(event)
    return decision


def _rejection_is_news(before: Order, order: Order) -> bool:
    return order.status == "rejected" and before.status != "rejected"


def _confirmation_is_news(before: Order, order: Order) -> bool:
    stands = order.status in ("confirmed", "processing", "partially_fulfilled", "fulfilled")
    return stands and order.stock_status == "confirmed" and not order.confirmation_told


def _inventory_must_give_up(before: Order, order: Order) -> bool:
    """Inventory does not know of cancelled units; or the order ended with some, and must never take a hold again."""
    if any(line.given_up > line.cancelled_known for line in order.lines):
        return True
    if order.status not in ("fulfilled", "cancelled"):
        return False
    must_close = any(line.given_up for line in order.lines) and order.closed_version == 0
    return must_close or _holds_after_its_end(before, order)


def _holds_after_its_end(before: Order, order: Order) -> bool:
    """A late success: inventory answered everything and still keeps more than what left and is not deducted."""
    if order.inventory_owes_answer or order.stock_version == before.stock_version:
        return False
    return any(line.held + line.backordered > line.due for line in order.lines)


def _expiry_is_news(before: Order, order: Order) -> bool:
    return order.status == "expired" and not order.expiry_told and not order.inventory_owes_answer


def _queue_is_news(before: Order, order: Order) -> bool:
    if order.status != "backordered":
        return False
    return before.status != "backordered" or _expectations(before) != _expectations(order)


def _expectations(order: Order) -> list[object]:
    return [(line.product_id, line.expected_date) for line in order.lines if line.backordered]


def target_of(line: Line) -> int:
    """Units of a line to be shipped in all: what inventory holds or deducted, never a cancelled unit."""
    return max(0, min(line.held + line.deducted, line.quantity - line.cancelled))


def _target_is_news(before: Order, order: Order) -> bool:
    if order.stock_status != "confirmed" or order.fulfillment_closed or order.is_cancelling:
        return False
    if order.ready_version == 0:
        return order.is_open and _may_ship_first(order)
    if before.has_ended:
        return False
    missed = order.ready_version < order.cancel_version
    changed = any((target_of(line), line.short) != (line.target, line.target_short) for line in order.lines)
    return changed or (missed and order.is_open) or _lots_are_news(before, order)


def _lots_are_news(before: Order, order: Order) -> bool:
    """Units that are still to be picked are to be taken from other lots."""
    pairs = zip(before.lines, order.lines, strict=True)
    return any(
        line.lots != known.lots and target_of(line) > line.shipped and _by_lot(line) != _by_lot(known)
        for known, line in pairs
    )


def _by_lot(line: Line) -> dict[str, int]:
    return {lot["lot_id"]: lot["quantity"] for lot in line.lots}


def _may_ship_first(order: Order) -> bool:
    """Under `partial` what is held may ship; else only a whole order does."""
    complete = not any(line.backordered for line in order.lines)
    return (order.on_shortage == "partial" or complete) and any(target_of(line) for line in order.lines)


def _end_is_news(before: Order, order: Order) -> bool:
    return order.status == "fulfilled" and before.status != "fulfilled"


RULES: Final[tuple[tuple[str, Callable[[Order, Order], bool]], ...]] = (
    ("order.rejected", _rejection_is_news),
    ("order.confirmed", _confirmation_is_news),
    ("order.cancelled", _inventory_must_give_up),
    ("order.expired", _expiry_is_news),
    ("order.backordered", _queue_is_news),
    ("order.ready", _target_is_news),
    ("order.fulfilled", _end_is_news),
)
"""What may be said, in this order, and when it is due."""


Outcome = Literal["asked", "told", "illegal", "lapsed"]


@dataclass(frozen=True, slots=True)
class Commanded:
    """How a command went: it asked something, the present state answers it, or it is refused."""

    outcome: Outcome
    decision: Decision


def confirm(order: Order, now: datetime, policy: Policy) -> Commanded:
    """Asks inventory to confirm, once; a lapsed hold is taken anew within the time for it."""
    action = TABLE.get((order.status, "confirm"))
    if action is None:
        return Commanded("illegal", Decision(order))
    if action == "tell" or order.stock_status == "confirmed":
        return Commanded("told", Decision(order))
    if order.confirm and order.inventory_owes_answer:
        return Commanded("asked", Decision(order))
    if action == "ask_within_time" and now > confirmable_until(order, policy):
        return Commanded("lapsed", Decision(order))
    return Commanded("asked", Decision(replace(order, confirm=True)).say("order.confirmation_requested"))


def confirmable_until(order: Order, policy: Policy) -> datetime:
    """Until when a lapsed order may be confirmed anew."""
    return (order.expired_at or order.accepted_at) + timedelta(seconds=policy.late_confirm_seconds)


@dataclass(frozen=True, slots=True)
class CancelWish:
    """What a customer gives up: units in all by product, or (`items` None) the whole order."""

    reason: str
    actor: str
    items: tuple[tuple[str, int], ...] | None = None


def cancel(order: Order, wish: CancelWish) -> Commanded:
    """Gives units up: order decides itself until the first `order.ready`, fulfillment after it."""
    action = TABLE.get((order.status, "cancel"))
    match action:
        case None:
            return Commanded("illegal", Decision(order))
        case "tell" | "tell_if_cancelled":
            return _present_if_cancelled(order, wish)
        case "give_up":
            return _give_up(order, wish, lambda line: line.given_up)
        case "give_up_more":
            return _give_up(order, wish, lambda line: max(line.given_up, line.cancel_asked))
        case "ask" | "ask_within_time":
            raise ValueError("the table says of a cancel what only a confirmation does")
        case _:
            assert_never(action)


def _wanted(line: Line, wish: CancelWish) -> int:
    """Units of a line to be given up in all."""
    if wish.items is None:
        return line.quantity
    return dict(wish.items).get(line.product_id, 0)


def cancelled_of(order: Order, products: frozenset[str] | None) -> dict[str, int]:
    """Cancelled units by product, of these products or (None) of all."""
    named = (line for line in order.lines if products is None or line.product_id in products)
    return {line.product_id: line.given_up for line in named if line.given_up}


def products_of(wish: CancelWish) -> frozenset[str] | None:
    """The products that a cancel names, None for all."""
    return None if wish.items is None else frozenset(product_id for product_id, _ in wish.items)


def _present_if_cancelled(order: Order, wish: CancelWish) -> Commanded:
    some = cancelled_of(order, products_of(wish))
    return Commanded("told" if some else "illegal", Decision(order))


def _give_up(order: Order, wish: CancelWish, given_up_before: Callable[[Line], int]) -> Commanded:
    news = any(min(_wanted(line, wish), line.quantity - line.shipped) > given_up_before(line) for line in order.lines)
    whole = wish.items is None
    if not news and order.is_cancelling and not (whole and not order.cancel_whole):
        return Commanded("asked", Decision(order))
    if not news and not (whole and order.is_cancelling):
        return _present_if_cancelled(order, wish)
    asked = replace(
        order,
        lines=tuple(replace(line, cancel_asked=max(line.cancel_asked, _wanted(line, wish))) for line in order.lines),
        cancel_whole=order.cancel_whole or whole,
        cancel_reason=wish.reason,
        cancel_actor=wish.actor,
    )
    return Commanded("asked", _ask_fulfillment(asked) if order.ready_version else _decide_alone(order, asked))


def _ask_fulfillment(asked: Order) -> Decision:
    decision = Decision(asked).say("order.cancellation_requested")
    return replace(decision, order=replace(decision.order, status=status_of(decision.order)))


def _decide_alone(before: Order, asked: Order) -> Decision:
    lines = tuple(replace(line, cancelled=max(line.cancelled, line.cancel_asked)) for line in asked.lines)
    return decide(before, replace(asked, lines=lines))
