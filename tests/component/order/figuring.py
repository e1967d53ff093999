"""Orders as rows, whatever their age, and their figures counted anew from the rows alone."""

from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID

from services.order.store.history import Entry, add_history
from shared.runtime.clock import new_id
from shared.runtime.database import Database

DAY = date(2026, 3, 10)
INSERT_ORDER = """
INSERT INTO orders (order_id, customer_id, priority, on_shortage, auto_confirm, protect_safety_stock, accepted_at,
    updated_at, status, confirm, version, revision, rejection)
VALUES ($1, 'c-1', 0, 'backorder', true, false, $2, $2, $3, true, 1, 1, $4::jsonb)
ON CONFLICT (order_id) DO UPDATE SET status = excluded.status, rejection = excluded.rejection
"""
INSERT_LINE = """
INSERT INTO order_lines (order_id, line, product_id, name, quantity, lead_days, shipped, cancelled)
VALUES ($1, $2, $3, $3, $4, 14, $5, $6)
ON CONFLICT (order_id, line) DO UPDATE SET shipped = excluded.shipped, cancelled = excluded.cancelled
"""
INSERT_PROMISE = """
INSERT INTO order_promises (order_id, number, made_at, promised_on, basis, cause, open)
VALUES ($1, $2, $3, $4, 'stock', 'test', false)
ON CONFLICT DO NOTHING
"""
INSERT_SHIPMENT = """
INSERT INTO order_shipments (shipment_id, order_id, shipped_at, delivered_at) VALUES ($1, $2, $3, $4)
ON CONFLICT (shipment_id) DO UPDATE SET shipped_at = excluded.shipped_at, delivered_at = excluded.delivered_at
"""
Parcel = tuple[datetime | None, datetime | None]


def at(day: int, hour: int = 12, minute: int = 0) -> datetime:
    """A moment `day` days after DAY."""
    return datetime.combine(DAY, time(hour, minute), UTC) + timedelta(days=day)


@dataclass
class Row:
    """One order as its rows tell; a line is product, quantity, shipped, cancelled; a parcel left and arrived."""

    status: str
    accepted: datetime
    lines: Sequence[tuple[str, int, int, int]] = (("rose", 5, 0, 0),)
    promises: Sequence[date] = ()
    parcels: Sequence[Parcel] = ()
    refused_for: str | None = None
    order_id: UUID = field(default_factory=new_id)

    async def write(self, database: Database) -> None:
        """Writes the rows, and notes the order as every change of one does."""
        refusal = None if self.refused_for is None else f'{{"reason": "{self.refused_for}"}}'
        async with database.transaction() as tx:
            await tx.execute(INSERT_ORDER, self.order_id, self.accepted, self.status, refusal)
            for number, line in enumerate(self.lines, start=1):
                await tx.execute(INSERT_LINE, self.order_id, number, *line)
            for number, day in enumerate(self.promises, start=1):
                await tx.execute(INSERT_PROMISE, self.order_id, number, self.accepted, day)
            for number, parcel in enumerate(self.parcels):
                await tx.execute(INSERT_SHIPMENT, f"{self.order_id}-{number}", self.order_id, *parcel)
            entry = Entry(str(self.order_id), self.accepted, "order", "test", None, None, None, self.status)
            await add_history(tx, [entry])


READ_ALL: dict[str, str] = {
    "orders": "SELECT order_id, accepted_at, status, rejection ->> 'reason' AS refused_for FROM orders",
    "lines": "SELECT order_id, product_id, quantity, shipped, cancelled FROM order_lines",
    "promises": "SELECT order_id, number, promised_on FROM order_promises",
    "shipments": "SELECT order_id, shipped_at, delivered_at FROM order_shipments",
}
SUMS = """
SELECT day, orders, shipped, released, expired, due, due_left_on_time, due_open, arrived, arrived_due, arrived_on_time,
    arrived_seconds
FROM order_days
"""
DEMAND = "SELECT product_id, day, ordered, orders FROM demand_days"
Sums = dict[date, dict[str, int]]
Demand = dict[tuple[str, date], tuple[int, int]]


async def kept(database: Database) -> tuple[Sums, Demand]:
    """The sums as the job keeps them, days without anything left out."""
    days = {row["day"]: {name: n for name, n in row.items() if name != "day" and n} for row in await _all(database)}
    demand = await database.pool.fetch(DEMAND)
    wanted = {(row["product_id"], row["day"]): (row["ordered"], row["orders"]) for row in demand if row["orders"]}
    return {day: sums for day, sums in days.items() if sums}, wanted


async def _all(database: Database) -> list[Any]:
    return list(await database.pool.fetch(SUMS))


async def counted(database: Database) -> tuple[Sums, Demand]:
    """The same from every row of every order, without a sum."""
    rows = {name: await database.pool.fetch(sql) for name, sql in READ_ALL.items()}
    of: dict[str, defaultdict[UUID, list[Any]]] = {name: defaultdict(list) for name in rows}
    for name, found in rows.items():
        for row in found:
            of[name][row["order_id"]].append(row)
    sums: defaultdict[date, Counter[str]] = defaultdict(Counter)
    demand: defaultdict[tuple[str, date], list[int]] = defaultdict(lambda: [0, 0])
    for order in rows["orders"]:
        id = order["order_id"]
        _count(sums, demand, order, of["lines"][id], of["promises"][id], of["shipments"][id])
    return (
        {day: {name: n for name, n in counts.items() if n} for day, counts in sums.items() if any(counts.values())},
        {key: (ordered, orders) for key, (ordered, orders) in demand.items()},
    )


def _count(sums: Any, demand: Any, order: Any, lines: list[Any], promises: list[Any], shipments: list[Any]) -> None:
    accepted_on, status = order["accepted_at"].date(), order["status"]
    first = min(promises, key=lambda row: row["number"], default=None)
    sums[accepted_on]["orders"] += 1
    for line in lines:
        if status != "rejected" or order["refused_for"] == "insufficient_stock":
            demand[line["product_id"], accepted_on][0] += line["quantity"]
            demand[line["product_id"], accepted_on][1] += 1
        if status != "rejected":
            left = line["quantity"] - line["shipped"]
            sums[accepted_on]["shipped"] += line["shipped"]
            sums[accepted_on]["released"] += max(0, min(left, line["cancelled"]))
            sums[accepted_on]["expired"] += max(0, left - line["cancelled"]) if status == "expired" else 0
    left_at = max((row["shipped_at"] for row in shipments if row["shipped_at"]), default=None)
    has_left = status == "fulfilled" and left_at is not None
    if first is not None and status not in ("cancelled", "rejected", "expired"):
        due = sums[first["promised_on"]]
        due["due"] += 1
        due["due_open"] += not has_left
        due["due_left_on_time"] += left_at is not None and has_left and left_at.date() <= first["promised_on"]
    if has_left and all(row["shipped_at"] and row["delivered_at"] for row in shipments):
        _count_arrival(sums, order, first, max(row["delivered_at"] for row in shipments))


def _count_arrival(sums: Any, order: Any, first: Any, arrived_at: datetime) -> None:
    there = sums[arrived_at.date()]
    there["arrived"] += 1
    there["arrived_due"] += first is not None
    there["arrived_on_time"] += first is not None and arrived_at.date() <= first["promised_on"]
    there["arrived_seconds"] += max(0, int((arrived_at - order["accepted_at"]).total_seconds()))


async def until_idle(tick: Callable[[], Awaitable[int]]) -> int:
    """Ticks until there is nothing left to do; returns how many ticks did something."""
    for done in range(1_000):
        if not await tick():
            return done
    raise AssertionError("the job does not come to an end")
