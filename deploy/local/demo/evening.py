"""After the day: a shortage that bottles itself, and the recall of a supplier's lot with all who got it."""

import asyncio
import time
from dataclasses import dataclass
from typing import Any, Final

from deploy.local.audit.log import log_of
from deploy.local.audit.recall_checks import orders_reached
from deploy.local.audit.topics import consumer, ranges, read_topics
from deploy.local.demo.catalogue import Catalogue
from deploy.local.demo.client import SETTLE_SECONDS_MAX, Body, Client
from deploy.local.demo.seeding import Receipt, known_everywhere, receive
from deploy.local.failure import CannotRun
from deploy.local.stack import Stack

PRODUCT: Final = "DEMO-NIGHT-50"
MATERIAL: Final = "DEMO-NIGHT-OIL"
ORDERED_MORE: Final = 8
OIL_ML: Final = 20_000
DEFECTIVE: Final = 1
LOOK_SECONDS: Final = 0.3
RECALL_REASON: Final = "the demo's recall: the supplier found splinters"


@dataclass(frozen=True, slots=True)
class Shortage:
    """An order for more than there was: what bottling proposed by itself, and what became of it."""

    order_id: str
    status: str
    batches: int
    good: int
    defective: int


@dataclass(frozen=True, slots=True)
class Recall:
    """A recalled supplier's lot: what it reached by inventory's word, and by the raw events."""

    lot_id: str
    supplier_lot: str
    lots: int
    held: int
    orders: frozenset[str]
    by_events: frozenset[str]


class Evening:
    """Staff who stay after the last parcel."""

    def __init__(self, client: Client, stack: Stack, catalogue: Catalogue, run: str, currency: str) -> None:
        self._client, self._stack, self._catalogue = client, stack, catalogue
        self._run, self._currency = run, currency

    # a shortage that bottles itself

    async def shortage(self) -> Shortage:
        """More is ordered than there is: stock is low, a batch is planned and started for it, its good units fill the
        order, and it is shipped.

        Raises:
            CannotRun: if one of the steps does not come in time.
        """
        await self._open_the_house()
        stock = (await self._client.ask("GET", "inventory", f"/api/inventory/products/{PRODUCT}/stock")).body
        order_id = await self._order(stock["available_stock"] + ORDERED_MORE)
        made: list[Body] = []
        while not await self._is_held(order_id):
            if batch := await self._running():
                made.append(await self._bottled(batch))
            else:
                await asyncio.sleep(LOOK_SECONDS)
            self._in_time(order_id)
        order = await self._shipped(order_id)
        good = sum(batch["quantity_good"] for batch in made)
        return Shortage(order_id, order["status"], len(made), good, len(made) * DEFECTIVE)

    def _in_time(self, order_id: str) -> None:
        if time.monotonic() > self._deadline:
            raise CannotRun(f"nothing was bottled for order {order_id} in {SETTLE_SECONDS_MAX:.0f} s")

    async def _open_the_house(self) -> None:
        self._deadline = time.monotonic() + SETTLE_SECONDS_MAX
        client, unit = self._client, {"amount": "1.1000", "currency": self._currency}
        material = {"material_id": MATERIAL, "name": "Oil of the night", "unit": "ml"}
        product = {"product_id": PRODUCT, "name": "Night 50 ml", "min_stock_level": 2, "reorder_point": 4}
        recipe = {
            "recipe_id": f"R-{PRODUCT}",
            "product_id": PRODUCT,
            "materials": [{"material_id": MATERIAL, "quantity_per_unit": "52.5"}],
            "labour_cost": unit,
            "overhead_cost": unit,
            "expected_minutes": 20,
            "shelf_life_days": 730,
            "replenishment": "plan_and_start",
        }
        await client.ask("POST", "inventory", "/api/inventory/materials", material, also=(409,))
        await receive(client, MATERIAL, OIL_ML, Receipt(f"{self._run}-night", "0.1100", self._currency))
        await client.ask("POST", "inventory", "/api/inventory/products", product, also=(409,))
        await known_everywhere(self._stack)
        await client.ask("POST", "bottling", "/api/bottling/recipes", recipe, also=(409,))

    async def _order(self, quantity: int) -> str:
        body = {
            "customer_id": "night-owl",
            "items": [{"product_id": PRODUCT, "quantity": quantity}],
            "shipping_address": {"city": "Grasse"},
            "on_shortage": "backorder",
            "auto_confirm": True,
        }
        reply = await self._client.ask("POST", "order", "/api/orders", body, key=f"{self._run}-night")
        return str(reply.body["order_id"])

    async def _is_held(self, order_id: str) -> bool:
        order = (await self._client.ask("GET", "order", f"/api/orders/{order_id}")).body
        return all(item["held"] == item["quantity"] for item in order["items"])

    async def _running(self) -> Body | None:
        """A batch that bottling proposed and started by itself."""
        path = f"/api/bottling/batches?product_id={PRODUCT}&status=in_progress"
        found: list[Body] = (await self._client.ask("GET", "bottling", path)).body["items"]
        return next((batch for batch in found if batch["plan_reason"] == "replenishment"), None)

    async def _bottled(self, batch: Body) -> Body:
        path, planned = f"/api/bottling/batches/{batch['batch_id']}", batch["quantity_planned"]
        check = {
            "inspected": planned,
            "accepted": planned - DEFECTIVE,
            "rejected": [{"reason_code": "leaking-pump", "quantity": DEFECTIVE}],
        }
        await self._client.ask("POST", "bottling", f"{path}/quality-checks", check, key=f"{path}/check")
        await self._client.ask("POST", "bottling", f"{path}/consumption", key=f"{path}/consumption")
        await self._client.settled("bottling", path, lambda body: bool(body["materials_settled"]))
        return (await self._client.ask("POST", "bottling", f"{path}/complete", key=f"{path}/complete")).body

    async def _shipped(self, order_id: str) -> Body:
        listed = f"/api/fulfillment/fulfillments?order_id={order_id}"
        found = await self._client.settled("fulfillment", listed, _is_listed)
        one = f"/api/fulfillment/fulfillments/{found['items'][0]['fulfillment_id']}"
        await self._client.ask("POST", "fulfillment", f"{one}/pick")
        await self._client.ask("POST", "fulfillment", f"{one}/pack")
        parcel = {"carrier": "DEMO-PARCEL", "tracking_number": f"{self._run}-night"}
        sent = (await self._client.ask("POST", "fulfillment", f"{one}/ship", parcel)).body
        await self._client.ask("POST", "fulfillment", f"/api/fulfillment/shipments/{sent['shipment_id']}/deliver", {})
        return await self._client.settled("order", f"/api/orders/{order_id}", _is_fulfilled)

    # a recall

    async def recall(self) -> Recall:
        """Recalls the first delivery of the material whose bottles reached the most orders of the run."""
        lot, reached = await self._widest()
        path = f"/api/inventory/lots/{lot['lot_id']}/recall"
        told = (await self._client.ask("POST", "inventory", path, {"reason": RECALL_REASON})).body
        by_events = await self._by_events(lot["lot_id"], told)
        return Recall(
            lot["lot_id"], lot["supplier_lot"], len(told["lots"]), told["held_quantity"], reached, frozenset(by_events)
        )

    async def _widest(self) -> tuple[Body, frozenset[str]]:
        found: list[tuple[Body, frozenset[str]]] = []
        for material_id in [*sorted(self._catalogue.materials), MATERIAL]:
            page = (
                await self._client.ask("GET", "inventory", f"/api/inventory/lots?item_id={material_id}&limit=500")
            ).body
            ours = [lot for lot in page["items"] if (lot["supplier_lot"] or "").startswith(self._run)]
            for lot in ours[-1:]:
                found.append((lot, await self._reached(lot["lot_id"])))
        return max(found, key=lambda one: (len(one[1]), one[0]["lot_id"]))

    async def _reached(self, lot_id: str) -> frozenset[str]:
        trace = (await self._client.ask("GET", "inventory", f"/api/inventory/lots/{lot_id}/trace")).body
        return frozenset(edge["order_id"] for edge in trace["forward"] if edge["order_id"])

    async def _by_events(self, lot_id: str, told: Body) -> set[str]:
        """The same from the topics, once they tell of each lot that was recalled."""
        recalled = {lot_id, *(lot["lot_id"] for lot in told["lots"])}
        deadline = time.monotonic() + SETTLE_SECONDS_MAX
        while True:
            async with consumer(self._stack) as client:
                at = await ranges(client, self._stack)
                log = log_of(await read_topics(client, self._stack.topic_prefix, at), at)
            if recalled <= log.recalled.keys():
                return orders_reached(log, lot_id)
            if time.monotonic() > deadline:
                raise CannotRun(f"the recall of lot {lot_id} is not on its topic after {SETTLE_SECONDS_MAX:.0f} s")
            await asyncio.sleep(LOOK_SECONDS)


def _is_listed(found: dict[str, Any]) -> bool:
    return bool(found["items"])


def _is_fulfilled(order: dict[str, Any]) -> bool:
    return str(order["status"]) == "fulfilled"


def rows_of(shortage: Shortage, recall: Recall) -> list[tuple[str, object]]:
    """What the end table says of the evening."""
    same = "the same by raw events" if recall.orders == recall.by_events else "NOT the same by raw events"
    return [
        ("shortage: batches proposed and started by themselves", shortage.batches),
        ("   units bottled: good / defective", f"{shortage.good} / {shortage.defective}"),
        ("   the order that waited for them", shortage.status),
        ("recall of a supplier's lot: lots made of it", recall.lots),
        ("   units held", recall.held),
        (f"   orders that got it, {same}", len(recall.orders)),
    ]
