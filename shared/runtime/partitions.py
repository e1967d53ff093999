"""Partitions by time: made ahead of need, dropped when their time is over, an unsent event never among them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal, assert_never

from shared.contracts.values import rfc3339
from shared.runtime.clock import first_id_at
from shared.runtime.jobs import Job
from shared.runtime.transaction import Transaction

Span = Literal["hour", "day", "month"]


@dataclass(frozen=True, slots=True)
class Partitioned:
    """A table in partitions by time, or by the time in its UUIDv7 ids; `keep` None = for ever."""

    table: str
    by: Literal["time", "uuid7"]
    span: Span
    keep: timedelta | None
    ahead: int


MESSAGING: Final = (
    Partitioned("outbox", "time", "hour", timedelta(hours=25), ahead=6),
    Partitioned("inbox", "uuid7", "day", timedelta(days=14), ahead=3),
)

MAKE_PARTITION = "SELECT make_partition($1, $2, $3, $4)"
DROP_PARTITION = "SELECT drop_partition($1, $2)"
LIST_PARTITIONS = """
SELECT child.relname AS name
FROM pg_inherits
JOIN pg_class child ON child.oid = inhrelid
WHERE inhparent = to_regclass(quote_ident($1))
ORDER BY child.relname
"""
UNSENT_BEFORE = """
SELECT EXISTS (
    SELECT FROM outbox
    LEFT JOIN relay USING (shard)
    WHERE outbox.created_at < $1
      AND (relay.shard IS NULL OR outbox.seq > relay.sent_through OR outbox.seq = ANY (relay.gaps))
)
"""


def start_of(moment: datetime, span: Span) -> datetime:
    """The beginning (UTC) of the hour, day or month that a moment is in."""
    hour = moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    match span:
        case "hour":
            return hour
        case "day":
            return hour.replace(hour=0)
        case "month":
            return hour.replace(day=1, hour=0)
        case _:
            assert_never(span)


def following(start: datetime, span: Span) -> datetime:
    """The beginning of the next hour, day or month."""
    match span:
        case "hour":
            return start + timedelta(hours=1)
        case "day":
            return start + timedelta(days=1)
        case "month":
            return (start + timedelta(days=32)).replace(day=1)
        case _:
            assert_never(span)


_STAMPS: Final[dict[Span, str]] = {"hour": "%Y%m%d%H", "day": "%Y%m%d", "month": "%Y%m"}


def name_of(partitioned: Partitioned, start: datetime) -> str:
    """`outbox_2026112107`, `inbox_20261121`, `ledger_202611`."""
    return f"{partitioned.table}_{start.strftime(_STAMPS[partitioned.span])}"


def start_named(partitioned: Partitioned, name: str) -> datetime:
    """The beginning that a partition's name tells; the reverse of `name_of`."""
    stamp = name.removeprefix(partitioned.table + "_")
    return datetime.strptime(stamp, _STAMPS[partitioned.span]).replace(tzinfo=UTC)


def wanted(partitioned: Partitioned, now: datetime) -> Iterator[tuple[str, str, str]]:
    """Name, lower and upper bound of the partition before now's, now's, and those ahead."""
    start = start_of(start_of(now, partitioned.span) - timedelta(seconds=1), partitioned.span)
    for _ in range(partitioned.ahead + 2):
        end = following(start, partitioned.span)
        yield name_of(partitioned, start), _bound(partitioned, start), _bound(partitioned, end)
        start = end


def outlived(partitioned: Partitioned, names: Sequence[str], now: datetime) -> list[tuple[str, datetime]]:
    """The partitions whose last moment is older than what is kept, with that moment."""
    if partitioned.keep is None:
        return []
    ends = ((name, following(start_named(partitioned, name), partitioned.span)) for name in names)
    return [(name, end) for name, end in ends if end < now - partitioned.keep]


def _bound(partitioned: Partitioned, moment: datetime) -> str:
    return rfc3339(moment) if partitioned.by == "time" else str(first_id_at(moment))


async def keep_partitions(tx: Transaction, partitioned: Sequence[Partitioned]) -> int:
    """Makes what is missing ahead and drops what is outlived; returns how many were made or dropped."""
    now = await tx.clock()
    changed = 0
    for table in partitioned:
        for partition in wanted(table, now):
            changed += await tx.fetchval(MAKE_PARTITION, table.table, *partition)
        changed += await _drop_outlived(tx, table, now)
    return changed


async def _drop_outlived(tx: Transaction, table: Partitioned, now: datetime) -> int:
    names: list[Any] = [row["name"] for row in await tx.fetch(LIST_PARTITIONS, table.table)]
    dropped = 0
    for name, end in outlived(table, names, now):
        if table.table == "outbox" and await tx.fetchval(UNSENT_BEFORE, end):
            break
        await drop_partition(tx, table, name)
        dropped += 1
    return dropped


async def drop_partition(tx: Transaction, table: Partitioned, name: str) -> None:
    """Takes a partition out of its table; waits for those that use the table."""
    await tx.execute(DROP_PARTITION, table.table, name)


def partition_job(partitioned: Sequence[Partitioned]) -> Job:
    """Keeps the partitions of a service's tables, every ten minutes, on one instance at a time."""

    async def tick(tx: Transaction) -> int:
        await keep_partitions(tx, partitioned)
        return 0

    return Job("keep_partitions", every_seconds=600, tick=tick)
