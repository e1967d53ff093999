"""What the figures of orders cost among many past orders: to keep up to date, and to read."""

import asyncio
import statistics
import time
from dataclasses import asdict, dataclass
from typing import Any, Final

import asyncpg

from benchmarks.client import Connection
from deploy.local.credentials import token_for
from deploy.local.failure import CannotRun
from deploy.local.screen import Screen
from deploy.local.stack import Stack

READS: Final = 200
WARM_UP: Final = 20
RATIO_MAX: Final = 5.0
"""Reads of one order that a read of the figures may cost, however many orders there are."""
SUM_SECONDS_MAX: Final = 1_800.0
LOOK_SECONDS: Final = 1.0
UNSUMMED: Final = "SELECT coalesce(sum(cardinality(order_ids)), 0)::bigint FROM orders_touched"
NEWEST: Final = "SELECT order_id::text FROM orders ORDER BY order_id DESC LIMIT 1"


@dataclass(frozen=True, slots=True)
class Kpis:
    """Orders that were summed up after the past came, orders/s of that, and median milliseconds of two reads."""

    summed: int
    per_second: float
    kpis_ms: float
    read_ms: float

    @property
    def ratio(self) -> float:
        return self.kpis_ms / self.read_ms

    @property
    def hold(self) -> bool:
        return self.ratio <= RATIO_MAX

    def told(self) -> str:
        """A line of the page."""
        return (
            f"figures: {self.summed:,} past orders summed up, {self.per_second:,.0f}/s; read {self.kpis_ms:.1f} ms, "
            f"one order {self.read_ms:.1f} ms: {self.ratio:.1f} reads (<= {RATIO_MAX:.0f})"
        )

    def as_figures(self) -> dict[str, Any]:
        return {**asdict(self), "ratio": self.ratio}


async def measure_kpis(stack: Stack, screen: Screen) -> Kpis:
    """Waits until every past order is in the sums, then reads the figures and an order by turns.

    Raises:
        CannotRun: they are not summed up in half an hour.
    """
    with screen.step("the past is summed up"):
        summed, per_second = await _summed(stack.postgres["order"])
    connection: Any = await asyncpg.connect(stack.postgres["order"])
    try:
        order_id = await connection.fetchval(NEWEST)
    finally:
        await connection.close()
    token = token_for(stack.jwt_secret, subject="analyst")
    kpis, reads = [], []
    async with Connection(stack.services["order"], token) as order:
        for _ in range(READS + WARM_UP):
            kpis.append((await order.timed_get("/api/orders/kpis"))[0])
            reads.append((await order.timed_get(f"/api/orders/{order_id}"))[0])
    return Kpis(summed, per_second, statistics.median(kpis[WARM_UP:]), statistics.median(reads[WARM_UP:]))


async def _summed(dsn: str) -> tuple[int, float]:
    """How many orders waited to be summed up, and how many a second were."""
    connection: Any = await asyncpg.connect(dsn)
    began = time.monotonic()
    try:
        there: int = await connection.fetchval(UNSUMMED)
        while await connection.fetchval(UNSUMMED):
            if time.monotonic() - began > SUM_SECONDS_MAX:
                raise CannotRun("the past orders were not summed up in half an hour")
            await asyncio.sleep(LOOK_SECONDS)
    finally:
        await connection.close()
    return there, there / (time.monotonic() - began)
