"""The saga as pictures and tables, drawn from `services/order/saga.py` itself.

The picture of the statuses is found by walking: every small order is told everything that a neighbour or a customer may
say in its state, and each step that changes its status is an arrow.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta

from services.order.domain.answers import FulfillmentAnswer, FulfillmentLine, StockAnswer, StockLine, apply
from services.order.domain.commands import COMMANDS, TABLE
from services.order.domain.order import STATUSES, HoldStatus, Order, Policy
from services.order.saga import RULES, STEP_OF, STEPS, CancelWish, Decision, accept, cancel, confirm, decide
from tests.unit.order.dialogue import START, order

ITEM, UNITS = "rose", 2
LINE_BREAK = "<br/>"


def steps_picture() -> str:
    """Who is asked what, and what answers it; a dotted arrow leads to the question that undoes it."""
    drawn = ["flowchart LR", "    order([order])"]
    for step in STEPS:
        name = step.asks.replace(".", "_")
        answers = LINE_BREAK.join(step.answered_by)
        drawn.append(f"    order -- asks --> {name}[{step.asks}] --> {step.neighbour}[({step.neighbour})]")
        drawn.append(f"    {step.neighbour} -- {answers} --> order")
    drawn += [
        f"    {step.asks.replace('.', '_')} -. undone by .-> {step.undone_by.replace('.', '_')}"
        for step in STEPS
        if step.undone_by
    ]
    return _mermaid(drawn)


def statuses_picture() -> str:
    """Every status, and what leads from one to another."""
    causes: dict[tuple[str, str], set[str]] = {}
    for before, cause, after in _walk():
        if before != after:
            causes.setdefault((before, after), set()).add(cause)
    drawn = ["stateDiagram-v2", "    [*] --> created", "    [*] --> rejected: not acceptable"]
    drawn += [
        f"    {before} --> {after}: {', '.join(sorted(causes[before, after]))}"
        for before in STATUSES
        for after in STATUSES
        if (before, after) in causes
    ]
    return _mermaid(drawn)


def rules_table() -> str:
    """What order says, in the order in which it looks, and when."""
    rows = [f"| `{event}` | {_words(rule.__name__)} |" for event, rule in RULES]
    return "\n".join(["| says | when |", "| --- | --- |", *rows])


def commands_table() -> str:
    """What each command does in each status."""
    rows = [
        f"| `{status}` | " + " | ".join(_words(TABLE.get((status, command), "409")) for command in COMMANDS) + " |"
        for status in STATUSES
    ]
    head = ["| status | " + " | ".join(COMMANDS) + " |", "| --- |" + " --- |" * len(COMMANDS)]
    return "\n".join([*head, *rows])


PARTS = {
    "steps": steps_picture,
    "statuses": statuses_picture,
    "rules": rules_table,
    "commands": commands_table,
}


def with_parts(page: str) -> str:
    """The page with every generated part drawn anew between its marks."""
    for name, draw in PARTS.items():
        start, end = f"<!-- {name}: drawn by `make saga` -->\n", f"<!-- end of {name} -->"
        before, found, rest = page.partition(start)
        _, closed, after = rest.partition(end)
        assert found and closed, f"the page has no place for {name}"
        page = f"{before}{start}{draw()}\n{end}{after}"
    return page


def _mermaid(lines: list[str]) -> str:
    return "\n".join(["```mermaid", *lines, "```"])


def _words(name: str) -> str:
    return name.strip("_").replace("_", " ")


# walking


@dataclass(frozen=True)
class Place:
    """An order on its way, what led here, and what inventory was asked last."""

    order: Order
    cause: str
    asked: str


def _place(before: Place | None, cause: str, decision: Decision) -> Place:
    said = [one.event for one in decision.said if one.event in STEP_OF and STEP_OF[one.event].neighbour == "inventory"]
    return Place(decision.order, cause, said[-1] if said else before.asked if before else "")


def _walk() -> Iterator[tuple[str, str, str]]:
    """(status, cause, status) of every step of every order of two units, whatever its policy."""
    starts = [
        _place(None, "", accept(replace(order(**{ITEM: UNITS}), on_shortage=policy, auto_confirm=confirmed)))
        for policy in ("reject", "backorder", "partial")
        for confirmed in (False, True)
    ]
    waiting, seen = deque(starts), {_essence(start) for start in starts}
    while waiting:
        now = waiting.popleft()
        for following in (*_commands(now), *_of_inventory(now), *_of_fulfillment(now)):
            yield now.order.status, following.cause, following.order.status
            if _essence(following) not in seen:
                seen.add(_essence(following))
                waiting.append(following)


def _essence(place: Place) -> tuple[object, ...]:
    """What decides an order's future; the numbers of its versions do not."""
    now = place.order
    [line] = now.lines
    return (
        *(place.asked, now.on_shortage, now.status, now.stock_status, now.confirm, now.expiry_told),
        *(now.confirmation_told, now.inventory_owes_answer, now.fulfillment_owes_answer, now.is_cancelling),
        *(now.ready_version > 0, now.fulfillment_version > 0, now.closed_version > 0, now.cancel_whole),
        *(line.held, line.backordered, line.deducted, line.shipped, line.cancelled, line.cancelled_known),
        *(line.cancel_asked, line.target, now.fulfillment_closed),
    )


def _commands(place: Place) -> Iterator[Place]:
    now, some = place.order, ((ITEM, 1),)
    yield _place(place, "confirm", confirm(now, START + timedelta(hours=1), Policy()).decision)
    yield _place(place, "cancel", cancel(now, CancelWish("", "")).decision)
    yield _place(place, "cancel some", cancel(now, CancelWish("", "", some)).decision)


def _of_inventory(place: Place) -> Iterator[Place]:
    now = place.order
    if now.inventory_owes_answer and place.asked == "order.cancelled":
        yield from _of_cancelled(place)
    elif now.inventory_owes_answer:
        yield from _of_wanted(place)
    elif now.stock_status in ("active", "confirmed"):
        yield from _of_time_and_stock(place)


def _firm(now: Order) -> HoldStatus:
    return "confirmed" if now.confirm or now.stock_status == "confirmed" else "active"


def _left(now: Order) -> int:
    [line] = now.lines
    return UNITS - line.given_up - line.shipped


def _of_cancelled(place: Place) -> Iterator[Place]:
    now = place.order
    [line] = now.lines
    if now.closed_version:
        yield _stock(place, "closed", "stock.released", 0, 0)
    elif now.stock_status is None:
        yield _stock(place, _firm(now), "stock.released", _left(now), 0)
    else:
        queued = min(line.backordered, _left(now))
        yield _stock(place, now.stock_status, "stock.released", min(line.held, _left(now) - queued), queued)


def _of_wanted(place: Place) -> Iterator[Place]:
    """Answers to a wish for a hold, or for its confirmation."""
    now = place.order
    [line] = now.lines
    lapsed, event = now.stock_status == "expired", STEP_OF[place.asked].answered_by[0]
    if now.stock_status == "active":
        yield _stock(place, "confirmed", event, line.held, line.backordered)
        return
    yield _stock(place, _firm(now), event, _left(now), 0)
    if now.on_shortage == "reject":
        yield _stock(place, "expired" if lapsed else "rejected", "stock.rejected", 0, 0)
    else:
        yield _stock(place, _firm(now), event if lapsed else "stock.backordered", 0, _left(now))


def _of_time_and_stock(place: Place) -> Iterator[Place]:
    """What inventory tells without being asked."""
    now = place.order
    [line] = now.lines
    if now.stock_status == "active":
        yield _stock(place, "expired", "stock.released (lapsed)", 0, 0)
    if line.backordered:
        yield _stock(place, _firm(now), "stock.reserved (filled)", _left(now), 0)
    elif line.held_still and now.stock_status == "confirmed" and now.on_shortage != "reject":
        yield _stock(place, "confirmed", "stock.shortfall", line.held - line.held_still, line.held_still)


def _stock(place: Place, status: HoldStatus, cause: str, held: int, queued: int) -> Place:
    now = place.order
    [line] = now.lines
    told = StockLine(ITEM, "", held, queued, line.deducted, line.given_up)
    answer = StockAnswer(now.stock_version + 1, now.stock_asked, status, "", START, None, (told,))
    return _place(place, cause, decide(now, apply(now, answer)))


def _of_fulfillment(place: Place) -> Iterator[Place]:
    now = place.order
    [line] = now.lines
    if not now.ready_version or now.fulfillment_closed:
        return
    if now.fulfillment_version == 0:
        yield _floor(place, "fulfillment.created", line.shipped, now.ready_version)
        return
    if now.is_cancelling:
        yield _floor(place, "fulfillment.cancelled", line.shipped, now.version)
    if line.target > line.shipped and now.stock_status == "confirmed":
        yield _floor(place, "fulfillment.shipped", line.shipped + 1, now.fulfillment_answered)


def _floor(place: Place, cause: str, shipped: int, answers: int) -> Place:
    now = place.order
    [line] = now.lines
    cancelled = cause == "fulfillment.cancelled"
    given_up = min(line.cancel_asked, UNITS - shipped) if cancelled else line.cancelled
    told = FulfillmentLine(ITEM, shipped, given_up)
    answer = FulfillmentAnswer(now.fulfillment_version + 1, answers, cancelled and now.cancel_whole, (told,))
    return _place(place, cause, decide(now, apply(now, answer)))
