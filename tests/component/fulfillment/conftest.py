"""The fulfillment service on a database of its own, without Kafka; order's part is played by the test."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
import pytest
from httpx import ASGITransport, AsyncClient, Response

from services.fulfillment.app import build
from services.fulfillment.handlers import SUBSCRIPTIONS
from services.fulfillment.settings import FulfillmentSettings
from shared.contracts.envelope import Event
from shared.contracts.order import OrderCancellationRequested, OrderReady
from shared.runtime.auth import make_token
from shared.runtime.clock import new_id
from shared.runtime.database import Database
from shared.runtime.service import http_app
from shared.runtime.subscriptions import deliver
from tests.builders import event, make

SECRET = "fulfillment-tests-0123456789abcdef0123456789"
BLOCKED = """
SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'
"""
OUTBOX = "SELECT type, version, payload, headers FROM outbox WHERE aggregateid = $1 ORDER BY seq"
Told = tuple[str, int, dict[str, Any]]


def order_id() -> str:
    """A new order."""
    return str(new_id())


def ready(order_id: str, version: int = 4, *lines: dict[str, Any], **more: Any) -> Event[OrderReady]:
    """`order.ready`: five roses and two irises unless told."""
    told = lines or ({"product_id": "ROSE-50", "quantity": 5}, {"product_id": "IRIS-30", "quantity": 2})
    return event(make(OrderReady, order_id=order_id, lines=list(told), **more), version)


def cancellation(order_id: str, version: int = 6, **units: int) -> Event[OrderCancellationRequested]:
    """`order.cancellation_requested`: the whole order, or units in all of `rose` (of 5) and `iris` (of 2)."""
    lines = [
        {"product_id": "ROSE-50", "quantity": 5, "cancel": units.get("rose", 0)},
        {"product_id": "IRIS-30", "quantity": 2, "cancel": units.get("iris", 0)},
    ]
    return event(make(OrderCancellationRequested, order_id=order_id, whole=not units, lines=lines), version)


@dataclass
class Warehouse:
    """One instance of the service and its clients."""

    database: Database
    client: AsyncClient
    reader: AsyncClient

    async def hears(self, *events: Event[Any]) -> int:
        """One batch of records; returns how many were new."""
        async with self.database.transaction() as tx:
            return len(await deliver(tx, SUBSCRIPTIONS, events))

    async def has(self, *lines: dict[str, Any], **more: Any) -> dict[str, Any]:
        """A new order that is ready; returns its fulfillment."""
        id = order_id()
        await self.hears(ready(id, 4, *lines, **more))
        return await self.of_order(id)

    async def of_order(self, order_id: str) -> dict[str, Any]:
        """The order's fulfillment as a client sees it."""
        (found,) = (await self.get(f"fulfillments?order_id={order_id}"))["items"]
        return dict(found)

    async def get(self, path: str) -> Any:
        response = await self.reader.get(f"/api/fulfillment/{path}")
        assert response.status_code == 200, response.text
        return response.json()

    async def post(self, path: str, body: Any = None, **headers: str) -> Response:
        """A POST below `/api/fulfillment`."""
        sent = {name.replace("_", "-"): text for name, text in headers.items()}
        return await self.client.post(f"/api/fulfillment/{path}", json=body, headers=sent)

    async def do(self, action: str, fulfillment: dict[str, Any], body: Any = None) -> Response:
        return await self.post(f"fulfillments/{fulfillment['fulfillment_id']}/{action}", body)

    async def told(self, order_id: str) -> list[Told]:
        """The events about the order, in order."""
        async with self.database.reading() as connection:
            rows = await connection.fetch(OUTBOX, order_id)
        return [(row["type"], row["version"], orjson.loads(row["payload"])) for row in rows]

    async def kinds(self, order_id: str) -> list[tuple[str, int]]:
        """Types and numbers of those events."""
        return [(type.removeprefix("fulfillment."), version) for type, version, _ in await self.told(order_id)]

    async def count(self, sql: str, *arguments: Any) -> Any:
        """One value of the tables."""
        async with self.database.reading() as connection:
            return await connection.fetchval(sql, *arguments)


async def at_once(warehouse: Warehouse, calls: Sequence[Coroutine[Any, Any, Any]]) -> list[Any]:
    """Runs these calls so that two of their transactions want the locked rows at the same time."""
    async with warehouse.database.reading() as connection:
        held = connection.transaction()
        await held.start()
        await connection.execute("SELECT order_id FROM fulfillments ORDER BY order_id FOR UPDATE")
        running = [asyncio.create_task(call) for call in calls]
        end = time.monotonic() + 20
        while await warehouse.count(BLOCKED) < 2:
            assert time.monotonic() < end, "nobody waits for the rows"
            await asyncio.sleep(0.01)
        await held.rollback()
    return list(await asyncio.gather(*running))


@pytest.fixture
async def open_warehouse(
    fresh_database: Callable[[str], Awaitable[str]],
) -> AsyncIterator[Callable[[], Awaitable[Warehouse]]]:
    """Instances of the service on one database."""
    dsn = await fresh_database("fulfillment")
    opened: list[Warehouse] = []

    async def open_one() -> Warehouse:
        service = build(FulfillmentSettings(postgres_dsn=dsn, kafka="127.0.0.1:1", jwt_secret=SECRET))
        await service.database.open()
        transport = ASGITransport(http_app(service))
        opened.append(
            Warehouse(
                service.database,
                _client(transport, "ann", "fulfillment:write"),
                _client(transport, "bob", "fulfillment:read"),
            )
        )
        return opened[-1]

    yield open_one
    for warehouse in opened:
        await warehouse.client.aclose()
        await warehouse.reader.aclose()
        await warehouse.database.close()


@pytest.fixture
async def warehouse(open_warehouse: Callable[[], Awaitable[Warehouse]]) -> Warehouse:
    """One instance."""
    return await open_warehouse()


def _client(transport: ASGITransport, subject: str, *scopes: str) -> AsyncClient:
    headers = {"Authorization": f"Bearer {make_token(SECRET, subject, scopes)}"}
    return AsyncClient(transport=transport, base_url="http://fulfillment", headers=headers)
