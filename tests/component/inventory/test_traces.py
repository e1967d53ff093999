"""Traces of any length: read by index, sent as they are read, and nothing is left behind by a client that goes away."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from uuid import UUID

import httpx
import pytest
from starlette.types import Message

from services.inventory.api.traces import TraceStreams
from services.inventory.views.traces import EDGES_AT_ONCE, WAYS, each_edge, read_edges
from shared.runtime.clock import new_id
from shared.runtime.problems import Refused
from tests.component.inventory.test_api import client as client
from tests.component.inventory.warehouse import Warehouse
from tests.plans import rows_read

ITEMS = """
INSERT INTO items (id, kind, name, unit, created_at, updated_at)
SELECT id, kind, id, 'pcs', now(), now() FROM (VALUES ('OIL', 'material'), ('P', 'product')) AS new (id, kind)
ON CONFLICT DO NOTHING
"""
# A drum goes into so many batches, each makes a lot, and of each so many parcels are sold; one more gave all back.
FILL = """
WITH drum AS (
    INSERT INTO lots (lot_id, item_id, kind, lot_code, supplier_lot, quantity, spent, made, made_at)
    SELECT $1::uuid, 'OIL', 'receipt', 'D', 'DRUM', 0, true, 2000000, now()
), batches AS MATERIALIZED (
    SELECT uuidv7() AS batch_id, uuidv7() AS lot_id, number FROM generate_series(0, $2::int) AS number
), made AS (
    INSERT INTO lots (lot_id, item_id, kind, lot_code, batch_id, quantity, spent, made, made_at)
    SELECT lot_id, 'P', 'batch', 'L', batch_id, 0, true, $3, now() FROM batches
), issued AS (
    INSERT INTO lot_movements (lot_id, transaction_id, item_id, quantity, type, reference_type, reference_id, at)
    SELECT $1, uuidv7(), 'OIL', units, type, 'batch', batch_id::text, now()
    FROM batches
    CROSS JOIN LATERAL (VALUES ('material_issue', -2), ('material_return', CASE WHEN number = 0 THEN 2 ELSE 1 END))
        AS moved (type, units)
), parcels AS MATERIALIZED (
    SELECT lot_id, uuidv7() AS shipment_id, uuidv7() AS order_id
    FROM batches, generate_series(1, $3::int) AS parcel
    WHERE number > 0
), shipped AS (
    INSERT INTO shipments_deducted (shipment_id, order_id, at, customer_id)
    SELECT shipment_id, order_id, now(), 'c-1' FROM parcels
)
INSERT INTO lot_movements (lot_id, transaction_id, item_id, quantity, type, reference_type, reference_id,
                           shipment_id, at)
SELECT lot_id, uuidv7(), 'P', -1, 'sale', 'order', order_id::text, shipment_id, now() FROM parcels
"""
IN_TRANSACTION = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend' AND state <> 'idle'
"""


async def _drum(warehouse: Warehouse, batches: int, parcels: int) -> UUID:
    """A lot that went into so many batches, of each of which so many parcels were sold."""
    drum = new_id()
    async with warehouse.database.transaction() as tx:
        await tx.execute(ITEMS)
        await tx.execute(FILL, drum, batches, parcels)
    return drum


async def _analyzed(warehouse: Warehouse) -> None:
    async with warehouse.database.reading() as connection:
        await connection.execute("ANALYZE lots")
        await connection.execute("ANALYZE lot_movements")
        await connection.execute("ANALYZE shipments_deducted")


@pytest.mark.parametrize(("batches", "parcels"), [(10, 9), (9, 110), (1, 999), (300, 2)])
async def test_a_trace_reads_little_more_than_its_edges(warehouse: Warehouse, batches: int, parcels: int) -> None:
    drum = await _drum(warehouse, batches, parcels)
    await _drum(warehouse, 400, 40)
    await _analyzed(warehouse)
    edges = batches * (1 + parcels)
    async with warehouse.database.reading() as connection:
        for _ in range(8):  # after five Postgres would think of a plan for any values
            read = await rows_read(connection, partial(read_edges, connection, drum))
            assert read <= 2 * edges + 8 * batches + 20


@pytest.mark.parametrize(("batches", "whole"), [(10, True), (11, False)])
async def test_more_edges_than_are_read_at_once_are_sent_as_they_are_read_in_the_same_shape(
    warehouse: Warehouse, client: httpx.AsyncClient, batches: int, whole: bool
) -> None:
    drum = await _drum(warehouse, batches, 99)
    answer = await client.get(f"/lots/{drum}/trace")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    assert ("content-length" in answer.headers) is whole
    told = answer.json()
    assert [*told] == ["lot", "backward", "forward"]
    assert told["lot"] == (await client.get(f"/lots/{drum}")).json()
    assert told["backward"] == []
    [edge] = [edge for edge in told["forward"] if edge["batch_id"] == told["forward"][0]["batch_id"]]
    assert edge == {
        "batch_id": edge["batch_id"],
        "lot_id": str(drum),
        "order_id": None,
        "shipment_id": None,
        "customer_id": None,
        "quantity": 1,
    }
    sold = [edge for edge in told["forward"] if edge["batch_id"] is None]
    assert len(told["forward"]) == batches * 100 and len({edge["shipment_id"] for edge in sold}) == batches * 99
    assert {edge["customer_id"] for edge in sold} == {"c-1"}
    some = await client.get(f"/lots/{sold[0]['lot_id']}/trace")
    assert [edge["batch_id"] for edge in some.json()["backward"]] != []


async def test_streamed_edges_are_those_that_are_read_at_once(warehouse: Warehouse) -> None:
    drum = await _drum(warehouse, 10, 99)
    async with warehouse.database.reading() as connection:
        [lot_id] = await connection.fetch("SELECT lot_id FROM lots WHERE item_id = 'P' ORDER BY lot_id DESC LIMIT 1")
        for lot in (drum, lot_id["lot_id"]):
            at_once = await read_edges(connection, lot)
            assert at_once is not None and sum(map(len, at_once.values())) in (100, EDGES_AT_ONCE)
            async with connection.transaction():
                for way in WAYS:
                    streamed = [edge async for edges in each_edge(connection, lot, way) for edge in edges]
                    assert streamed == at_once[way]


class Reader:
    """A client that takes the first part with edges and reads no more, until it goes away."""

    def __init__(self) -> None:
        self.body = b""
        self.stuck, self.gone = asyncio.Event(), asyncio.Event()

    async def receive(self) -> Message:
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        if len(self.body) > 1_000:
            self.stuck.set()
            await asyncio.Event().wait()
        self.body += message.get("body", b"")


@asynccontextmanager
async def _reading(streams: TraceStreams, lot_id: UUID) -> AsyncIterator[tuple[Reader, asyncio.Task[None]]]:
    """Somebody who has stopped in the middle of a long trace."""
    reader = Reader()
    response = streams.response({"lot_id": lot_id})  # kept to the end: nothing is left to the collector
    task = asyncio.ensure_future(response({"type": "http"}, reader.receive, reader.send))
    async with asyncio.timeout(30):
        await reader.stuck.wait()
    yield reader, task
    reader.gone.set()
    await asyncio.wait([task], timeout=30)


async def _under_way(warehouse: Warehouse) -> int:
    async with warehouse.database.reading() as connection:
        found: int = await connection.fetchval(IN_TRANSACTION)
        return found


async def test_a_client_that_goes_away_leaves_no_transaction_behind(warehouse: Warehouse) -> None:
    drum = await _drum(warehouse, 100, 99)
    streams = TraceStreams(warehouse.database)
    for _ in range(10):  # more than the pool has connections
        async with _reading(streams, drum) as (reader, task):
            assert await _under_way(warehouse) == 1
            assert len(reader.body) < 300 * EDGES_AT_ONCE
            reader.gone.set()
            await asyncio.wait([task], timeout=30)
            assert task.exception() is None
            assert await _under_way(warehouse) == 0


async def test_a_client_that_reads_too_slowly_is_left(warehouse: Warehouse) -> None:
    drum = await _drum(warehouse, 40, 99)
    async with _reading(TraceStreams(warehouse.database, seconds_max=1.0), drum) as (_, task):
        await asyncio.wait([task], timeout=30)
        assert isinstance(task.exception(), TimeoutError)
        assert await _under_way(warehouse) == 0


async def test_two_long_traces_are_sent_at_once_and_a_third_is_refused(warehouse: Warehouse) -> None:
    drum = await _drum(warehouse, 40, 99)
    streams = TraceStreams(warehouse.database)
    async with _reading(streams, drum), _reading(streams, drum):
        third = Reader()
        with pytest.raises(Refused) as refusal:
            await streams.response({"lot_id": drum})({"type": "http"}, third.receive, third.send)
        assert (refusal.value.answer.status, third.body) == (503, b"")
        assert await _under_way(warehouse) == 2
    async with _reading(streams, drum):
        assert await _under_way(warehouse) == 1
