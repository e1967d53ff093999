"""Statements that read a month of the ledger for its file, and let it go."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from services.inventory.domain.months import Opening, start_of
from shared.runtime.partitions import LIST_PARTITIONS, Partitioned, drop_partition, name_of, start_named
from shared.runtime.transaction import Transaction

LEDGER = Partitioned("ledger", "time", "month", keep=None, ahead=2)

READ_ARCHIVED = "SELECT month FROM ledger_archives ORDER BY month"


async def unarchived_months(reader: Any) -> list[date]:
    """The months that stand in the ledger, oldest first, but for those whose file was written already."""
    archived = {row["month"] for row in await reader.fetch(READ_ARCHIVED)}
    names = [row["name"] for row in await reader.fetch(LIST_PARTITIONS, LEDGER.table)]
    return sorted({start_named(LEDGER, name).date() for name in names} - archived)


READ_MONTH = """
SELECT transaction_id, at, item_id, type, version, new_current - previous_current AS current,
       new_reserved - previous_reserved AS reserved, new_held - previous_held AS held,
       row_to_json(ledger)::text AS line
FROM ledger
WHERE at >= $1 AND at < $2 AND (at, transaction_id) > ($3, $4)
ORDER BY at, transaction_id
LIMIT $5
"""


@dataclass(frozen=True, slots=True)
class Span:
    """A month's first moment, and that of the next."""

    start: datetime
    end: datetime


async def read_month(reader: Any, span: Span, after: tuple[datetime, UUID], limit: int) -> list[Any]:
    """Rows of a month past a (time, transaction), oldest first, each also as one line of JSON."""
    rows: list[Any] = await reader.fetch(READ_MONTH, span.start, span.end, *after, limit)
    return rows


COUNT_MONTH = "SELECT count(at) FROM ledger WHERE at >= $1 AND at < $2"


async def count_month(reader: Any, span: Span) -> int:
    """How many rows a month has."""
    return int(await reader.fetchval(COUNT_MONTH, span.start, span.end))


INSERT_ARCHIVE = """
INSERT INTO ledger_archives (month, file, rows, sha256, actor, archived_at)
VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (month) DO NOTHING
RETURNING true
"""


async def insert_archive(tx: Transaction, row: tuple[date, str, int, str, str], now: datetime) -> bool:
    """Month, file, rows, checksum, actor; False if the month was archived meanwhile."""
    return bool(await tx.fetchval(INSERT_ARCHIVE, *row, now))


INSERT_OPENINGS = """
INSERT INTO ledger_openings (month, item_id, type, version, current, reserved, held)
SELECT $1, opening.*
FROM unnest($2::text[], $3::text[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[]) AS opening
"""


async def insert_openings(tx: Transaction, month: date, openings: Sequence[Opening]) -> None:
    """What the month moved."""
    rows = [(one.item_id, one.type, one.version, one.current, one.reserved, one.held) for one in openings]
    if rows:
        await tx.execute(INSERT_OPENINGS, month, *([*column] for column in zip(*rows, strict=True)))


async def drop_month(tx: Transaction, month: date) -> None:
    """Takes a month out of the ledger."""
    await drop_partition(tx, LEDGER, name_of(LEDGER, start_of(month)))
