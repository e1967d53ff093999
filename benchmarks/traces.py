"""What it costs to trace a lot among many movements of lots, beside an indexed read of one row on the same route."""

import random
import statistics
from dataclasses import asdict, dataclass
from typing import Any, Final
from uuid import UUID

import asyncpg

from benchmarks.client import Connection
from deploy.local.credentials import token_for
from deploy.local.screen import Screen
from deploy.local.stack import Stack

READS: Final = 200
SALES: Final = 197
PER_LOT: Final = SALES + 3
"""Movements that a lot of a product makes: so many parcels, and a drum, a box and a bottle lot that it was made of."""
STEP: Final = 500
RATIO_MAX: Final = 3.0
"""Of one read by index, for each 100 edges; of traces that are read at once."""
EDGES_AT_ONCE: Final = 1_000

# Kinds: 1 lots of the product, 2 drums (each in 5 batches), 3 boxes (in 25), 4 bottles (in 1); 5 batches, 6 parcels.
MAKE_IDS: Final = """
CREATE FUNCTION traced(kind int, number bigint) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$
    SELECT ('00000000-0000-7000-800' || kind || '-' || lpad(number::text, 12, '0'))::uuid
$$
"""
MAKE_ITEMS: Final = """
INSERT INTO items (id, kind, name, unit, created_at, updated_at)
SELECT id, kind, id, 'pcs', now(), now()
FROM (VALUES ('TRACE-OIL', 'material'), ('TRACE-ROSE', 'product')) AS new (id, kind)
"""
MAKE_MATERIALS: Final = """
INSERT INTO lots (lot_id, item_id, kind, lot_code, supplier_lot, quantity, spent, made, made_at)
SELECT traced(kind, number), 'TRACE-OIL', 'receipt', 'M', 'S-' || number, 0, true, 1000, now()
FROM (VALUES (2, 5), (3, 25), (4, 1)) AS material (kind, batches)
CROSS JOIN LATERAL generate_series(0, ($1::int - 1) / batches) AS number
"""
MAKE_LOTS: Final = """
INSERT INTO lots (lot_id, item_id, kind, lot_code, batch_id, quantity, spent, made, made_at)
SELECT traced(1, number), 'TRACE-ROSE', 'batch', 'L-' || number, traced(5, number), 0, true, 1000, now()
FROM generate_series($1::int, $2::int - 1) AS number
"""
ISSUE: Final = """
INSERT INTO lot_movements (lot_id, transaction_id, item_id, quantity, type, reference_type, reference_id, at)
SELECT traced(kind, number / batches), uuidv7(), 'TRACE-OIL', -10, 'material_issue', 'batch',
       traced(5, number)::text, now()
FROM generate_series($1::int, $2::int - 1) AS number, (VALUES (2, 5), (3, 25), (4, 1)) AS material (kind, batches)
"""
SELL: Final = """
INSERT INTO lot_movements (lot_id, transaction_id, item_id, quantity, type, reference_type, reference_id,
                           shipment_id, at)
SELECT traced(1, number / $3::int), uuidv7(), 'TRACE-ROSE', -1, 'sale', 'order', uuidv7()::text,
       traced(6, number), now()
FROM generate_series($1::bigint * $3, $2::bigint * $3 - 1) AS number
"""
SHIP: Final = """
INSERT INTO shipments_deducted (shipment_id, order_id, at, customer_id)
SELECT traced(6, number), uuidv7(), now(), 'C-' || number % 10000
FROM generate_series($1::bigint * $3, $2::bigint * $3 - 1) AS number
"""
FORGET: Final = "DROP FUNCTION traced"
TIDY: Final = "VACUUM (ANALYZE) lots, lot_movements, shipments_deducted"


@dataclass(frozen=True, slots=True)
class Trace:
    """One kind of lot: edges of its trace, median milliseconds of the trace and of reading the lot alone."""

    of: str
    edges: int
    trace_ms: float
    read_ms: float

    @property
    def ratio(self) -> float:
        """Reads by index that 100 edges cost."""
        return self.trace_ms / self.read_ms / (self.edges / 100)

    @property
    def is_bounded(self) -> bool:
        """Traces of more edges are streamed, and promise no ratio."""
        return self.edges <= EDGES_AT_ONCE


@dataclass(frozen=True, slots=True)
class Traces:
    """Every kind of lot, among so many movements."""

    movements: int
    found: tuple[Trace, ...]

    @property
    def hold(self) -> bool:
        return all(trace.ratio <= RATIO_MAX for trace in self.found if trace.is_bounded)

    def told(self) -> list[str]:
        """Lines of the page."""
        lines = [f"traces among {self.movements:,} movements of lots, by REST; medians of {READS} of each"]
        for trace in self.found:
            bound = f"<= {RATIO_MAX:.0f}" if trace.is_bounded else "streamed"
            lines.append(
                f"{trace.of:8}  {trace.edges:,} edges: {trace.trace_ms:.1f} ms, one lot read {trace.read_ms:.2f} ms; "
                f"100 edges cost {trace.ratio:.2f} reads ({bound})"
            )
        return lines

    def as_figures(self) -> dict[str, Any]:
        return {"movements": self.movements, "found": [{**asdict(one), "ratio": one.ratio} for one in self.found]}


async def give_lots(dsn: str, movements: int, screen: Screen) -> int:
    """Lots with so many movements in the inventory service's schema; returns how many lots of the product."""
    batches = -(-movements // PER_LOT)
    connection: Any = await asyncpg.connect(dsn)
    try:
        await connection.execute(MAKE_IDS)
        await connection.execute(MAKE_ITEMS)
        await connection.execute(MAKE_MATERIALS, batches)
        for start in range(0, batches, STEP):
            end = min(start + STEP, batches)
            await connection.execute(MAKE_LOTS, start, end)
            await connection.execute(ISSUE, start, end)
            await connection.execute(SHIP, start, end, SALES)
            await connection.execute(SELL, start, end, SALES)
            screen.say(f"  inventory: {end * PER_LOT:,} movements of lots")
        await connection.execute(FORGET)
        await connection.execute(TIDY)
    finally:
        await connection.close()
    return batches


async def measure_traces(stack: Stack, movements: int, screen: Screen) -> Traces:
    """Make the lots, then read and trace them by turns."""
    with screen.step(f"{movements:,} movements of lots"):
        batches = await give_lots(stack.postgres["inventory"], movements, screen)
    token = token_for(stack.jwt_secret, subject="tracer")
    with screen.step("traces"):
        async with Connection(stack.services["inventory"], token) as inventory:
            found = [
                await _measured(inventory, name, kind, batches // of)
                for name, kind, of in (("product", 1, 1), ("bottles", 4, 1), ("drum", 2, 5), ("box", 3, 25))
            ]
    return Traces(batches * PER_LOT, tuple(found))


async def _measured(inventory: Connection, name: str, kind: int, lots: int) -> Trace:
    chance = random.Random(name)
    reads, traces, edges = [], [], []
    for turn in range(READS + 20):
        path = f"/api/inventory/lots/{_lot(kind, chance.randrange(max(1, lots)))}"
        read, _ = await inventory.timed_get(path)
        trace, told = await inventory.timed_get(f"{path}/trace")
        if turn >= 20:  # plans and pages are warm
            reads.append(read)
            traces.append(trace)
            edges.append(len(told["backward"]) + len(told["forward"]))
    return Trace(name, round(statistics.median(edges)), statistics.median(traces), statistics.median(reads))


def _lot(kind: int, number: int) -> UUID:
    return UUID(f"00000000-0000-7000-800{kind}-{number:012}")
