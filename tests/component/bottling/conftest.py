"""The bottling service on a database of its own; inventory's part is played by the test."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from httpx import ASGITransport, AsyncClient, Response

from services.bottling.app import build
from services.bottling.handlers import SUBSCRIPTIONS
from services.bottling.settings import BottlingSettings
from shared.contracts.catalog import BY_NAME
from shared.contracts.envelope import Event
from shared.runtime.auth import make_token
from shared.runtime.clock import new_id
from shared.runtime.database import Database
from shared.runtime.jobs import Job, tick_once
from shared.runtime.service import http_app
from shared.runtime.subscriptions import deliver

SECRET = "bottling-tests-0123456789abcdef0123456789"
NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
OUTBOX = "SELECT type, version, aggregateid, payload, headers, id FROM outbox ORDER BY seq"
RECIPE = {
    "recipe_id": "rose",
    "product_id": "ROSE-50",
    "materials": [
        {"material_id": "perfume", "quantity_per_unit": "50", "waste_percent": "2"},
        {"material_id": "bottle", "quantity_per_unit": "1"},
    ],
    "labour_cost": {"amount": "0.75", "currency": "EUR"},
    "overhead_cost": {"amount": "0.25"},
    "expected_minutes": 90,
    "shelf_life_days": 730,
}
Told = tuple[str, int, dict[str, Any]]


@dataclass
class Plant:
    """The service, its clients, and the words of inventory; `twin` is a client of a second instance."""

    database: Database
    client: AsyncClient
    twin: AsyncClient
    others: AsyncClient
    jobs: dict[str, Job]
    versions: dict[str, int] = field(default_factory=dict)

    async def post(self, path: str, body: Any = None, **headers: str) -> Response:
        """A POST below `/api/bottling`; nothing is waited for unless `Prefer` says so."""
        sent = {"Prefer": "respond-async", **{name.replace("_", "-"): text for name, text in headers.items()}}
        return await self.client.post(f"/api/bottling/{path}", json=body, headers=sent)

    async def get(self, path: str) -> Any:
        response = await self.client.get(f"/api/bottling/{path}")
        assert response.status_code == 200, response.text
        return response.json()

    async def deliver(self, *events: Event[Any]) -> int:
        """One batch of records; returns how many were new."""
        async with self.database.transaction() as tx:
            return len(await deliver(tx, SUBSCRIPTIONS, events))

    async def know(self, *items: tuple[str, str, bool], version: int = 1) -> None:
        """Inventory tells of items: id, kind, active."""
        await self.deliver(
            *(self.event("item.changed", id, version, **_item(id, kind, active)) for id, kind, active in items)
        )

    def event(self, type: str, subject: str, version: int, **fields: Any) -> Event[Any]:
        payload = BY_NAME[type].payload.model_validate({"occurred_at": NOW, **fields})
        return Event(new_id(), type, "/flacon/inventory", subject, version, payload)

    def materials(self, batch: dict[str, Any], status: str, question: int, **changes: Any) -> Event[Any]:
        """Inventory's next snapshot of a batch: everything held, issued or gone, by status."""
        id = batch["batch_id"]
        self.versions[id] = self.versions.get(id, 0) + 1
        lines = [{**_line(part["material_id"], part["required"], status), **changes} for part in batch["materials"]]
        return self.event(
            f"materials.{status}",
            id,
            self.versions[id],
            batch_id=id,
            batch_version=question,
            status=status,
            materials=lines,
        )

    async def say(self, batch: dict[str, Any], status: str, question: int, **changes: Any) -> None:
        """Inventory answers a question."""
        await self.deliver(self.materials(batch, status, question, **changes))

    async def tick(self, name: str) -> int:
        """One tick of a timer; how much it did."""
        return await tick_once(self.database, self.jobs[name])

    async def told(self, batch_id: str | None = None) -> list[Told]:
        """The events that were published, in order."""
        async with self.database.reading() as connection:
            rows = await connection.fetch(OUTBOX)
        return [
            (row["type"], row["version"], orjson.loads(row["payload"]))
            for row in rows
            if batch_id in (None, row["aggregateid"])
        ]

    async def planned(self, quantity: int = 10) -> dict[str, Any]:
        """A batch that inventory has not answered."""
        response = await self.post("batches", {"product_id": "ROSE-50", "quantity": quantity})
        assert response.status_code == 202, response.text
        return dict(response.json())

    async def running(self, quantity: int = 10) -> dict[str, Any]:
        """A batch whose materials were issued."""
        batch = await self.planned(quantity)
        await self.say(batch, "reserved", 1)
        await self.post(f"batches/{batch['batch_id']}/start")
        await self.say(batch, "issued", 2)
        return dict(await self.get(f"batches/{batch['batch_id']}"))


def _item(id: str, kind: str, active: bool) -> dict[str, Any]:
    return {
        "item_id": id,
        "item_kind": kind,
        "name": f"The {id}",
        "unit": "pcs",
        "active": active,
        "alternatives": (),
        "lead_days": 14,
        "min_stock_level": 0,
        "reorder_point": 0,
    }


def _line(id: str, required: int, status: str) -> dict[str, Any]:
    held = {"reserved": required, "short": required - 3}.get(status, 0)
    issued = required if status in ("issued", "settled") else 0
    return {
        "material_id": id,
        "name": f"The {id}",
        "want": required,
        "held": held,
        "backordered": 3 if status == "short" else 0,
        "issued": issued,
        "returned": 0,
        "cancelled": required if status == "released" else 0,
        "cost": {"amount": f"{issued}.50", "currency": "EUR"} if issued else None,
    }


async def until(condition: Callable[[], Awaitable[bool]], seconds: float = 10.0) -> None:
    """Waits until the condition is true."""
    end = time.monotonic() + seconds
    while not await condition():
        assert time.monotonic() < end, "the condition did not come true in time"
        await asyncio.sleep(0.01)


@pytest.fixture
async def plant(fresh_database: Callable[[str], Awaitable[str]]) -> AsyncIterator[Plant]:
    """The service without Kafka, its items known, its recipe written down."""
    settings = BottlingSettings(postgres_dsn=await fresh_database("bottling"), kafka="127.0.0.1:1", jwt_secret=SECRET)
    instances = [build(settings), build(settings)]
    for instance in instances:
        await instance.database.open()
    one, two = (ASGITransport(http_app(instance)) for instance in instances)
    async with (
        AsyncClient(transport=one, base_url="http://bottling", headers=_bearer("ann")) as client,
        AsyncClient(transport=two, base_url="http://bottling", headers=_bearer("ann")) as twin,
        AsyncClient(transport=one, base_url="http://bottling", headers=_bearer("bob", "bottling:read")) as others,
    ):
        jobs = {job.name: job for job in instances[0].jobs if isinstance(job, Job)}
        plant = Plant(instances[0].database, client, twin, others, jobs)
        await plant.know(("ROSE-50", "product", True), ("perfume", "material", True), ("bottle", "material", True))
        made = await plant.post("recipes", RECIPE)
        assert made.status_code == 201, made.text
        yield plant
    for instance in instances:
        await instance.database.close()


def _bearer(subject: str, *scopes: str) -> dict[str, str]:
    token = make_token(SECRET, subject, scopes or ("bottling:read", "bottling:write", "operations"))
    return {"Authorization": f"Bearer {token}"}
