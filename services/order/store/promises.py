"""Promised days of delivery: each is kept, the newest is open until its order has ended."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from shared.runtime.transaction import Transaction


@dataclass(frozen=True, slots=True)
class Promise:
    """A day that a customer was told, what it rests on, and the event that led to it."""

    order_id: str
    promised_on: date
    basis: str
    cause: str


KEEP_PROMISES = """
WITH closed AS (
    UPDATE order_promises SET open = false
    WHERE order_id = ANY($1::uuid[]) AND open
    RETURNING order_id
)
INSERT INTO order_promises (order_id, number, made_at, promised_on, basis, cause, open)
SELECT new.order_id, 1 + (SELECT coalesce(max(number), 0) FROM order_promises WHERE order_id = new.order_id),
       $6, new.promised_on, new.basis, new.cause, true
FROM (SELECT count(*) FROM closed) AS all_closed_before,
     unnest($2::uuid[], $3::date[], $4::text[], $5::text[]) AS new (order_id, promised_on, basis, cause)
"""


async def keep_promises(tx: Transaction, ended: Sequence[str], made: Sequence[Promise], now: datetime) -> None:
    """Adds new promises in the place of the open ones, and closes those of orders that ended; the orders are locked."""
    await tx.execute(
        KEEP_PROMISES,
        [*ended, *(promise.order_id for promise in made)],
        [promise.order_id for promise in made],
        [promise.promised_on for promise in made],
        [promise.basis for promise in made],
        [promise.cause for promise in made],
        now,
    )


FIND_MISSED = """
SELECT order_promises.order_id, order_promises.promised_on, order_promises.basis
FROM order_promises
WHERE open AND promised_on < (clock_timestamp() AT TIME ZONE 'UTC')::date
  AND NOT EXISTS (
      SELECT FROM alerts
      WHERE subject_id = order_promises.order_id::text AND kind = 'promise_missed' AND status <> 'resolved')
ORDER BY promised_on, order_id
LIMIT $1
"""


async def find_missed(tx: Transaction, limit: int) -> list[tuple[str, date, str]]:
    """Orders whose promised day has passed and of which no alert tells, with day and basis, the oldest first."""
    return [(str(row["order_id"]), row["promised_on"], row["basis"]) for row in await tx.fetch(FIND_MISSED, limit)]
