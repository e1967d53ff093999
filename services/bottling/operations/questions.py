"""Questions without an answer are asked again: silence never ends anything."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from services.bottling.domain.questions import next_attempt_at
from services.bottling.store import questions as question_store
from services.bottling.store.questions import Question
from shared.contracts.bottling import BatchSnapshot
from shared.contracts.catalog import BY_NAME
from shared.runtime.transaction import Transaction

ASKED_AT_ONCE: Final = 200


async def ask_again(tx: Transaction) -> int:
    """Tells every question that is due once more: same payload, same version, new id; returns how many."""
    now = await tx.clock()
    due = await question_store.take_due_questions(tx, now, ASKED_AT_ONCE)
    for question in due:
        tx.publish(_payload_of(question), version=question.version)
    if due:
        await question_store.postpone_questions(tx, _postponed(due, now))
    return len(due)


def _payload_of(question: Question) -> BatchSnapshot:
    payload = BY_NAME[question.type].payload.model_validate_json(question.payload)
    if not isinstance(payload, BatchSnapshot):
        raise TypeError(f"{question.type} is no event about a batch")
    return payload


def _postponed(due: Sequence[Question], now: datetime) -> list[Question]:
    return [
        replace(question, attempts=question.attempts + 1, next_attempt_at=next_attempt_at(now, question.attempts + 1))
        for question in due
    ]
