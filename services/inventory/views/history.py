"""The ledger, and what reconciliation finds."""

from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from services.inventory.domain.deviations import Check, Sums, deviations
from shared.runtime.database import fetch_planned

START_OF_TIME: Final = datetime(1, 1, 2, tzinfo=UTC)
END_OF_TIME: Final = datetime(9999, 12, 30, tzinfo=UTC)
LAST_ID: Final = UUID(int=2**128 - 1)
VERSION_MAX: Final = 2**63 - 1

# Each of the three ways has an index that gives the rows in their order, so a page costs its rows, not the table's.
READ_LEDGER_BY_TIME = """
SELECT transaction_id, item_id, version, lot_id, type, quantity, previous_current, new_current, previous_reserved,
       new_reserved, previous_held, new_held, reference_type, reference_id, actor, note, at
FROM ledger
WHERE at >= $1 AND at < $2 AND (at, transaction_id) < ($3, $4)
ORDER BY at DESC, transaction_id DESC
LIMIT $5
"""

READ_LEDGER_OF_REFERENCE = """
SELECT transaction_id, item_id, version, lot_id, type, quantity, previous_current, new_current, previous_reserved,
       new_reserved, previous_held, new_held, reference_type, reference_id, actor, note, at
FROM ledger
WHERE at >= $1 AND at < $2 AND (at, transaction_id) < ($3, $4)
  AND reference_id = $6 AND ($7::text IS NULL OR item_id = $7)
ORDER BY at DESC, transaction_id DESC
LIMIT $5
"""

READ_LEDGER_OF_ITEM = """
SELECT transaction_id, item_id, version, lot_id, type, quantity, previous_current, new_current, previous_reserved,
       new_reserved, previous_held, new_held, reference_type, reference_id, actor, note, at
FROM ledger
WHERE at >= $1 AND at < $2 AND item_id = $3 AND version < $4
ORDER BY version DESC
LIMIT $5
"""


@dataclass(frozen=True, slots=True)
class Entries:
    """Which rows of the ledger: of one item or one reference, and of a span of time (from, up to); None = all."""

    item_id: str | None = None
    reference: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    @property
    def span(self) -> tuple[datetime, datetime]:
        return self.since or START_OF_TIME, self.until or END_OF_TIME

    @property
    def by_version(self) -> bool:
        """The rows of one item stand in the order of its versions, all others in that of time."""
        return self.item_id is not None and self.reference is None


async def ledger_of_item(connection: Any, wanted: Entries, before: int | None, limit: int) -> list[dict[str, Any]]:
    """The rows of one item before a version, newest first."""
    version = VERSION_MAX if before is None else before
    rows = await connection.fetch(READ_LEDGER_OF_ITEM, *wanted.span, wanted.item_id, version, limit)
    return [dict(row) for row in rows]


async def ledger_by_time(
    connection: Any, wanted: Entries, before: tuple[datetime, UUID] | None, limit: int
) -> list[dict[str, Any]]:
    """Rows before a (time, transaction), newest first."""
    since, until = wanted.span
    at, transaction_id = before or (END_OF_TIME, LAST_ID)
    # The later of the two bounds would be where the index is entered.
    place = (since, min(until, at + timedelta(microseconds=1)), at, transaction_id, limit)
    if wanted.reference is None:
        rows = await connection.fetch(READ_LEDGER_BY_TIME, *place)
    else:
        rows = await connection.fetch(READ_LEDGER_OF_REFERENCE, *place, wanted.reference, wanted.item_id)
    return [dict(row) for row in rows]


READ_SUMS = """
SELECT stock.item_id, stock.current, stock.reserved, stock.held,
       coalesce(entries.current, 0)::bigint AS ledger_current, coalesce(entries.held, 0)::bigint AS ledger_held,
       coalesce(holds.held, 0)::bigint AS reservations_held, coalesce(there.units, 0)::bigint AS lots,
       coalesce(there.blocked, 0)::bigint AS lots_blocked, clock_timestamp() AS as_of
FROM stock
LEFT JOIN (
    SELECT moved.item_id, sum(moved.current) AS current, sum(moved.held) AS held
    FROM (
        SELECT item_id, sum(new_current - previous_current) AS current, sum(new_held - previous_held) AS held
        FROM ledger
        WHERE $1::text[] IS NULL OR item_id = ANY($1)
        GROUP BY item_id
        UNION ALL
        SELECT item_id, current, held FROM ledger_openings WHERE $1::text[] IS NULL OR item_id = ANY($1)
    ) AS moved
    GROUP BY moved.item_id
) AS entries ON entries.item_id = stock.item_id
LEFT JOIN (
    SELECT item_id, sum(held) AS held
    FROM reservations
    WHERE held > 0 AND ($1::text[] IS NULL OR item_id = ANY($1))
    GROUP BY item_id
) AS holds ON holds.item_id = stock.item_id
LEFT JOIN (
    SELECT item_id, sum(quantity) AS units,
           sum(CASE WHEN status = 'available' THEN pending ELSE quantity END) AS blocked
    FROM lots
    WHERE NOT spent AND ($1::text[] IS NULL OR item_id = ANY($1))
    GROUP BY item_id
) AS there ON there.item_id = stock.item_id
WHERE $1::text[] IS NULL OR stock.item_id = ANY($1)
ORDER BY stock.item_id
"""

READ_NOW = "SELECT clock_timestamp()"


async def reconcile(connection: Any) -> dict[str, Any]:
    """Every item's level against ledger, reservations and lots, in one statement: one moment of the database."""
    rows = await fetch_planned(connection, READ_SUMS, None)
    found = [deviation for row in rows for deviation in _deviations(row)]
    as_of = rows[0]["as_of"] if rows else await connection.fetchval(READ_NOW)
    return {"ok": not found, "checked_items": len(rows), "as_of": as_of, "deviations": found}


NEXT_ITEMS = "SELECT item_id FROM stock WHERE item_id > $1 ORDER BY item_id LIMIT $2"


async def next_items(connection: Any, after: str, limit: int) -> list[str]:
    """Items in the order of their ids."""
    return [row["item_id"] for row in await connection.fetch(NEXT_ITEMS, after, limit)]


async def checks_failed(connection: Any, item_ids: list[str]) -> list[Check]:
    """Each check that fails for one of these items."""
    rows = await fetch_planned(connection, READ_SUMS, item_ids)
    return [deviation["check"] for row in rows for deviation in _deviations(row)]


def _deviations(row: Any) -> list[dict[str, Any]]:
    sums = Sums(row["ledger_current"], row["ledger_held"], row["reservations_held"], row["lots"], row["lots_blocked"])
    found = []
    for deviation in deviations(row["item_id"], row["current"], row["reserved"], row["held"], sums):
        told = asdict(deviation)
        told["proposal"] = {name: told.pop(name) for name in ("type", "quantity", "note")}
        found.append(told)
    return found
