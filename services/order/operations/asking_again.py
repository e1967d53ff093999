"""Asks again what a neighbour has not answered: the same question, word by word, under a new event id."""

from typing import Final

from services.order.saga import seconds_to_next
from services.order.store.history import Entry, add_history
from services.order.store.questions import Question, lock_due_questions, postpone_questions
from services.order.store.statuses import statuses_of
from shared.contracts.catalog import BY_NAME
from shared.contracts.values import Payload
from shared.runtime.transaction import Transaction

BATCH: Final = 500


async def ask_again(tx: Transaction) -> int:
    """Publishes each overdue question anew and postpones it; returns how many."""
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
    postponed = [(question, question.attempts + 1, seconds_to_next(question.attempts + 1)) for question in due]
    await postpone_questions(tx, postponed, now)
    await add_history(tx, entries)
    return len(due)


def _payload(question: Question) -> Payload:
    kind: type[Payload] = BY_NAME[question.event].payload  # type: ignore[assignment]  # order's events are payloads
    return kind.model_validate_json(question.payload)
