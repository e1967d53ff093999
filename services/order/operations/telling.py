"""What follows from decisions in the same transaction: events, open questions and history, one statement each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from services.order.domain.copies import replace
from services.order.domain.delivery import estimate, promise_has_ended, promise_is_news
from services.order.domain.mails import Kind, due_mails
from services.order.domain.order import Order, Policy
from services.order.operations.facts import facts_of
from services.order.operations.payloads import Context, payload_of
from services.order.saga import STEP_OF, Decision, Neighbour, Said
from services.order.store.alerts import resolve_stuck
from services.order.store.history import Entry, add_history
from services.order.store.mails import NewMail, insert_mails
from services.order.store.orders import load_recipients, save_orders
from services.order.store.promises import Promise, keep_promises
from services.order.store.questions import Question, turn_questions
from services.order.store.shipments import Shipment, shipments_of
from shared.contracts.values import Payload
from shared.runtime.transaction import Transaction

SERVICE: Final = "order"
NEIGHBOURS: Final[tuple[Neighbour, ...]] = ("inventory", "fulfillment")


@dataclass(frozen=True, slots=True)
class Cause:
    """An event that was heard about an order."""

    event: str
    event_id: UUID
    service: str
    causation_id: str | None = None
    detail: str | None = None


@dataclass(frozen=True)
class Change:
    """An order before (None: it is new) and what was decided, with what was heard of it, and of parcels that left."""

    before: Order | None
    decision: Decision
    heard: tuple[Cause, ...] = ()
    submitted: tuple[tuple[str, int], ...] | None = None
    parcels: tuple[Shipment, ...] = ()

    @property
    def order(self) -> Order:
        return self.decision.order

    @property
    def cause(self) -> UUID | None:
        return self.heard[-1].event_id if self.heard else None

    @property
    def why(self) -> str:
        """The event that led to it, `command` if a person did."""
        return self.heard[-1].event if self.heard else "command"

    @property
    def mails(self) -> tuple[Kind, ...]:
        """What the customer is told of it."""
        return due_mails(self.before, self.order, len(self.parcels))

    def says(self, event: str) -> bool:
        return any(said.event == event for said in self.decision.said)


def estimated(change: Change, now: datetime, policy: Policy) -> Change:
    """The change with the delivery estimate of the new state."""
    day, basis = estimate(change.order, now.date(), policy.shipping_lead_days)
    if (day, basis) == (change.order.estimated_delivery, change.order.estimated_delivery_basis):
        return change
    order = replace(change.order, estimated_delivery=day, estimated_delivery_basis=basis)
    return replace(change, decision=replace(change.decision, order=order))


async def save_and_tell(tx: Transaction, changes: Sequence[Change], now: datetime, policy: Policy) -> None:
    """Saves the orders that changed and tells what was decided of them; the orders are locked."""
    counted = [estimated(change, now, policy) for change in changes]
    pairs = [(change.before, change.order) for change in counted if change.before is not None]
    await save_orders(tx, [(before, after) for before, after in pairs if before != after], now)
    await _keep_promises(tx, counted, now)
    await tell(tx, counted, now, policy)


async def _keep_promises(tx: Transaction, changes: Sequence[Change], now: datetime) -> None:
    made = [_promise(change) for change in changes if promise_is_news(change.before, change.order)]
    ended = [change.order.order_id for change in changes if promise_has_ended(change.before, change.order)]
    if made or ended:
        await keep_promises(tx, ended, made, now)


def _promise(change: Change) -> Promise:
    order = change.order
    assert order.estimated_delivery is not None and order.estimated_delivery_basis is not None
    return Promise(order.order_id, order.estimated_delivery, order.estimated_delivery_basis, change.why)


async def tell(tx: Transaction, changes: Sequence[Change], now: datetime, policy: Policy) -> None:
    """Publishes what was decided, keeps the open questions, notes what the customer is told, and writes the history."""
    due = {change.order.order_id: change.mails for change in changes}
    contexts = await _contexts(tx, changes, due, now, policy)
    entries: list[Entry] = []
    questions: dict[tuple[str, str], Question] = {}
    for change in changes:
        entries += _heard_entries(change, now)
        for said in change.decision.said:
            payload = payload_of(said.event, change.order, contexts[change.order.order_id])
            event_id = tx.publish(payload, version=said.version, cause=change.cause)
            entries.append(_told_entry(change, said, event_id, now))
            if _is_open(change.order, said):
                question = _question(change.order, said, payload, now)
                questions[question.order_id, question.neighbour] = question
    answered = [pair for change in changes for pair in _answered(change)]
    await _keep_questions(tx, answered, list(questions.values()), now, policy)
    await _note_mails(tx, changes, due, contexts, now)
    await add_history(tx, entries)


async def _note_mails(
    tx: Transaction,
    changes: Sequence[Change],
    due: Mapping[str, Sequence[Kind]],
    contexts: Mapping[str, Context],
    now: datetime,
) -> None:
    """Has the customers told who left an address."""
    mails = []
    for change in changes:
        order_id = change.order.order_id
        context, parcels = contexts[order_id], iter(change.parcels)
        if change.before is not None and context.email is not None:
            for kind in due[order_id]:
                parcel = next(parcels) if kind == "shipped" else None
                facts = facts_of(kind, change.before, change.order, context.policy, parcel)
                mails.append(NewMail(order_id, kind, facts))
    await insert_mails(tx, mails, now)


async def _keep_questions(
    tx: Transaction, answered: Sequence[tuple[str, str]], asked: Sequence[Question], now: datetime, policy: Policy
) -> None:
    """What was answered or asked anew is stuck no longer."""
    if answered or asked:
        moved = await turn_questions(tx, answered, asked, policy.ask_again_seconds[0])
        if moved:
            await resolve_stuck(tx, moved, now)


async def _contexts(
    tx: Transaction, changes: Sequence[Change], due: Mapping[str, Sequence[Kind]], now: datetime, policy: Policy
) -> dict[str, Context]:
    ready = [change.order.order_id for change in changes if due[change.order.order_id] or change.says("order.ready")]
    ended = [change.order.order_id for change in changes if change.says("order.fulfilled")]
    recipients = await load_recipients(tx, ready) if ready else {}
    shipments = await shipments_of(tx, ended) if ended else {}
    contexts = {}
    for change in changes:
        order_id = change.order.order_id
        address, email = recipients.get(order_id, ({}, None))
        contexts[order_id] = Context(now, policy, address, email, shipments.get(order_id, ()), change.submitted)
    return contexts


def _owes(order: Order, neighbour: Neighbour) -> bool:
    return order.inventory_owes_answer if neighbour == "inventory" else order.fulfillment_owes_answer


def _is_open(order: Order, said: Said) -> bool:
    """A question that its neighbour owes an answer to after all that was heard."""
    step = STEP_OF.get(said.event)
    return step is not None and _owes(order, step.neighbour)


def _question(order: Order, said: Said, payload: Payload, now: datetime) -> Question:
    return Question(
        order_id=order.order_id,
        neighbour=STEP_OF[said.event].neighbour,
        event=said.event,
        version=said.version,
        payload=payload.model_dump_json(),
        asked_at=now,
    )


def _answered(change: Change) -> list[tuple[str, str]]:
    before, order = change.before, change.order
    if before is None:
        return []
    return [(order.order_id, who) for who in NEIGHBOURS if _owes(before, who) and not _owes(order, who)]


def _heard_entries(change: Change, now: datetime) -> list[Entry]:
    """One entry per event heard; the last one is what changed the status."""
    was = change.before.status if change.before else None
    last = len(change.heard) - 1
    return [
        Entry(
            order_id=change.order.order_id,
            at=now,
            service=cause.service,
            event=cause.event,
            event_id=cause.event_id,
            causation_id=cause.causation_id,
            from_status=was,
            to_status=change.order.status if index == last or was is None else was,
            detail=cause.detail,
        )
        for index, cause in enumerate(change.heard)
    ]


def _told_entry(change: Change, said: Said, event_id: UUID, now: datetime) -> Entry:
    was = change.before.status if change.before else None
    moved_by_hearing = bool(change.heard)
    return Entry(
        order_id=change.order.order_id,
        at=now,
        service=SERVICE,
        event=said.event,
        event_id=event_id,
        causation_id=None if change.cause is None else str(change.cause),
        from_status=change.order.status if moved_by_hearing else was,
        to_status=change.order.status,
        detail=_detail(change.order, said.event),
    )


def _detail(order: Order, event: str) -> str | None:
    if event in ("order.cancelled", "order.cancellation_requested"):
        return f"{order.cancel_actor or SERVICE}: {order.cancel_reason}".removesuffix(": ")
    if event == "order.rejected" and order.rejection:
        return order.rejection.detail
    return None
