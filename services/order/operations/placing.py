"""Accepts orders: over REST the unacceptable is refused, from upstream it becomes a rejected order."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from services.order.domain.intake import (
    IDENTIFIER,
    LINES_MAX,
    QUANTITY_MAX,
    Draft,
    DraftItem,
    KnownItem,
    PricedLine,
    all_errors,
    bounded,
    errors_of,
    lines_of,
    readable,
)
from services.order.domain.order import FieldError, Order, Policy, Rejection, RejectReason
from services.order.operations.telling import Cause, Change, tell
from services.order.saga import accept, refuse
from services.order.store.history import Entry, add_history
from services.order.store.identities import Identity, find_identities
from services.order.store.items import known_products
from services.order.store.orders import NewOrder, insert_orders
from shared.runtime.transaction import Transaction


@dataclass(frozen=True, slots=True)
class PlaceOrder:
    """A client's order under the id it will have."""

    order_id: str
    draft: Draft


@dataclass(frozen=True, slots=True)
class Placed:
    """The id of an accepted order, or (with `errors`) nothing."""

    order_id: str
    errors: tuple[FieldError, ...] = ()


async def place_orders(tx: Transaction, requests: Sequence[PlaceOrder], policy: Policy) -> list[Placed]:
    """Accepts what is acceptable; of the rest nothing is written. An order that exists already is left as it is."""
    known, now = await _known(tx, [request.draft for request in requests])
    placed = [Placed(request.order_id, _errors(request.draft, known, policy)) for request in requests]
    accepted = [request for request, one in zip(requests, placed, strict=True) if not one.errors]
    if accepted:
        new = [_accepted(request.order_id, request.draft, known, policy, now) for request in accepted]
        await _add(tx, new, {}, now, policy)
    return placed


async def _known(tx: Transaction, drafts: Sequence[Draft]) -> tuple[dict[str, KnownItem], datetime]:
    """The products of the drafts that may be ordered, and the time; an id that cannot be one is not looked up."""
    ids = {product_id for draft in drafts for product_id in draft.product_ids if IDENTIFIER.fullmatch(product_id)}
    return await known_products(tx, sorted(ids))


def _errors(draft: Draft, known: Mapping[str, KnownItem], policy: Policy) -> tuple[FieldError, ...]:
    return all_errors(draft, known, policy.currency)


@dataclass(frozen=True, slots=True)
class _New:
    """An order that is to be stored, and what follows once it is."""

    row: NewOrder
    change: Change


def _accepted(order_id: str, draft: Draft, known: Mapping[str, KnownItem], policy: Policy, now: datetime) -> _New:
    lines = lines_of(draft, known)
    decision = accept(_order(order_id, draft, lines, now))
    address = json.dumps(draft.shipping_address)
    return _New(NewOrder(decision.order, lines, policy.currency, address, draft.email), Change(None, decision))


def _order(order_id: str, draft: Draft, lines: Sequence[PricedLine], now: datetime) -> Order:
    return Order(
        order_id=order_id,
        customer_id=draft.customer_id,
        accepted_at=now,
        lines=tuple(priced.line for priced in lines),
        source=draft.source,
        external_id=draft.external_id,
        priority=draft.priority,
        on_shortage=draft.on_shortage,
        auto_confirm=draft.auto_confirm,
        protect_safety_stock=draft.protect_safety_stock,
        requested_delivery=draft.requested_delivery,
    )


async def _add(
    tx: Transaction, new: Sequence[_New], heard: Mapping[str, Cause], now: datetime, policy: Policy
) -> set[str]:
    inserted = await insert_orders(tx, [one.row for one in new])
    changes = [one.change for one in new if one.row.order.order_id in inserted]
    caused = [replace(change, heard=(heard[change.order.order_id],)) if heard else change for change in changes]
    await tell(tx, caused, now, policy)
    return inserted


@dataclass(frozen=True, slots=True)
class Submission:
    """An order from upstream, and the event it came by."""

    draft: Draft
    event_id: UUID

    @property
    def identity(self) -> Identity:
        return (self.draft.source or "", self.draft.external_id or "")


async def submit_orders(tx: Transaction, submissions: Sequence[Submission], policy: Policy) -> int:
    """Accepts or rejects each order of upstream once; a repeat is the same order and is only counted in its history."""
    first: dict[Identity, Submission] = {}
    for submission in submissions:
        first.setdefault(submission.identity, submission)
    known, now = await _known(tx, [submission.draft for submission in first.values()])
    made = {identity: _submitted(tx, one.draft, known, policy, now) for identity, one in first.items()}
    heard = {made[identity].row.order.order_id: _cause(one) for identity, one in first.items()}
    inserted = await _add(tx, list(made.values()), heard, now, policy)
    repeats = [one for one in submissions if _is_repeat(one, first, made, inserted)]
    await _remember_repeats(tx, repeats, now)
    return len(inserted)


def _cause(submission: Submission) -> Cause:
    return Cause("order.submitted", submission.event_id, "upstream")


def _is_repeat(
    one: Submission, first: Mapping[Identity, Submission], made: Mapping[Identity, _New], inserted: set[str]
) -> bool:
    return first[one.identity] is not one or made[one.identity].row.order.order_id not in inserted


async def _remember_repeats(tx: Transaction, repeats: Sequence[Submission], now: datetime) -> None:
    if not repeats:
        return
    orders = await find_identities(tx, sorted({one.identity for one in repeats}))
    entries = []
    for one in repeats:
        order_id, status = orders[one.identity]
        detail = "a repeat of this order, without effect"
        entries.append(Entry(order_id, now, "upstream", "order.submitted", one.event_id, None, status, status, detail))
    await add_history(tx, entries)


def _submitted(tx: Transaction, draft: Draft, known: Mapping[str, KnownItem], policy: Policy, now: datetime) -> _New:
    order_id = str(tx.new_id())
    errors = _errors(draft, known, policy)
    if not errors:
        return _accepted(order_id, draft, known, policy, now)
    reason: RejectReason = "invalid" if errors_of(draft, policy.currency) else "unknown_product"
    return _rejected(order_id, draft, known, Rejection(reason, "", (), errors), now)


def _rejected(order_id: str, draft: Draft, known: Mapping[str, KnownItem], rejection: Rejection, now: datetime) -> _New:
    """What is kept of an unacceptable order: as much as can be stored and sent on."""
    first = rejection.errors[0]
    told = replace(rejection, detail=f"{first.pointer}: {first.detail}")
    lines = _storable_lines(draft, known)
    clean = replace(
        draft,
        customer_id=readable(draft.customer_id),
        priority=bounded(draft.priority),
        on_shortage=readable(draft.on_shortage),
    )
    decision = refuse(replace(_order(order_id, clean, lines, now), rejection=told))
    submitted = tuple(
        (readable(item.product_id), bounded(item.quantity, -(2**53) + 1, 2**53 - 1)) for item in draft.items[:LINES_MAX]
    )
    row = NewOrder(decision.order, lines, "", "{}", None)
    return _New(row, Change(None, decision, submitted=submitted))


def _storable_lines(draft: Draft, known: Mapping[str, KnownItem]) -> tuple[PricedLine, ...]:
    items = tuple(
        DraftItem(item.product_id, item.quantity)
        for item in draft.items[:LINES_MAX]
        if IDENTIFIER.fullmatch(item.product_id) and 1 <= item.quantity <= QUANTITY_MAX
    )
    names = {item.product_id: known.get(item.product_id, KnownItem(item.product_id, 0)) for item in items}
    merged = lines_of(replace(draft, items=items), names)
    return tuple(priced for priced in merged if priced.line.quantity <= QUANTITY_MAX)
