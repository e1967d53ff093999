"""Mails to customers: numbered when they are decided, claimed one by one, settled by what became of them."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from services.order.domain.mails import Fate, Kind
from shared.runtime.transaction import Transaction


@dataclass(frozen=True, slots=True)
class NewMail:
    """A mail that is due, and what it tells."""

    order_id: str
    kind: Kind
    facts: Mapping[str, Any]


INSERT_MAILS = """
INSERT INTO mails (order_id, kind, n, facts, made_at, next_attempt_at)
SELECT new.order_id, new.kind,
    row_number() OVER (PARTITION BY new.order_id, new.kind ORDER BY new.position)
        + (SELECT coalesce(max(n), 0) FROM mails WHERE mails.order_id = new.order_id AND mails.kind = new.kind),
    new.facts::jsonb, $4, $4
FROM unnest($1::uuid[], $2::text[], $3::text[]) WITH ORDINALITY AS new (order_id, kind, facts, position)
ORDER BY new.position
"""


async def insert_mails(tx: Transaction, mails: Sequence[NewMail], now: datetime) -> None:
    """Adds each as the next of its kind and order; the orders are locked, so no number is given twice."""
    if not mails:
        return
    facts = [json.dumps(mail.facts, default=str) for mail in mails]
    await tx.execute(INSERT_MAILS, [mail.order_id for mail in mails], [mail.kind for mail in mails], facts, now)


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail in hand: its place in the table, what it tells, and to whom."""

    mail_id: int
    order_id: str
    kind: Kind
    n: int
    facts: Mapping[str, Any]
    attempts: int
    refusals: int
    email: str | None
    address: Mapping[str, Any]
    at: datetime

    @property
    def name(self) -> str:
        """As in its Message-ID."""
        return f"{self.order_id}.{self.kind}.{self.n}"


CLAIM_MAIL = """
WITH next AS (
    SELECT mail_id
    FROM mails
    WHERE state = 'waiting' AND next_attempt_at <= statement_timestamp() AND mail_id = (
        SELECT min(mail_id) FROM mails AS first WHERE first.order_id = mails.order_id AND first.state = 'waiting')
    ORDER BY next_attempt_at, mail_id
    LIMIT 1
    FOR UPDATE SKIP LOCKED
)
UPDATE mails
SET attempts = attempts + 1, next_attempt_at = clock_timestamp() + make_interval(secs => $1)
FROM next, order_recipients
WHERE mails.mail_id = next.mail_id AND order_recipients.order_id = mails.order_id
RETURNING mails.mail_id, mails.order_id, kind, n, facts, attempts, refusals, email, shipping_address, made_at
"""


async def claim_mail(tx: Transaction, lease_seconds: float) -> Mail | None:
    """The mail that is due longest and in nobody's hands, for so many seconds; an order's mails in their order."""
    row = await tx.fetchrow(CLAIM_MAIL, lease_seconds)
    if row is None:
        return None
    return Mail(
        mail_id=row["mail_id"],
        order_id=str(row["order_id"]),
        kind=row["kind"],
        n=row["n"],
        facts=json.loads(row["facts"]),
        attempts=row["attempts"],
        refusals=row["refusals"],
        email=row["email"],
        address=json.loads(row["shipping_address"]),
        at=row["made_at"],
    )


SETTLE_MAIL = """
UPDATE mails
SET state = $3, refusals = $4, last_error = $6,
    facts = CASE WHEN $3 = 'sent' THEN NULL ELSE facts END,
    ended_at = CASE WHEN $3 = 'waiting' THEN NULL ELSE clock_timestamp() END,
    next_attempt_at = clock_timestamp() + random() * make_interval(secs => $5)
WHERE mail_id = $1 AND state = 'waiting' AND (attempts = $2 OR $3 = 'sent')
RETURNING mail_id
"""


async def settle_mail(tx: Transaction, mail: Mail, fate: Fate, error: str | None) -> bool:
    """Writes what became of a mail; False if somebody else took it after the lease ran out, or has settled it."""
    seconds, number = float(fate.within_seconds), mail.mail_id
    row = await tx.fetchrow(SETTLE_MAIL, number, mail.attempts, fate.state, fate.refusals, seconds, error)
    return row is not None


REVIVE_MAILS = """
UPDATE mails
SET state = 'waiting', refusals = 0, ended_at = NULL, next_attempt_at = clock_timestamp()
FROM (
    SELECT mail_id
    FROM mails
    WHERE state = 'dead' AND ($1::uuid[] IS NULL OR (order_id, kind, n) IN (
        SELECT order_id, kind, n FROM unnest($1::uuid[], $2::text[], $3::int[]) AS named (order_id, kind, n)))
    ORDER BY mail_id
    FOR UPDATE
) AS dead
WHERE mails.mail_id = dead.mail_id
RETURNING order_id, kind, n
"""


async def revive_mails(tx: Transaction, named: Sequence[tuple[str, str, int]] | None) -> list[tuple[str, str, int]]:
    """Has dead mails, of these (order, kind, n) or (None) all, tried again at once; returns those that were dead."""
    columns = (None, None, None) if named is None else [[one[index] for one in named] for index in range(3)]
    rows = await tx.fetch(REVIVE_MAILS, *columns)
    return sorted((str(row["order_id"]), row["kind"], row["n"]) for row in rows)
