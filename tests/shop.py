"""A shop, a warehouse and an upstream system in one: drives a running installation as people and machines would."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Any, Self, TypeVar

import httpx
import orjson
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from deploy.local.stack import Stack
from shared.contracts.catalog import SERVICES, Service, read_by

T = TypeVar("T")
ADDRESS = {"city": "Grasse", "street": "Rue des Fleurs 1"}
BULK = 500


async def until(ask: Callable[[], Awaitable[T | None]], *, seconds: float = 30.0, what: str = "the condition") -> T:
    """The first truthy answer; fails with the last one when the time is over."""
    end = time.monotonic() + seconds
    while True:
        answer = await ask()
        if answer:
            return answer
        assert time.monotonic() < end, f"{what} did not come true within {seconds} s: last {answer!r}"
        await asyncio.sleep(0.05)


class Shop:
    """One installation's customers, staff and upstream; `async with Shop(stack) as shop`."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self._clients = {
            service: httpx.AsyncClient(base_url=url, headers=stack.headers(), timeout=30)
            for service, url in stack.services.items()
        }

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await asyncio.gather(*(client.aclose() for client in self._clients.values()))

    # REST

    def listen(self, service: str, hear: Callable[[httpx.Response], None]) -> None:
        """Shows every answer of a service, read to its end."""

        async def read(response: httpx.Response) -> None:
            await response.aread()
            hear(response)

        self._clients[service].event_hooks["response"] = [read]

    async def ask(self, service: str, method: str, path: str, body: Any = None, **headers: str) -> httpx.Response:
        content = None if body is None else orjson.dumps(body)
        return await self._clients[service].request(
            method, path, content=content, headers={"Content-Type": "application/json", **headers}
        )

    async def get(self, service: str, path: str) -> dict[str, Any]:
        answer = await self.ask(service, "GET", path)
        assert answer.status_code == 200, answer.text
        body: dict[str, Any] = answer.json()
        return body

    async def every(self, service: str, path: str) -> list[dict[str, Any]]:
        """Every item of a list, page by page."""
        found: list[dict[str, Any]] = []
        mark, cursor = "&" if "?" in path else "?", ""
        while True:
            page = await self.get(service, f"{path}{mark}limit=500{cursor}")
            found += page["items"]
            if page["next_cursor"] is None:
                return found
            cursor = f"&cursor={page['next_cursor']}"

    # stock

    async def product(self, item_id: str, quantity: int = 0, **fields: Any) -> None:
        """A product that order knows of, with stock."""
        answer = await self.ask("inventory", "POST", "/api/inventory/products", _item("product_id", item_id, fields))
        assert answer.status_code in (201, 409), answer.text
        if quantity:
            await self.receive(item_id, quantity)
        await self._known_everywhere(item_id)

    async def material(self, item_id: str, quantity: int = 0, unit: str = "pcs") -> None:
        body = _item("material_id", item_id, {"unit": unit})
        answer = await self.ask("inventory", "POST", "/api/inventory/materials", body)
        assert answer.status_code in (201, 409), answer.text
        if quantity:
            await self.receive(item_id, quantity)

    async def receive(self, item_id: str, quantity: int) -> dict[str, Any]:
        cost = {"amount": "2.5000", "currency": "EUR"}
        body = {"item_id": item_id, "quantity": quantity, "supplier_lot": "S-1", "unit_cost": cost}
        answer = await self.ask("inventory", "POST", "/api/inventory/receipts", body)
        assert answer.status_code == 201, answer.text
        receipt: dict[str, Any] = answer.json()
        return receipt

    async def levels(self, item_id: str) -> tuple[int, int, int]:
        """Current, reserved and available."""
        stock = await self.get("inventory", f"/api/inventory/products/{item_id}/stock")
        return stock["current_stock"], stock["reserved_stock"], stock["available_stock"]

    async def _known_everywhere(self, item_id: str) -> None:
        """Order learns of items by Kafka; the second line of the probe keeps it from ever being accepted."""
        items = [{"product_id": item_id, "quantity": 1}, {"product_id": "nobody-makes-this", "quantity": 1}]
        probe = {"customer_id": "probe", "shipping_address": {}, "items": items}

        async def known() -> bool:
            answer = await self.ask("order", "POST", "/api/orders", probe)
            assert answer.status_code == 422, answer.text
            return [error["pointer"] for error in answer.json()["errors"]] == ["/items/1/product_id"]

        await until(known, what=f"{item_id} known to order")

    # orders

    async def order(self, lines: Iterable[tuple[str, int]], wait: int = 10, **fields: Any) -> httpx.Response:
        """The final answer: a 202 is followed."""
        body = {"customer_id": "c-1", "shipping_address": ADDRESS, "items": _lines(lines), **fields}
        return await self.ask("order", "POST", "/api/orders", body, Prefer=f"wait={wait}")

    async def ordered(self, lines: Iterable[tuple[str, int]], **fields: Any) -> str:
        answer = await self.order(lines, **fields)
        assert answer.status_code == 201, answer.text
        order_id: str = answer.json()["order_id"]
        return order_id

    async def confirmed(self, order_id: str) -> dict[str, Any]:
        answer = await self.ask("order", "PUT", f"/api/orders/{order_id}/confirm", None, Prefer="wait=10")
        assert answer.status_code == 200, answer.text
        body: dict[str, Any] = answer.json()
        return body

    async def status(self, order_id: str) -> str:
        order = await self.get("order", f"/api/orders/{order_id}")
        status: str = order["status"]
        return status

    async def becomes(self, order_id: str, status: str, seconds: float = 30.0) -> None:
        async def reached() -> bool:
            return await self.status(order_id) == status

        await until(reached, seconds=seconds, what=f"{order_id} {status}")

    async def submit(self, orders: Iterable[dict[str, Any]]) -> None:
        """As an upstream system: plain JSON on `order.submitted`, acknowledged."""
        keyed = [(f"{order['source']}:{order['external_id']}", order) for order in orders]
        await self.publish("order.submitted", [(key.encode(), orjson.dumps(order), []) for key, order in keyed])

    # warehouse

    async def fulfillment(self, order_id: str) -> dict[str, Any]:
        async def found() -> list[dict[str, Any]]:
            return await self.every("fulfillment", f"/api/fulfillment/fulfillments?order_id={order_id}")

        return (await until(found, what=f"a fulfillment of {order_id}"))[0]

    async def ship(self, order_id: str, tracking: str, deliver: bool = False) -> str:
        """Picks and ships all that is listed; returns the shipment's id."""
        fulfillment_id = (await self.fulfillment(order_id))["fulfillment_id"]
        path = f"/api/fulfillment/fulfillments/{fulfillment_id}"
        picked = await self.ask("fulfillment", "POST", f"{path}/pick")
        assert picked.status_code == 200, picked.text
        parcel = {"carrier": "DHL", "tracking_number": tracking}
        shipped = await self.ask("fulfillment", "POST", f"{path}/ship", parcel)
        assert shipped.status_code == 201, shipped.text
        shipment_id: str = shipped.json()["shipment_id"]
        if deliver:
            answer = await self.ask("fulfillment", "POST", f"/api/fulfillment/shipments/{shipment_id}/deliver", {})
            assert answer.status_code == 200, answer.text
        return shipment_id

    async def ship_what_is_there(self) -> int:
        """Picks and ships every open fulfillment in bulk; returns how many parcels left."""
        opened = await self.every("fulfillment", "/api/fulfillment/fulfillments?status=created")
        opened += await self.every("fulfillment", "/api/fulfillment/fulfillments?status=picked")
        parcels = 0
        for start in range(0, len(opened), BULK):
            ids = [one["fulfillment_id"] for one in opened[start : start + BULK]]
            await self._bulk("pick", [{"fulfillment_id": id} for id in ids])
            items = [{"fulfillment_id": id, "carrier": "DHL", "tracking_number": f"T-{id}"} for id in ids]
            parcels += sum(result["ok"] for result in await self._bulk("ship", items))
        return parcels

    async def _bulk(self, action: str, items: list[dict[str, Any]]) -> list[dict[str, Any]]:
        answer = await self.ask("fulfillment", "POST", f"/api/fulfillment/bulk/{action}", {"items": items})
        assert answer.status_code == 200, answer.text
        results: list[dict[str, Any]] = answer.json()["results"]
        return results

    # Kafka

    async def publish(self, event: str, records: Sequence[tuple[bytes | None, bytes | None, Any]]) -> list[Any]:
        """Raw records (key, value, headers) on an event's topic; returns where each of them is."""
        async with self._producer() as producer:
            topic = self.stack.topic_prefix + event
            sent = [
                await producer.send(topic, key=key, value=value, headers=headers) for key, value, headers in records
            ]
            return list(await asyncio.gather(*sent))

    @asynccontextmanager
    async def _producer(self) -> AsyncIterator[AIOKafkaProducer]:
        producer = AIOKafkaProducer(
            bootstrap_servers=self.stack.kafka, enable_idempotence=True, max_request_size=3 * 2**20
        )
        await producer.start()
        try:
            yield producer
        finally:
            await producer.stop()

    async def records(self, *events: str) -> dict[str, list[ConsumerRecord]]:
        """All records of these events' topics, from offset 0 to their ends."""
        consumer = AIOKafkaConsumer(bootstrap_servers=self.stack.kafka, enable_auto_commit=False)
        await consumer.start()
        try:
            topics = {self.stack.topic_prefix + event: event for event in events}
            places = await _partitions(self.stack.kafka, list(topics))
            return {event: await _read(consumer, topic, places[topic]) for topic, event in topics.items()}
        finally:
            await consumer.stop()

    async def settled(self, seconds: float = 60.0) -> None:
        """Waits until nothing is under way: every outbox sent, every consumer at the end of its topics."""
        quiet = 0

        async def still() -> bool:
            nonlocal quiet
            outboxes = [await self.get(s, f"/api/{_plural(s)}/outbox") for s in self._clients]
            idle = all(box["unsent"] == 0 for box in outboxes) and await self._lag() == 0
            quiet = quiet + 1 if idle else 0
            return quiet >= 2

        await until(still, seconds=seconds, what="a settled system")

    async def _lag(self) -> int:
        """Records that a group has not committed yet, over all groups."""
        admin = AIOKafkaAdminClient(bootstrap_servers=self.stack.kafka)
        consumer = AIOKafkaConsumer(bootstrap_servers=self.stack.kafka, enable_auto_commit=False)
        await asyncio.gather(admin.start(), consumer.start())
        try:
            return sum([await self._behind(admin, consumer, service) for service in SERVICES])
        finally:
            await asyncio.gather(admin.close(), consumer.stop())

    async def _behind(self, admin: Any, consumer: Any, service: Service) -> int:
        topics = [self.stack.topic_prefix + event.name for event in read_by(service)]
        described = await admin.describe_topics(topics)
        places = [TopicPartition(one["topic"], part["partition"]) for one in described for part in one["partitions"]]
        consumer.assign(places)  # one look for all topics; without it there is one for each
        ends = await consumer.end_offsets(places)
        committed = await admin.list_consumer_group_offsets(self.stack.topic_prefix + service)
        done = {place: offset.offset for place, offset in committed.items()}
        return sum(ends[place] - max(0, done.get(place, 0)) for place in places)

    async def members(self, service: Service) -> int:
        """Members of a service's group, 0 while it changes."""
        admin = AIOKafkaAdminClient(bootstrap_servers=self.stack.kafka)
        await admin.start()
        try:
            answer = (await admin.describe_consumer_groups([self.stack.topic_prefix + service]))[0]
        finally:
            await admin.close()
        _, _, state, _, _, members, *_ = answer.groups[0]
        return len(members) if state == "Stable" else 0

    async def metric(self, service: str, name: str, **labels: str) -> list[float]:
        """The samples of a metric over all instances of a service."""
        wanted = [f'{label}="{value}"' for label, value in labels.items()]
        values: list[float] = []
        async with httpx.AsyncClient(timeout=10) as client:
            for instance in self.stack.instances[service]:
                text = (await client.get(f"{instance.url}/metrics")).text
                values += [
                    float(line.rpartition(" ")[2])
                    for line in text.splitlines()
                    if line.startswith(name) and all(label in line for label in wanted)
                ]
        return values


def _plural(service: str) -> str:
    return "orders" if service == "order" else service


def _item(key: str, item_id: str, fields: dict[str, Any]) -> dict[str, Any]:
    return {key: item_id, "name": item_id.replace("-", " ").title(), **fields}


def _lines(lines: Iterable[tuple[str, int]]) -> list[dict[str, Any]]:
    return [{"product_id": product_id, "quantity": quantity} for product_id, quantity in lines]


async def _read(consumer: AIOKafkaConsumer, topic: str, numbers: Iterable[int]) -> list[ConsumerRecord]:
    partitions = [TopicPartition(topic, number) for number in sorted(numbers)]
    consumer.assign(partitions)
    await consumer.seek_to_beginning(*partitions)
    ends = await consumer.end_offsets(partitions)
    found: list[ConsumerRecord] = []
    while any([await consumer.position(one) < ends[one] for one in partitions]):
        for records in (await consumer.getmany(timeout_ms=500)).values():
            found += records
    return found


async def _partitions(bootstrap: str, topics: Sequence[str]) -> dict[str, list[int]]:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        described = await admin.describe_topics(list(topics))
    finally:
        await admin.close()
    return {one["topic"]: [part["partition"] for part in one["partitions"]] for one in described}
