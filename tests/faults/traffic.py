"""Mixed load: buyers, an upstream system, the floor, the bottlers and the receiving dock, all undaunted by errors."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any
from uuid import UUID

import httpx

from tests.bottling import PLANNED, bottle, command_batch, known_recipe, plan_batch
from tests.conservation import AT_REST, BATCH_AT_REST
from tests.shop import ADDRESS, Shop, until

PRODUCTS, UNITS = 4, 60
TRIES = 40
PAUSE_SECONDS = 0.1
POLICIES = ("reject", "backorder", "partial")
IMPATIENT_SECONDS = 10.0
END_SECONDS = 120.0


class Traffic:
    """What people and machines do to one installation; `accepted` are the orders that they were told of."""

    def __init__(self, shop: Shop, seed: int) -> None:
        self._shop = shop
        self._draw = random.Random(seed)
        self.accepted: set[str] = set()
        self.received: dict[str, int] = {}

    async def prepare(self) -> None:
        """Items, stock and a recipe, before anything goes wrong."""
        for number in range(PRODUCTS):
            await self._shop.product(f"storm-{number}", UNITS)
        await self._shop.product("storm-rose")
        await self._shop.material("storm-oil", 20 * PLANNED)
        await self._shop.material("storm-bottle", 10 * PLANNED)
        await known_recipe(self._shop, "storm")

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop`."""
        steps = [self._buy, self._buy, self._buy, self._submit, self._ship, self._deliver, self._bottle, self._receive]
        async with asyncio.TaskGroup() as group:
            for step in steps:
                group.create_task(self._again(step, stop))

    async def _again(self, step: Callable[[], Awaitable[None]], stop: asyncio.Event) -> None:
        while not stop.is_set():
            with suppress(httpx.HTTPError, AssertionError, KeyError, TimeoutError, ValueError):
                async with asyncio.timeout(15):
                    await step()
            await asyncio.sleep(PAUSE_SECONDS)

    def _order(self) -> dict[str, Any]:
        names = self._draw.sample([*(f"storm-{number}" for number in range(PRODUCTS)), "storm-rose"], 2)
        return {
            "customer_id": f"c-{self._draw.randrange(9)}",
            "shipping_address": ADDRESS,
            "items": [{"product_id": name, "quantity": self._draw.randint(1, 3)} for name in names],
            "auto_confirm": self._draw.random() < 0.5,
            "on_shortage": self._draw.choice(POLICIES),
            "priority": self._draw.randrange(10),
        }

    async def _buy(self) -> None:
        body, key = self._order(), str(UUID(int=self._draw.getrandbits(128)))
        answer = await self._insist("order", "POST", "/api/orders", body, {"Idempotency-Key": key, "Prefer": "wait=1"})
        if answer is None or answer.status_code not in (201, 202):
            return
        order_id = answer.json()["order_id"]
        self.accepted.add(order_id)
        whim = self._draw.random()
        path = f"/api/orders/{order_id}"
        if whim < 0.15:
            await self._insist("order", "PUT", f"{path}/cancel", {}, {"Prefer": "wait=1"})
        elif whim < 0.3:
            some = {"items": [{"product_id": body["items"][0]["product_id"], "quantity": 1}]}
            await self._insist("order", "PUT", f"{path}/cancel", some, {"Idempotency-Key": key, "Prefer": "wait=1"})
        elif whim < 0.8 and not body["auto_confirm"]:
            await self._insist("order", "PUT", f"{path}/confirm", None, {"Prefer": "wait=1"})

    async def _insist(
        self, service: str, method: str, path: str, body: Any, headers: dict[str, str]
    ) -> httpx.Response | None:
        """The same request until somebody answers; only a key or a natural id makes that harmless."""
        for _ in range(TRIES):
            with suppress(httpx.HTTPError):
                answer = await self._shop.ask(service, method, path, body, **headers)
                if answer.status_code < 500:
                    return answer
            await asyncio.sleep(PAUSE_SECONDS)
        return None

    async def _submit(self) -> None:
        name = str(UUID(int=self._draw.getrandbits(128)))
        orders = [{**self._order(), "source": "storm", "external_id": f"{name}-{number}"} for number in range(3)]
        await self._shop.submit(orders)
        await asyncio.sleep(3 * PAUSE_SECONDS)

    async def _ship(self) -> None:
        opened = await self._shop.every("fulfillment", "/api/fulfillment/fulfillments?status=created")
        if opened and self._draw.random() < 0.5:
            await self._pick_short(self._draw.choice(opened))
        await self._shop.ship_what_is_there()

    async def _pick_short(self, one: dict[str, Any]) -> None:
        line = next((line for line in one["lines"] if line["target"] > line["picked"] + line["shipped"]), None)
        if line is None:
            return  # it was picked, or cancelled, since it was listed
        missing = {"short_quantity": 1, "short_reason": self._draw.choice(("missing", "damaged"))}
        body = {"lines": [{"product_id": line["product_id"], "quantity": 0, **missing}]}
        path = f"/api/fulfillment/fulfillments/{one['fulfillment_id']}/pick"
        await self._shop.ask("fulfillment", "POST", path, body)

    async def _deliver(self) -> None:
        shipped = await self._shop.every("fulfillment", "/api/fulfillment/fulfillments?status=shipped")
        for one in self._draw.sample(shipped, min(3, len(shipped))):
            for shipment in one["shipments"]:
                path = f"/api/fulfillment/shipments/{shipment['shipment_id']}/deliver"
                await self._shop.ask("fulfillment", "POST", path, {})

    async def _bottle(self) -> None:
        answer = await plan_batch(self._shop, "storm", wait=2)
        batch_id = answer.json()["batch_id"]
        whim = self._draw.random()
        if whim < 0.2:
            await command_batch(self._shop, batch_id, "cancel", {"reason": "a whim"}, wait=1)
            return
        assert (await command_batch(self._shop, batch_id, "start", wait=3)).status_code == 200
        if whim < 0.4:
            await command_batch(self._shop, batch_id, "fail", {"reason": "a leak"}, wait=1)
        else:
            await bottle(self._shop, batch_id)

    async def _receive(self) -> None:
        item = self._draw.choice([*(f"storm-{number}" for number in range(PRODUCTS)), "storm-oil", "storm-bottle"])
        key = str(UUID(int=self._draw.getrandbits(128)))
        cost = {"amount": "2.5000", "currency": "EUR"}
        body = {"item_id": item, "quantity": 10, "supplier_lot": key[:8], "unit_cost": cost}
        answer = await self._insist("inventory", "POST", "/api/inventory/receipts", body, {"Idempotency-Key": key})
        if answer is not None and answer.status_code == 201:
            lot_id = answer.json()["lot_id"]
            self.received[lot_id] = 10
            if self._draw.random() < 0.1:
                await self._insist("inventory", "POST", f"/api/inventory/lots/{lot_id}/recall", {"reason": "bad"}, {})
        await asyncio.sleep(10 * PAUSE_SECONDS)

    async def end(self) -> dict[str, int]:
        """Ships, gives up what cannot be had, and waits until every order and batch rests; how the orders ended."""
        began = asyncio.get_running_loop().time()

        async def rested() -> dict[str, int] | None:
            impatient = asyncio.get_running_loop().time() - began > IMPATIENT_SECONDS
            await self._shop.ship_what_is_there()
            orders = await self._shop.every("order", "/api/orders")
            open_ = [order for order in orders if order["status"] not in AT_REST]
            for order in open_ if impatient else ():
                await self._shop.ask("order", "PUT", f"/api/orders/{order['order_id']}/cancel", {}, Prefer="wait=0")
            batches = await self._shop.every("bottling", "/api/bottling/batches")
            going = [batch for batch in batches if batch["status"] not in BATCH_AT_REST]
            for batch in going:
                for command in ("cancel", "fail"):
                    await command_batch(self._shop, batch["batch_id"], command, {"reason": "the end"}, wait=0)
            if open_ or going:
                return None
            ends = [order["status"] for order in orders]
            return {status: ends.count(status) for status in AT_REST}

        return await until(rested, seconds=END_SECONDS, what="every order and batch at rest")

    async def lost(self) -> set[str]:
        """Orders that were accepted and cannot be found."""
        known = {order["order_id"] for order in await self._shop.every("order", "/api/orders")}
        return self.accepted - known
