"""Statements on claims and their reservations; a claim's row is locked after the items and covers its lines."""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from services.inventory.domain.claims import Claim, Line, QueueKey, Refusal, Refused
from services.inventory.domain.lots import Share, Shares
from shared.runtime.transaction import Transaction

# The time is taken once every row is locked, which is when all of them are counted.
LOCK_CLAIMS = """
WITH locked AS MATERIALIZED (
    SELECT id::text, kind, status, on_shortage, priority, protected, accepted_at, expires_at, asked, version,
           refusal::text
    FROM claims
    WHERE id = ANY($1::uuid[])
    ORDER BY claims.id
    FOR UPDATE
)
SELECT clock_timestamp() AS now, id, kind, status, on_shortage, priority, protected, accepted_at, expires_at, asked,
       version, refusal
FROM (SELECT count(*) FROM locked) AS all_of_them LEFT JOIN locked ON true
"""

READ_LINES = """
SELECT claim_id::text, item_id, want, held, backordered, deducted, cancelled, short, returned, cost, kept, lots::text
FROM reservations
WHERE claim_id = ANY($1::uuid[])
ORDER BY claim_id, item_id
"""


async def lock_claims(tx: Transaction, claim_ids: Iterable[str]) -> tuple[dict[str, Claim], datetime]:
    """The claims that exist with all their lines, locked until the end of the transaction; and the time after that."""
    rows = await tx.fetch(LOCK_CLAIMS, sorted(set(claim_ids)))
    claims = {row["id"]: _claim(row) for row in rows if row["id"] is not None}
    for claim_id, line in await read_lines(tx, list(claims)):
        claims[claim_id].lines[line.item_id] = line
    return claims, rows[-1]["now"]


async def read_lines(tx: Transaction, claim_ids: Sequence[str]) -> list[tuple[str, Line]]:
    rows = await tx.fetch(READ_LINES, claim_ids) if claim_ids else []
    return [(row["claim_id"], _line(row)) for row in rows]


def _claim(row: Any) -> Claim:
    return Claim(
        id=row["id"],
        kind=row["kind"],
        status=row["status"],
        policy=row["on_shortage"],
        priority=row["priority"],
        protected=row["protected"],
        accepted_at=row["accepted_at"],
        expires_at=row["expires_at"],
        asked=row["asked"],
        version=row["version"],
        refusal=_refusal(row["refusal"]),
    )


def _line(row: Any) -> Line:
    _, *values, lots = row
    line = Line(*values)
    line.lots = _shares(lots)
    return line


def _shares(text: str | None) -> Shares:
    return {} if text is None else {UUID(lot_id): Share(*units) for lot_id, *units in json.loads(text)}


def _shares_text(shares: Shares) -> str | None:
    return json.dumps([(str(id), share.pinned, share.gone) for id, share in shares.items()]) if shares else None


def _refusal(text: str | None) -> Refusal | None:
    if text is None:
        return None
    found = json.loads(text)
    return Refusal(found["reason"], tuple(Refused(*line) for line in found["lines"]))


def _refusal_text(refusal: Refusal | None) -> str | None:
    if refusal is None:
        return None
    lines = [[line.item_id, line.requested, line.available, line.short] for line in refusal.lines]
    return json.dumps({"reason": refusal.reason, "lines": lines})


SAVE_CLAIMS = """
WITH heads AS (
    INSERT INTO claims (id, kind, status, on_shortage, priority, protected, accepted_at, expires_at, asked, version,
                        refusal)
    SELECT *
    FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::smallint[], $6::boolean[], $7::timestamptz[],
                $8::timestamptz[], $9::bigint[], $10::bigint[], $11::jsonb[])
    ON CONFLICT (id) DO UPDATE
    SET status = EXCLUDED.status, on_shortage = EXCLUDED.on_shortage, priority = EXCLUDED.priority,
        protected = EXCLUDED.protected, accepted_at = EXCLUDED.accepted_at, expires_at = EXCLUDED.expires_at,
        asked = EXCLUDED.asked, version = EXCLUDED.version, refusal = EXCLUDED.refusal
)
INSERT INTO reservations (claim_id, item_id, want, held, backordered, deducted, cancelled, short, returned, cost,
                          kept, lots, priority, protected, accepted_at)
SELECT *
FROM unnest($12::uuid[], $13::text[], $14::bigint[], $15::bigint[], $16::bigint[], $17::bigint[], $18::bigint[],
            $19::bigint[], $20::bigint[], $21::numeric[], $22::boolean[], $23::jsonb[], $24::smallint[], $25::boolean[],
            $26::timestamptz[])
ON CONFLICT (claim_id, item_id) DO UPDATE
SET want = EXCLUDED.want, held = EXCLUDED.held, backordered = EXCLUDED.backordered, deducted = EXCLUDED.deducted,
    cancelled = EXCLUDED.cancelled, short = EXCLUDED.short, returned = EXCLUDED.returned, cost = EXCLUDED.cost,
    kept = EXCLUDED.kept, lots = EXCLUDED.lots, priority = EXCLUDED.priority, protected = EXCLUDED.protected,
    accepted_at = EXCLUDED.accepted_at
"""


async def save_claims(tx: Transaction, claims: Sequence[Claim], lines: Sequence[tuple[Claim, Line]]) -> None:
    """Writes claims and those of their lines that changed; claims of the same id are locked, or new."""
    await tx.execute(SAVE_CLAIMS, *_columns(map(_head_row, claims), 11), *_columns(map(_line_row, lines), 15))


def _columns(rows: Iterable[tuple[Any, ...]], width: int) -> list[list[Any]]:
    return [list(column) for column in zip(*rows, strict=True)] or [[] for _ in range(width)]


def _head_row(claim: Claim) -> tuple[Any, ...]:
    return (
        claim.id,
        claim.kind,
        claim.status,
        claim.policy,
        claim.priority,
        claim.protected,
        claim.accepted_at,
        claim.expires_at,
        claim.asked,
        claim.version,
        _refusal_text(claim.refusal),
    )


def _line_row(row: tuple[Claim, Line]) -> tuple[Any, ...]:
    claim, line = row
    *values, _ = line.values
    lots = _shares_text(line.lots)
    return (claim.id, line.item_id, *values, lots, claim.priority, claim.protected, claim.accepted_at)


# The time of a statement, unlike the clock, is where an index may be entered: what has not lapsed is not looked at. The
# `OFFSET 0` has the lines of each such claim looked up, however many claims Postgres expects.
FIND_LAPSED = """
SELECT lapsed.id::text AS claim_id, theirs.item_id
FROM (
    SELECT claims.id
    FROM claims
    WHERE claims.status = 'active'
      AND claims.expires_at <= statement_timestamp()
      AND (claims.id = ANY($2::uuid[]) OR EXISTS (
          SELECT FROM reservations
          WHERE reservations.claim_id = claims.id AND reservations.item_id = ANY($1::text[]) OFFSET 0))
    ORDER BY claims.expires_at, claims.id
    LIMIT $3
) AS lapsed
CROSS JOIN LATERAL (SELECT item_id FROM reservations WHERE claim_id = lapsed.id OFFSET 0) AS theirs
"""


async def find_lapsed(
    tx: Transaction, item_ids: Sequence[str], claim_ids: Sequence[str], limit: int
) -> dict[str, list[str]]:
    """Items by claim of the oldest lapsed holds on these items or of these claims; read, not locked."""
    return _items_by_claim(await tx.fetch(FIND_LAPSED, item_ids, claim_ids, limit))


FIND_ANY_LAPSED = """
SELECT lapsed.id::text AS claim_id, theirs.item_id
FROM (
    SELECT id FROM claims
    WHERE status = 'active' AND expires_at <= statement_timestamp()
    ORDER BY expires_at, id
    LIMIT $1
) AS lapsed
CROSS JOIN LATERAL (SELECT item_id FROM reservations WHERE claim_id = lapsed.id OFFSET 0) AS theirs
"""


async def find_any_lapsed(tx: Transaction, limit: int) -> dict[str, list[str]]:
    """Items by claim of the oldest lapsed holds; read, not locked."""
    return _items_by_claim(await tx.fetch(FIND_ANY_LAPSED, limit))


def _items_by_claim(rows: Iterable[Any]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for row in rows:
        found.setdefault(row["claim_id"], []).append(row["item_id"])
    return found


READ_QUEUES = """
SELECT wanted.item_id, head.priority, head.accepted_at, head.claim_id::text, head.protected
FROM unnest($1::text[], $2::boolean[]) AS wanted (item_id, protected_too)
CROSS JOIN (VALUES (false), (true)) AS class (protected)
CROSS JOIN LATERAL (
    SELECT priority, accepted_at, claim_id, protected
    FROM reservations
    WHERE reservations.item_id = wanted.item_id AND reservations.protected = class.protected
      AND reservations.backordered > 0
    ORDER BY priority DESC, accepted_at, claim_id
    LIMIT $3
) AS head
WHERE wanted.protected_too OR NOT class.protected
"""


async def read_queues(
    tx: Transaction, wanted: Mapping[str, bool], limit: int
) -> tuple[set[str], dict[str, QueueKey | None]]:
    """The claims at the head of the items' queues, and where a queue longer than `limit` was cut off.

    `wanted` tells for each item whether those that protect the safety stock are of interest. The items must be locked.
    """
    heads: dict[tuple[str, bool], list[QueueKey]] = {}
    for row in await tx.fetch(READ_QUEUES, list(wanted), list(wanted.values()), limit):
        key = (-row["priority"], row["accepted_at"], row["claim_id"])
        heads.setdefault((row["item_id"], row["protected"]), []).append(key)
    horizons: dict[str, QueueKey | None] = {}
    for (item_id, _), keys in heads.items():
        if len(keys) == limit:
            horizons[item_id] = min(max(keys), horizons.get(item_id) or max(keys))
    return {key[2] for keys in heads.values() for key in keys}, horizons


READ_HOLDERS = """
SELECT holder.claim_id::text
FROM unnest($1::text[], $2::bigint[]) AS wanted (item_id, quantity)
CROSS JOIN LATERAL (
    SELECT claim_id, sum(held) OVER (ORDER BY kept, priority, accepted_at DESC, claim_id DESC) - held AS before
    FROM reservations
    WHERE reservations.item_id = wanted.item_id AND reservations.held > 0
    ORDER BY kept, priority, accepted_at DESC, claim_id DESC
    LIMIT wanted.quantity
) AS holder
WHERE holder.before < wanted.quantity
"""


async def read_holders(tx: Transaction, wanted: Mapping[str, int]) -> set[str]:
    """The claims whose holds are taken back first, as many as hold so many units. The items must be locked."""
    rows = await tx.fetch(READ_HOLDERS, list(wanted), list(wanted.values()))
    return {row["claim_id"] for row in rows}
