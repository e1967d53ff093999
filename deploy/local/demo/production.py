"""The bottling floor: a batch for every product that orders queue for, until nothing queues."""

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from typing import Final

from deploy.local.demo.catalogue import Catalogue, Product
from deploy.local.demo.client import Body, Client
from deploy.local.demo.picture import Picture
from deploy.local.demo.seeding import Receipt, receive

BATCHES_AT_ONCE: Final = 24
GOOD_UNITS_MAX: Final = 90_000
FILLED_SECONDS_MAX: Final = 20.0
DEFECTS_EVERY: Final = 8
OTHER_CONSUMPTION_EVERY: Final = 6


@dataclass(slots=True)
class Made:
    """What the floor did."""

    batches: int = 0
    good: int = 0
    defective: int = 0
    deliveries: Counter[str] = field(default_factory=Counter)


class Production:
    """Plans, starts, checks and completes batches over REST, several at a time."""

    def __init__(self, client: Client, picture: Picture, catalogue: Catalogue, run: str, currency: str) -> None:
        self._client, self._picture, self._catalogue = client, picture, catalogue
        self._run, self._currency = run, currency
        self._slots = asyncio.Semaphore(BATCHES_AT_ONCE)
        self._buying = {name: asyncio.Lock() for name in catalogue.materials}
        self.running: set[str] = set()
        self.made = Made()

    async def run(self) -> None:
        """Until it is cancelled: looks at the queue after every change, one batch of a product at a time."""
        async with asyncio.TaskGroup() as group:
            while True:
                for product_id in self._wanted():
                    self.running.add(product_id)
                    group.create_task(self._bottle(self._catalogue.products[product_id]))
                await self._picture.change(1.0)

    def _wanted(self) -> list[str]:
        if not self._picture.answered():
            return []
        queue = self._picture.queue
        products = self._catalogue.products
        return [name for name in queue if queue[name] > 0 and name in products and name not in self.running]

    async def _bottle(self, product: Product) -> None:
        async with self._slots:
            queued = self._picture.queue[product.product_id]
            if queued > 0:
                await self._batch(product, min(GOOD_UNITS_MAX, queued + product.safety_stock))
                await self._filled(product.product_id, queued)
        self.running.discard(product.product_id)

    async def _filled(self, product_id: str, before: int) -> None:
        """Waits until the queue got shorter, so that the same need is not planned twice."""
        await self._picture.until(lambda: self._picture.queue[product_id] < before, FILLED_SECONDS_MAX)

    async def _batch(self, product: Product, good: int) -> None:
        self.made.batches += 1
        number = self.made.batches
        defective = max(1, good * 2 // 100) if number % DEFECTS_EVERY == 0 and good > 3 else 0
        plan = {"product_id": product.product_id, "quantity": good + defective}
        key = f"{self._run}-batch-{number}"
        batch = (await self._client.ask("POST", "bottling", "/api/bottling/batches", plan, key=key)).body
        path = f"/api/bottling/batches/{batch['batch_id']}"
        batch = await self._start(path, batch)
        await self._check(path, good + defective, defective)
        await self._consume(path, batch, number)
        await self._client.ask("POST", "bottling", f"{path}/complete", key=f"{path}/complete")
        self.made.good += good
        self.made.defective += defective

    async def _start(self, path: str, batch: Body) -> Body:
        """Until the batch runs: buys what it lacks, as often as somebody takes it away."""
        while True:
            batch = await self._client.settled("bottling", path, _planned, batch)
            if batch["status"] == "short":
                await self._buy_what_is_missing(batch)
                batch = await self._client.settled("bottling", path, lambda body: body["status"] != "short")
                continue
            if batch["status"] == "ready":
                reply = await self._client.ask("POST", "bottling", f"{path}/start", also=(409,))
                batch = reply.body if reply.status < 300 else {}
                batch = await self._client.settled("bottling", path, lambda body: body["status"] != "starting", batch)
            if batch["status"] == "in_progress":
                return batch

    async def _buy_what_is_missing(self, batch: Body) -> None:
        for material in batch["materials"]:
            if material["backordered"] > 0:
                await self._buy(material["material_id"])

    async def _buy(self, material_id: str) -> None:
        """Receives what all batches together queue for, and a tenth more; the next in line finds the queue empty."""
        async with self._buying[material_id]:
            path = f"/api/inventory/materials/{material_id}/stock"
            queued = (await self._client.ask("GET", "inventory", path)).body["queued"]
            if queued > 0:
                self.made.deliveries[material_id] += 1
                lot = f"{self._run}-delivery-{self.made.deliveries[material_id]}"
                cost = self._catalogue.materials[material_id].cost
                quantity = queued + queued // 10 + 1
                await receive(self._client, material_id, quantity, Receipt(lot, cost, self._currency))

    async def _check(self, path: str, quantity: int, defective: int) -> None:
        body = {
            "inspected": quantity,
            "accepted": quantity - defective,
            "rejected": [{"reason_code": "leaking-pump", "quantity": defective}] if defective else [],
            "measures": [{"name": "fill_ml", "value": "50.1", "low": "49.5", "high": "50.5"}],
        }
        await self._client.ask("POST", "bottling", f"{path}/quality-checks", body, key=f"{path}/check")

    async def _consume(self, path: str, batch: Body, number: int) -> None:
        """Reports consumption: mostly as issued, sometimes one unit of the first material more or less."""
        first = batch["materials"][0]
        body: Body = {}
        if number % OTHER_CONSUMPTION_EVERY == 0:
            other = first["required"] + (1 if number % (2 * OTHER_CONSUMPTION_EVERY) == 0 else -1)
            body = {"materials": [{"material_id": first["material_id"], "consumed": max(1, other)}]}
        reply = await self._client.ask("POST", "bottling", f"{path}/consumption", body, key=f"{path}/consumption")
        await self._client.settled("bottling", path, lambda body: bool(body["materials_settled"]), reply.body)


def _planned(batch: Body) -> bool:
    return batch["status"] not in ("planned", "starting")
