"""The order service on a database of its own; inventory, fulfillment and upstream are played by the test."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from httpx import ASGITransport, AsyncClient, Response

from services.order.app import build
from services.order.handlers import SUBSCRIPTIONS
from services.order.settings import OrderSettings
from shared.contracts.catalog import BY_NAME
from shared.contracts.envelope import Event, read
from shared.runtime.auth import make_token
from shared.runtime.clock import new_id
from shared.runtime.database import Database
from shared.runtime.service import http_app
from shared.runtime.subscriptions import deliver

SECRET = "order-tests-0123456789abcdef0123456789ab"
NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
PRODUCTS = ("rose", "lily")
OUTBOX = "SELECT type, version, aggregateid, payload, id FROM outbox ORDER BY seq"
Told = tuple[str, int, dict[str, Any]]
Line = tuple[str, dict[str, Any]]


@dataclass
class Shop:
    """The service, its clients, and the words of its neighbours."""

    database: Database
    client: AsyncClient
    customer: AsyncClient
    versions: dict[tuple[str, str], int] = field(default_factory=dict)

    async def post(self, body: Any = None, **headers: str) -> Response:
        """`POST /api/orders`; nothing is waited for unless `Prefer` says so."""
        sent = {"Prefer": "respond-async", **{name.replace("_", "-"): text for name, text in headers.items()}}
        return await self.client.post("/api/orders", json=body, headers=sent)

    async def put(self, order_id: str, command: str, body: Any = None, prefer: str = "respond-async") -> Response:
        path = f"/api/orders/{order_id}/{command}"
        return await self.client.put(path, json=body, headers={"Prefer": prefer})

    async def get(self, path: str = "") -> Any:
        response = await self.client.get(f"/api/orders{path}")
        assert response.status_code == 200, response.text
        return response.json()

    async def placed(self, **fields: Any) -> str:
        """The id of a new order that inventory has not answered."""
        response = await self.post(new_order(**fields))
        assert response.status_code == 202, response.text
        return str(response.json()["order_id"])

    async def deliver(self, *events: Event[Any]) -> int:
        """One batch of records; returns how many were new."""
        async with self.database.transaction() as tx:
            return len(await deliver(tx, SUBSCRIPTIONS, events))

    async def know(self, *items: tuple[str, str, bool], version: int = 1) -> None:
        """Inventory tells of items: id, kind, active."""
        await self.deliver(*(item_event(id, kind, active, version) for id, kind, active in items))

    def _next(self, sender: str, order_id: str) -> int:
        self.versions[sender, order_id] = self.versions.get((sender, order_id), 0) + 1
        return self.versions[sender, order_id]

    def stock(self, order_id: str, type: str, status: str, question: int, *lines: Line, **fields: Any) -> Event[Any]:
        """Inventory's next snapshot of an order."""
        reason = {"reserved": "new", "confirmed": "confirmed", "backordered": "new", "released": "cancelled"}
        told = {
            "order_id": order_id,
            "order_version": question,
            "status": status,
            "reason": reason.get(type, "insufficient_stock"),
            "expires_at": None,
            "lines": [stock_line(product, **quantities) for product, quantities in lines],
            **({"released": []} if type == "released" else {}),
            **fields,
        }
        return event(f"stock.{type}", "inventory", order_id, self._next("inventory", order_id), **told)

    def fulfillment(self, order_id: str, type: str, question: int, *lines: Line, **fields: Any) -> Event[Any]:
        """Fulfillment's next snapshot of an order."""
        told = {
            "order_id": order_id,
            "fulfillment_id": "f-1",
            "customer_id": "c-1",
            "order_version": question,
            "status": "created",
            "closed": False,
            "lines": [fulfillment_line(product, **quantities) for product, quantities in lines],
            **fields,
        }
        return event(f"fulfillment.{type}", "fulfillment", order_id, self._next("fulfillment", order_id), **told)

    def shipped(self, order_id: str, shipment_id: str, *lines: Line) -> Event[Any]:
        """A parcel left."""
        return self.fulfillment(
            order_id,
            "shipped",
            3,
            *lines,
            shipment_id=shipment_id,
            carrier="DHL",
            tracking_number="T-1",
            shipped_at=NOW,
            shipped=[],
        )

    async def told(self, order_id: str | None = None) -> list[Told]:
        """The events that were published, in order."""
        async with self.database.reading() as connection:
            rows = await connection.fetch(OUTBOX)
        return [
            (row["type"], row["version"], orjson.loads(row["payload"]))
            for row in rows
            if order_id in (None, row["aggregateid"])
        ]

    async def names(self, order_id: str) -> list[str]:
        """The types of the order's events; their versions have no gaps."""
        told = await self.told(order_id)
        assert [version for _, version, _ in told] == list(range(1, len(told) + 1))
        return [type.removeprefix("order.") for type, _, _ in told]

    async def count(self, table_query: str, *args: Any) -> int:
        async with self.database.reading() as connection:
            found: int = await connection.fetchval(table_query, *args)
        return found


def new_order(**fields: Any) -> dict[str, Any]:
    """A body of `POST /api/orders`."""
    return {
        "customer_id": "c-1",
        "items": [{"product_id": "rose", "quantity": 5}],
        "shipping_address": {"city": "Grasse"},
        **fields,
    }


def submitted(external_id: str, **fields: Any) -> Event[Any]:
    """A record of `order.submitted` without CloudEvents headers."""
    body = {"source": "shop", "external_id": external_id, **new_order(), **fields}
    found = read("order.submitted", json.dumps(body).encode(), [])
    assert found is not None
    return found


def event(type: str, service: str, subject: str, version: int, **fields: Any) -> Event[Any]:
    payload = BY_NAME[type].payload.model_validate({"occurred_at": NOW, **fields})
    return Event(new_id(), type, f"/flacon/{service}", subject, version, payload)


def item_event(id: str, kind: str = "product", active: bool = True, version: int = 1) -> Event[Any]:
    return event(
        "item.changed",
        "inventory",
        id,
        version,
        item_id=id,
        item_kind=kind,
        name=id.title(),
        unit="pcs",
        active=active,
        alternatives=(),
        lead_days=14,
        min_stock_level=0,
        reorder_point=0,
    )


def stock_line(product: str, **quantities: Any) -> dict[str, Any]:
    zero = dict.fromkeys(("want", "held", "backordered", "deducted", "cancelled", "short"), 0)
    return {"product_id": product, "name": product.title(), **zero, **quantities}


def fulfillment_line(product: str, **quantities: Any) -> dict[str, Any]:
    zero = dict.fromkeys(("target", "picked", "shipped", "cancelled", "short"), 0)
    return {"product_id": product, **zero, **quantities}


def held(product: str = "rose", quantity: int = 5) -> Line:
    return product, {"held": quantity}


async def until(condition: Callable[[], Awaitable[bool]], seconds: float = 10.0) -> None:
    """Waits until the condition is true."""
    end = time.monotonic() + seconds
    while not await condition():
        assert time.monotonic() < end, "the condition did not come true in time"
        await asyncio.sleep(0.01)


@pytest.fixture
async def shop(fresh_database: Callable[[str], Awaitable[str]]) -> AsyncIterator[Shop]:
    """The service without Kafka, its products known; `customer` may see only the orders of c-2."""
    settings = OrderSettings(postgres_dsn=await fresh_database("order"), kafka="127.0.0.1:1", jwt_secret=SECRET)
    service = build(settings)
    await service.database.open()
    transport = ASGITransport(http_app(service))
    async with (
        AsyncClient(transport=transport, base_url="http://order", headers=_bearer("ann")) as client,
        AsyncClient(transport=transport, base_url="http://order", headers=_bearer("bob", "c-2")) as customer,
    ):
        shop = Shop(service.database, client, customer)
        await shop.know(*((product, "product", True) for product in PRODUCTS))
        yield shop
    await service.database.close()


def _bearer(subject: str, customer_id: str | None = None, scopes: Sequence[str] = ()) -> dict[str, str]:
    allowed = tuple(scopes) or ("orders:read", "orders:write", "operations")
    return {"Authorization": f"Bearer {make_token(SECRET, subject, allowed, customer_id=customer_id)}"}
