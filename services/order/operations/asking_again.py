"""Asks again what a neighbour has not answered: the same question, word by word, under a new event id."""

from collections.abc import Sequence
from typing import Final

from services.order.domain.order import STUCK_AFTER_ATTEMPTS, Policy
from services.order.saga import seconds_to_next
from services.order.store.alerts import raise_alerts
from services.order.store.history import Entry, add_history
from services.order.store.questions import (
    Question,
    hasten_questions,
    lock_due_questions,
    postpone_questions,
)
from services.order.store.statuses import statuses_of
from shared.contracts.catalog import BY_NAME
from shared.contracts.values import Payload
from shared.runtime.transaction import Transaction

BATCH: Final = 500


async def ask_again(tx: Transaction, policy: Policy) -> int:
    """Publishes each overdue question anew and postpones it, with an alert on what is stuck; returns how many."""
    due = await lock_due_questions(tx, BATCH)
    if not due:
        return 0
    now = await tx.clock()
    statuses = await statuses_of(tx, [question.order_id for question in due])
    entries = []
    for question in due:
        event_id = tx.publish(_payload(question), version=question.version)
        status = statuses[question.order_id]
        detail = f"asked again ({question.attempts + 1})"
        entries.append(Entry(question.order_id, now, "order", question.event, event_id, None, status, status, detail))
    waits = policy.ask_again_seconds
    postponed = [(question, question.attempts + 1, seconds_to_next(question.attempts + 1, waits)) for question in due]
    await postpone_questions(tx, postponed, now)
    await add_history(tx, entries)
    if stuck := _stuck(due):
        await raise_alerts(tx, "saga_stuck", stuck, now)
    return len(due)


def _stuck(due: Sequence[Question]) -> list[tuple[str, str]]:
    """One line on each order of which a question was asked again too often."""
    told = {
        question.order_id: f"{question.event}: no answer from {question.neighbour}"
        for question in due
        if question.attempts + 1 >= STUCK_AFTER_ATTEMPTS
    }
    return sorted(told.items())


async def hasten(tx: Transaction, order_ids: Sequence[str]) -> list[list[str] | None]:
    """Has the open questions of each order asked again at once: their events; None if there is no such order."""
    known = await statuses_of(tx, order_ids)
    asked = await hasten_questions(tx, sorted(known))
    return [[event for id, event in asked if id == order_id] if order_id in known else None for order_id in order_ids]


def _payload(question: Question) -> Payload:
    kind: type[Payload] = BY_NAME[question.event].payload  # type: ignore[assignment]  # order's events are payloads
    return kind.model_validate_json(question.payload)
