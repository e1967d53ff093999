"""Whether order, inventory and fulfillment tell the same of an order, and whether each unit held for it ended once."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import httpx
from aiokafka import AIOKafkaConsumer, TopicPartition

from shared.contracts.catalog import SERVICES, read_by
from tests.shop import Shop, until

AT_REST = ("cancelled", "fulfilled", "rejected", "expired")
BATCH_AT_REST = ("completed", "failed", "cancelled")
UNDONE = ("rejected", "expired")
RECORDS = ("flacon_records_handled_total", "flacon_records_duplicate_total", "flacon_records_dead_total")


@dataclass
class Books:
    """What the ledger says of one order or batch: units by item and type, and what they did to stock and promises."""

    by_cause: dict[str, Counter[str]] = field(default_factory=dict)
    left: Counter[str] = field(default_factory=Counter)
    promised: Counter[str] = field(default_factory=Counter)

    def enter(self, row: dict[str, Any]) -> None:
        item = row["item_id"]
        self.by_cause.setdefault(item, Counter())[row["type"]] += abs(row["quantity"])
        self.promised[item] += row["new_reserved"] - row["previous_reserved"]
        if row["type"] in ("sale", "material_issue"):
            self.left[item] += row["previous_current"] - row["new_current"]

    def causes(self, item: str) -> dict[str, int]:
        return dict(self.by_cause.get(item, {}))


async def quiet(shop: Shop, seconds: float = 60.0) -> None:
    """Waits until every record was handled and every outbox is empty; for services that were never started anew.

    Quicker than `Shop.settled`, which waits until offsets are committed too.
    """
    consumer = AIOKafkaConsumer(bootstrap_servers=shop.stack.kafka, enable_auto_commit=False)
    await consumer.start()

    async def still() -> bool:
        return await _all_sent(shop) and await _all_handled(shop, consumer) and await _all_sent(shop)

    try:
        await until(still, seconds=seconds, what="a quiet installation")
    finally:
        await consumer.stop()


async def _all_sent(shop: Shop) -> bool:
    boxes = [await shop.get(service, f"/api/{_place(service)}/outbox") for service in SERVICES]
    return all(box["unsent"] == 0 for box in boxes)


async def _all_handled(shop: Shop, consumer: AIOKafkaConsumer) -> bool:
    topics = sorted({event.name for service in SERVICES for event in read_by(service)})
    places = {name: range(await _partitions(consumer, shop.stack.topic_prefix + name)) for name in topics}
    spots = [TopicPartition(shop.stack.topic_prefix + name, number) for name in topics for number in places[name]]
    consumer.assign(spots)
    ends = await consumer.end_offsets(spots)
    for service in SERVICES:
        read = await _records_read(shop, service)
        written = sum(
            ends[TopicPartition(shop.stack.topic_prefix + event.name, number)]
            for event in read_by(service)
            for number in places[event.name]
        )
        if read < written:
            return False
    return True


async def _partitions(consumer: AIOKafkaConsumer, topic: str) -> int:
    found = consumer.partitions_for_topic(topic)
    if found is None:
        await consumer.topics()
        found = consumer.partitions_for_topic(topic)
    return len(found or ())


async def _records_read(shop: Shop, service: str) -> int:
    """Records that all instances of a service handled, knew, or passed over."""
    total = 0.0
    async with httpx.AsyncClient(timeout=10) as client:
        for instance in shop.stack.instances[service]:
            for line in (await client.get(f"{instance.url}/metrics")).text.splitlines():
                name, _, value = line.rpartition(" ")
                if name.partition("{")[0] in RECORDS:
                    total += float(value)
    return int(total)


async def books_of(shop: Shop, reference: str) -> Books:
    """The ledger's rows about one order or batch, added up."""
    books = Books()
    for row in await shop.every("inventory", f"/api/inventory/ledger?reference={reference}"):
        books.enter(row)
    return books


async def assert_order_agrees(shop: Shop, order_id: str) -> Books:
    """Order, reservations, ledger and fulfillment say the same; nothing is held for an order at rest."""
    order = await shop.get("order", f"/api/orders/{order_id}")
    rows = await shop.every("inventory", f"/api/inventory/reservations?order_id={order_id}")
    found = await shop.every("fulfillment", f"/api/fulfillment/fulfillments?order_id={order_id}")
    books = await books_of(shop, order_id)
    holds = {row["item_id"]: row for row in rows}
    packed = {line["product_id"]: line for one in found for line in one["lines"]}
    for line in order["items"]:
        where = f"{order_id} {order['status']} {line['product_id']}"
        _assert_line(where, order, line, holds.get(line["product_id"]), books)
        _assert_bench(where, order, line, packed.get(line["product_id"]), bool(found))
    assert order["stuck"] is False, order_id
    return books


def _assert_line(where: str, order: dict[str, Any], line: dict[str, Any], hold: Any, books: Books) -> None:
    item = line["product_id"]
    held, queued, deducted, given_up = (
        hold[name] if hold else 0 for name in ("held", "backordered", "deducted", "cancelled")
    )
    assert (line["held"], line["backordered"], line["shipped"]) == (held, queued, deducted), where
    assert (books.promised[item], books.left[item]) == (held, deducted), where
    if hold:
        assert hold["want"] == held + queued + deducted + given_up, where
    if order["status"] in AT_REST:
        assert (held, queued) == (0, 0), where
    if order["status"] not in UNDONE:
        assert (line["cancelled"], held + queued + deducted + given_up) == (given_up, line["quantity"]), where


def _assert_bench(where: str, order: dict[str, Any], line: dict[str, Any], packed: Any, has_one: bool) -> None:
    if packed is None:
        assert line["shipped"] == 0, where
        return
    assert packed["shipped"] == line["shipped"], where
    assert packed["picked"] <= line["held"], f"{where}: more on the bench than promised"
    if order["status"] in AT_REST:
        assert (packed["picked"], packed["target"]) == (0, packed["shipped"]), where


async def assert_batch_agrees(shop: Shop, batch_id: str) -> Books:
    """Batch, reservations and ledger say the same; nothing is held for a batch that ended."""
    batch = await shop.get("bottling", f"/api/bottling/batches/{batch_id}")
    rows = await shop.every("inventory", f"/api/inventory/reservations?batch_id={batch_id}")
    books = await books_of(shop, batch_id)
    holds = {row["item_id"]: row for row in rows}
    for material in batch["materials"]:
        item = material["material_id"]
        where = f"{batch_id} {batch['status']} {item}"
        held, queued, deducted, given_up = (
            holds[item][name] if item in holds else 0 for name in ("held", "backordered", "deducted", "cancelled")
        )
        assert (material["held"] or 0, material["backordered"] or 0) == (held, queued), where
        assert (books.promised[item], books.left[item]) == (held, deducted), where
        if item in holds:
            assert holds[item]["want"] == held + queued + deducted + given_up, where
        if batch["status"] in BATCH_AT_REST:
            assert (held, queued) == (0, 0), where
        await assert_item_agrees(shop, item, "materials")
    return books


async def assert_item_agrees(shop: Shop, item_id: str, kind: str = "products") -> None:
    """Level, ledger and reservations of an item say the same, and nobody waits while units are free."""
    stock = await shop.get("inventory", f"/api/inventory/{kind}/{item_id}/stock")
    rows = await shop.every("inventory", f"/api/inventory/ledger?item_id={item_id}")
    holds = await shop.every("inventory", f"/api/inventory/reservations?item_id={item_id}")
    moved = {
        what: sum(row[f"new_{what}"] - row[f"previous_{what}"] for row in rows)
        for what in ("current", "reserved", "held")
    }
    shown = {"current": stock["current_stock"], "reserved": stock["reserved_stock"], "held": stock["held_stock"]}
    assert shown == moved, item_id
    assert shown["reserved"] == sum(hold["held"] for hold in holds), item_id
    assert stock["queued"] == sum(hold["backordered"] for hold in holds), item_id
    assert stock["available_stock"] == shown["current"] - shown["reserved"] - shown["held"], item_id
    assert stock["queued"] == 0 or stock["available_stock"] == 0, item_id


async def assert_books_balance(shop: Shop) -> None:
    """Reconciliation finds no deviation, and nothing was passed over."""
    found = await shop.get("inventory", "/api/inventory/reconcile")
    assert (found["ok"], found["deviations"]) == (True, [])
    for service in shop.stack.services:
        assert await shop.every(service, f"/api/{_place(service)}/dead-letters?state=open") == []


async def assert_at_rest(shop: Shop, order_id: str, status: str) -> Books:
    """The order ended as told, the installation is quiet, and all books about it and its items agree."""
    await shop.becomes(order_id, status)
    await quiet(shop)
    assert await shop.status(order_id) == status
    books = await assert_order_agrees(shop, order_id)
    order = await shop.get("order", f"/api/orders/{order_id}")
    for line in order["items"]:
        await assert_item_agrees(shop, line["product_id"])
    await assert_books_balance(shop)
    return books


def _place(service: str) -> str:
    return "orders" if service == "order" else service
