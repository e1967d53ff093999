"""Questions without an answer are asked again: silence never ends anything."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final
from uuid import UUID

from services.bottling.domain.questions import DELAYS, STUCK_AFTER, Delays, next_attempt_at
from services.bottling.store import questions as question_store
from services.bottling.store.alerts import raise_alerts
from services.bottling.store.batches import known_batches
from services.bottling.store.questions import Question
from shared.contracts.bottling import BatchSnapshot
from shared.contracts.catalog import BY_NAME
from shared.runtime.transaction import Transaction

ASKED_AT_ONCE: Final = 200


async def ask_again(tx: Transaction, delays: Delays = DELAYS) -> int:
    """Tells every question that is due once more: same payload, same version, new id; an alert on what is stuck.

    Returns how many.
    """
    now = await tx.clock()
    due = await question_store.take_due_questions(tx, now, ASKED_AT_ONCE)
    for question in due:
        tx.publish(_payload_of(question), version=question.version)
    if due:
        await question_store.postpone_questions(tx, _postponed(due, now, delays))
    if stuck := _stuck(due):
        await raise_alerts(tx, stuck, now)
    return len(due)


def _stuck(due: Sequence[Question]) -> list[tuple[str, str, str]]:
    """One line on each batch whose question was told again too often."""
    return [
        ("saga_stuck", str(question.batch_id), f"{question.type}: no answer from inventory")
        for question in due
        if question.attempts + 1 >= STUCK_AFTER
    ]


async def hasten(tx: Transaction, batch_ids: Sequence[UUID]) -> list[list[str] | None]:
    """Has the open question of each batch told again at once: its type; None if there is no such batch."""
    known = await known_batches(tx, batch_ids)
    told = await question_store.hasten_questions(tx, sorted(known))
    return [([told[id]] if id in told else []) if id in known else None for id in batch_ids]


def _payload_of(question: Question) -> BatchSnapshot:
    payload = BY_NAME[question.type].payload.model_validate_json(question.payload)
    if not isinstance(payload, BatchSnapshot):
        raise TypeError(f"{question.type} is no event about a batch")
    return payload


def _postponed(due: Sequence[Question], now: datetime, delays: Delays) -> list[Question]:
    return [_later(question, question.attempts + 1, now, delays) for question in due]


def _later(question: Question, attempts: int, now: datetime, delays: Delays) -> Question:
    return replace(question, attempts=attempts, next_attempt_at=next_attempt_at(now, attempts, delays))
