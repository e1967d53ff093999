"""Questions that inventory has not answered yet."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from asyncpg import Record

from services.bottling.domain.questions import STUCK_AFTER
from shared.runtime.transaction import Transaction


@dataclass(frozen=True, slots=True)
class Question:
    """An event that is told again, unchanged, until it is answered; `attempts` = how often it was told again."""

    batch_id: UUID
    type: str
    version: int
    payload: str
    attempts: int
    next_attempt_at: datetime


SAVE_QUESTIONS = """
INSERT INTO questions (batch_id, type, version, payload, asked_at, next_attempt_at)
SELECT batch_id, type, version, payload, $6, next_attempt_at
FROM unnest($1::uuid[], $2::text[], $3::bigint[], $4::text[], $5::timestamptz[])
     AS new (batch_id, type, version, payload, next_attempt_at)
ORDER BY batch_id
ON CONFLICT (batch_id) DO UPDATE
SET type = excluded.type,
    version = excluded.version,
    payload = excluded.payload,
    asked_at = excluded.asked_at,
    attempts = 0,
    next_attempt_at = excluded.next_attempt_at
RETURNING questions.batch_id, coalesce(old.attempts, 0) AS attempts
"""


async def save_questions(tx: Transaction, questions: Sequence[Question], asked_at: datetime) -> list[str]:
    """Keeps the newest question of each batch, locked before; returns the batches whose older one was stuck."""
    rows = await tx.fetch(
        SAVE_QUESTIONS,
        [question.batch_id for question in questions],
        [question.type for question in questions],
        [question.version for question in questions],
        [question.payload for question in questions],
        [question.next_attempt_at for question in questions],
        asked_at,
    )
    return _stuck(rows)


def _stuck(rows: Sequence[Record]) -> list[str]:
    return [str(row["batch_id"]) for row in rows if row["attempts"] >= STUCK_AFTER]


DELETE_QUESTIONS = "DELETE FROM questions WHERE batch_id = ANY ($1::uuid[]) RETURNING batch_id, attempts"


async def delete_questions(tx: Transaction, batch_ids: Sequence[UUID]) -> list[str]:
    """Drops the questions of batches, locked before, that inventory has answered; returns those that were stuck."""
    return _stuck(await tx.fetch(DELETE_QUESTIONS, list(batch_ids)))


TAKE_DUE_QUESTIONS = """
SELECT batch_id, type, version, payload, attempts, next_attempt_at
FROM questions
WHERE next_attempt_at <= $1
ORDER BY next_attempt_at, batch_id
LIMIT $2
FOR UPDATE SKIP LOCKED
"""


async def take_due_questions(tx: Transaction, now: datetime, most: int) -> list[Question]:
    """The questions to be asked again, longest due first; one that is being answered just now is left out."""
    return [Question(**row) for row in await tx.fetch(TAKE_DUE_QUESTIONS, now, most)]


POSTPONE_QUESTIONS = """
UPDATE questions
SET attempts = later.attempts, next_attempt_at = later.next_attempt_at
FROM unnest($1::uuid[], $2::integer[], $3::timestamptz[]) AS later (batch_id, attempts, next_attempt_at)
WHERE questions.batch_id = later.batch_id
"""


async def postpone_questions(tx: Transaction, questions: Sequence[Question]) -> None:
    """Counts the attempt of questions that were taken, and sets when the next one is."""
    await tx.execute(
        POSTPONE_QUESTIONS,
        [question.batch_id for question in questions],
        [question.attempts for question in questions],
        [question.next_attempt_at for question in questions],
    )


HASTEN_QUESTIONS = """
UPDATE questions
SET next_attempt_at = clock_timestamp()
FROM (SELECT batch_id FROM questions WHERE batch_id = ANY ($1::uuid[]) ORDER BY batch_id FOR UPDATE) AS open
WHERE questions.batch_id = open.batch_id
RETURNING questions.batch_id, questions.type
"""


async def hasten_questions(tx: Transaction, batch_ids: Sequence[UUID]) -> dict[UUID, str]:
    """Makes the open question of each batch due now; returns their types."""
    return {row["batch_id"]: row["type"] for row in await tx.fetch(HASTEN_QUESTIONS, list(batch_ids))}


COUNT_STUCK = "SELECT count(*) FROM questions WHERE attempts >= 2"


async def count_stuck(tx: Transaction) -> int:
    """Batches whose question is stuck."""
    found: int = await tx.fetchval(COUNT_STUCK)
    return found
