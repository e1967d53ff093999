"""Questions that a neighbour has not answered, and when to ask each again."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.order.domain.order import STUCK_AFTER_ATTEMPTS
from shared.runtime.transaction import Transaction


@dataclass(frozen=True, slots=True)
class Question:
    """The newest question to a neighbour about an order, word by word as it was asked."""

    order_id: str
    neighbour: str
    event: str
    version: int
    payload: str
    asked_at: datetime
    attempts: int = 0


TURN_QUESTIONS = """
WITH dropped AS (
    DELETE FROM questions
    USING unnest($1::uuid[], $2::text[]) AS answered (order_id, neighbour)
    WHERE questions.order_id = answered.order_id AND questions.neighbour = answered.neighbour
    RETURNING questions.order_id, questions.attempts
), put AS (
    INSERT INTO questions (order_id, neighbour, event, version, payload, asked_at, next_attempt_at)
    SELECT order_id, neighbour, event, version, payload, asked_at, asked_at + make_interval(secs => $9)
    FROM unnest($3::uuid[], $4::text[], $5::text[], $6::int[], $7::text[], $8::timestamptz[])
        AS new (order_id, neighbour, event, version, payload, asked_at)
    ORDER BY order_id, neighbour
    ON CONFLICT (order_id, neighbour) DO UPDATE
    SET event = excluded.event, version = excluded.version, payload = excluded.payload, asked_at = excluded.asked_at,
        attempts = 0, next_attempt_at = excluded.next_attempt_at
    WHERE questions.version < excluded.version
    RETURNING questions.order_id, coalesce(old.attempts, 0) AS attempts
)
SELECT order_id FROM dropped WHERE attempts >= $10
UNION
SELECT order_id FROM put WHERE attempts >= $10
ORDER BY order_id
"""


async def turn_questions(
    tx: Transaction, answered: Sequence[tuple[str, str]], asked: Sequence[Question], first_seconds: float
) -> list[str]:
    """Forgets what was answered and remembers the newest question to each neighbour of an order.

    `answered` and `asked` name an order and neighbour once, in one of them; the orders are locked, so nobody asks
    meanwhile. Returns the orders whose older question was stuck.
    """
    rows = await tx.fetch(
        TURN_QUESTIONS,
        [UUID(order_id) for order_id, _ in answered],
        [neighbour for _, neighbour in answered],
        [question.order_id for question in asked],
        [question.neighbour for question in asked],
        [question.event for question in asked],
        [question.version for question in asked],
        [question.payload for question in asked],
        [question.asked_at for question in asked],
        float(first_seconds),
        STUCK_AFTER_ATTEMPTS,
    )
    return [str(row["order_id"]) for row in rows]


LOCK_DUE_QUESTIONS = """
SELECT order_id, neighbour, event, version, payload, asked_at, attempts
FROM questions
WHERE next_attempt_at <= statement_timestamp()
ORDER BY next_attempt_at, order_id, neighbour
LIMIT $1
FOR UPDATE SKIP LOCKED
"""


async def lock_due_questions(tx: Transaction, most: int) -> list[Question]:
    """The questions whose time has come, the longest overdue first; what somebody else has in hand is left out."""
    rows = await tx.fetch(LOCK_DUE_QUESTIONS, most)
    return [
        Question(
            order_id=str(row["order_id"]),
            neighbour=row["neighbour"],
            event=row["event"],
            version=row["version"],
            payload=row["payload"],
            asked_at=row["asked_at"],
            attempts=row["attempts"],
        )
        for row in rows
    ]


POSTPONE_QUESTIONS = """
UPDATE questions
SET attempts = new.attempts, next_attempt_at = $5::timestamptz + make_interval(secs => new.seconds)
FROM unnest($1::uuid[], $2::text[], $3::int[], $4::float8[]) AS new (order_id, neighbour, attempts, seconds)
WHERE questions.order_id = new.order_id AND questions.neighbour = new.neighbour
"""


async def postpone_questions(tx: Transaction, asked: Sequence[tuple[Question, int, float]], now: datetime) -> None:
    """Writes for each (question, attempts, seconds) how often it was asked again and when it is due next."""
    await tx.execute(
        POSTPONE_QUESTIONS,
        [UUID(question.order_id) for question, _, _ in asked],
        [question.neighbour for question, _, _ in asked],
        [attempts for _, attempts, _ in asked],
        [float(seconds) for _, _, seconds in asked],
        now,
    )


HASTEN_QUESTIONS = """
UPDATE questions
SET next_attempt_at = clock_timestamp()
FROM (
    SELECT order_id, neighbour FROM questions WHERE order_id = ANY($1::uuid[]) ORDER BY order_id, neighbour FOR UPDATE
) AS open
WHERE questions.order_id = open.order_id AND questions.neighbour = open.neighbour
RETURNING questions.order_id, questions.event
"""


async def hasten_questions(tx: Transaction, order_ids: Sequence[str]) -> list[tuple[str, str]]:
    """Makes every open question of these orders due now; returns (order, event) of each."""
    rows = await tx.fetch(HASTEN_QUESTIONS, [UUID(order_id) for order_id in order_ids])
    return sorted((str(row["order_id"]), row["event"]) for row in rows)


COUNT_STUCK = """
SELECT count(DISTINCT order_id) FROM questions WHERE attempts >= 2
"""


async def count_stuck(tx: Transaction) -> int:
    """Orders with a question that is stuck."""
    found: int = await tx.fetchval(COUNT_STUCK)
    return found
