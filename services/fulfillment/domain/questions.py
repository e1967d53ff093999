"""What order asks of fulfillment: the newest target wins and cancels only grow, so any order of arrival ends equal."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

from services.fulfillment.domain.copies import replace
from services.fulfillment.domain.lots import Lot, told_anew
from services.fulfillment.domain.state import Fulfillment, Line, settle

Telling = Literal["created", "cancelled"]


@dataclass(frozen=True, slots=True)
class ReadyLine:
    """`target` = units to be shipped in all, of these lots as far as told; `short` = short units that it knows of;
    `cancelled` = given up in all."""

    product_id: str
    name: str
    quantity: int
    cancelled: int
    target: int
    short: int
    lots: tuple[Lot, ...] = ()


@dataclass(frozen=True, slots=True)
class Ready:
    """`order.ready`: what is to be shipped, cumulative."""

    version: int
    customer_id: str
    priority: int
    requested_delivery: date | None
    accepted_at: datetime
    ship_to: str
    lines: Sequence[ReadyLine]


@dataclass(frozen=True, slots=True)
class CancelLine:
    """`cancel` = units asked to be given up, in all; `cancelled` = those given up before."""

    product_id: str
    quantity: int
    cancelled: int
    cancel: int


@dataclass(frozen=True, slots=True)
class Cancel:
    """`order.cancellation_requested`: the whole rest, or units by line."""

    version: int
    customer_id: str
    whole: bool
    lines: Sequence[CancelLine]


def decide_ready(fulfillment: Fulfillment, ready: Ready) -> tuple[Fulfillment, Telling | None]:
    """The fulfillment with the order's target, and how order is answered.

    An older target changes nothing and is not answered. The first is answered, and one that says nothing new is a
    repeat and is answered with the present state.
    """
    if ready.version < fulfillment.ready_version:
        return fulfillment, None
    after = fulfillment
    if ready.version > fulfillment.ready_version:
        after = _with_target(fulfillment, ready)
    first = fulfillment.ready_version == 0
    repeat = replace(after, ready_version=fulfillment.ready_version) == fulfillment
    if not (first or repeat):
        return after, None
    if not after.closed:
        return after, "created"
    # The answer to the newer cancel covers a target that arrives after it.
    return after, None if ready.version < fulfillment.asked_version else "cancelled"


def _with_target(fulfillment: Fulfillment, ready: Ready) -> Fulfillment:
    known = replace(
        fulfillment,
        ready_version=ready.version,
        customer_id=ready.customer_id,
        priority=ready.priority,
        requested_delivery=ready.requested_delivery,
        accepted_at=ready.accepted_at,
        ship_to=ready.ship_to,
    )
    lines = [_targeted(fulfillment.lines.get(line.product_id), line) for line in ready.lines]
    return _closed_if_all_is_cancelled(settle(known, lines))


def _targeted(known: Line | None, ready: ReadyLine) -> Line:
    line = known or Line(ready.product_id, ready.quantity)
    return replace(
        line,
        name=ready.name,
        wanted=ready.target,
        short_known=ready.short,
        cancelled=max(line.cancelled, ready.cancelled),
        lots=told_anew(line.lots, ready.lots, ready.short >= line.short),
    )


def decide_cancel(fulfillment: Fulfillment, cancel: Cancel) -> tuple[Fulfillment, Telling | None]:
    """What has not shipped is given up, as far as asked; picked units of it go back to the shelf.

    A request for every unit closes the fulfillment like one for the whole order. Before any target a whole
    cancel leaves a closed fulfillment without lines. The same request again is answered with the present state, an
    older one that changes nothing is covered by the answer to the newer.
    """
    asked = replace(
        fulfillment,
        asked_version=max(fulfillment.asked_version, cancel.version),
        customer_id=fulfillment.customer_id or cancel.customer_id,
        closed=fulfillment.closed or cancel.whole,
    )
    known = fulfillment.lines
    lines = [] if cancel.whole else [_cancelled(known.get(line.product_id), line) for line in cancel.lines]
    after = _closed_if_all_is_cancelled(settle(asked, known.values() if cancel.whole else lines))
    unchanged = replace(after, asked_version=fulfillment.asked_version) == fulfillment
    covered = unchanged and cancel.version < fulfillment.asked_version
    return after, None if covered else "cancelled"


def _cancelled(known: Line | None, asked: CancelLine) -> Line:
    line = known or Line(asked.product_id, asked.quantity)
    return replace(line, cancelled=max(line.cancelled, asked.cancelled, asked.cancel))


def _closed_if_all_is_cancelled(fulfillment: Fulfillment) -> Fulfillment:
    lines = fulfillment.lines.values()
    if fulfillment.closed or not lines or any(line.cancelled < line.quantity for line in lines):
        return fulfillment
    return settle(replace(fulfillment, closed=True), lines)
