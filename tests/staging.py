"""Moments of an order's life on demand: silent neighbours, rows in somebody's hand, work half done."""

import os
import signal
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import asyncpg
import httpx

from tests.bottling import known_recipe
from tests.installation import System
from tests.shop import Shop


@contextmanager
def silent(system: System, *services: str) -> Iterator[None]:
    """Every instance of these services stands still, as a machine that hangs, and goes on afterwards."""
    pids = [instance.pid for service in services for instance in system.fleet.instances()[service]]
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


@asynccontextmanager
async def order_in_hand(system: System, order_id: str) -> AsyncIterator[None]:
    """Another transaction has the order's row: whatever wants it queues up behind it, in the order it came."""
    connection = await asyncpg.connect(system.stack.postgres["admin"])
    try:
        async with connection.transaction():
            await connection.execute(
                "SELECT FROM order_service.orders WHERE order_id = $1::text::uuid ORDER BY order_id FOR UPDATE",
                order_id,
            )
            yield
    finally:
        await connection.close()


RELAY_LOCK = """
SELECT classid::bigint AS key, objid::bigint AS shard FROM pg_locks JOIN pg_stat_activity USING (pid)
WHERE locktype = 'advisory' AND granted AND datname = current_database() AND usename = $1
  AND application_name LIKE '%relay%'
"""


@asynccontextmanager
async def untold(system: System, service: str) -> AsyncIterator[None]:
    """What a service (of one instance) commits meanwhile stays in its outbox: somebody else has the lock of its relay.

    The instance is killed and started anew on the way in.
    """
    connection = await asyncpg.connect(system.stack.postgres["admin"])
    try:
        [lock] = await connection.fetch(RELAY_LOCK, f"{service}_service")
        key = lock["key"] - (lock["key"] >> 31 << 32)
        system.fleet.kill_instance(f"{service}-1")
        await connection.execute("SELECT pg_advisory_lock($1, $2)", key, lock["shard"])
        await system.fleet.start_instance(f"{service}-1")
        yield
    finally:
        await connection.close()


async def waiting_for_rows(system: System, service: str) -> int:
    """Transactions of a service that wait for a row in somebody else's hand."""
    connection = await asyncpg.connect(system.stack.postgres["admin"])
    try:
        found: int = await connection.fetchval(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND usename = $1"
            " AND wait_event_type = 'Lock' AND wait_event IN ('transactionid', 'tuple')",
            f"{service}_service",
        )
        return found
    finally:
        await connection.close()


async def cancelled(
    shop: Shop, order_id: str, items: Mapping[str, int] | None = None, wait: int = 10
) -> httpx.Response:
    """The answer to a cancel, of the whole order or of so many units in all by product."""
    body = {} if items is None else {"items": _lines(items)}
    return await shop.ask("order", "PUT", f"/api/orders/{order_id}/cancel", body, Prefer=f"wait={wait}")


async def confirm(shop: Shop, order_id: str, wait: int = 10) -> httpx.Response:
    return await shop.ask("order", "PUT", f"/api/orders/{order_id}/confirm", None, Prefer=f"wait={wait}")


async def pick(shop: Shop, order_id: str, lines: Iterable[dict[str, Any]] | None = None) -> dict[str, Any]:
    """Picks as listed, or these lines."""
    return await _at_bench(shop, order_id, "pick", {} if lines is None else {"lines": list(lines)})


async def pack(shop: Shop, order_id: str) -> dict[str, Any]:
    return await _at_bench(shop, order_id, "pack", {})


async def send(shop: Shop, order_id: str, tracking: str, lines: Mapping[str, int] | None = None) -> dict[str, Any]:
    """A parcel of all that is picked, or of so many units."""
    parcel: dict[str, Any] = {"carrier": "DHL", "tracking_number": tracking}
    return await _at_bench(shop, order_id, "ship", parcel if lines is None else {**parcel, "lines": _lines(lines)})


async def _at_bench(shop: Shop, order_id: str, action: str, body: Any) -> dict[str, Any]:
    fulfillment_id = (await shop.fulfillment(order_id))["fulfillment_id"]
    answer = await shop.ask("fulfillment", "POST", f"/api/fulfillment/fulfillments/{fulfillment_id}/{action}", body)
    assert answer.status_code in (200, 201), answer.text
    found: dict[str, Any] = answer.json()
    return found


async def order_of(shop: Shop, order_id: str) -> dict[str, Any]:
    return await shop.get("order", f"/api/orders/{order_id}")


def places(order: Mapping[str, Any], *names: str) -> list[tuple[Any, ...]]:
    """These fields of each line of an order."""
    return [tuple(line[name] for name in names) for line in order["items"]]


def _lines(items: Mapping[str, int]) -> list[dict[str, Any]]:
    return [{"product_id": product_id, "quantity": quantity} for product_id, quantity in items.items()]


async def bottled(shop: Shop, name: str, *, planned: int, defective: int, product: str | None = None) -> dict[str, Any]:
    """From recipe to stock (of `NAME-rose` unless told); 50 ml of oil with 5 % waste and one bottle a piece."""
    product_id = product or f"{name}-rose"
    await known_recipe(shop, name, {"oil": "50", "bottle": "1"}, product=product_id, waste="5")
    answer = await shop.ask(
        "bottling",
        "POST",
        "/api/bottling/batches",
        {"product_id": product_id, "quantity": planned},
        Prefer="wait=10",
    )
    assert (answer.status_code, answer.json()["status"]) == (201, "ready"), answer.text
    path = f"/api/bottling/batches/{answer.json()['batch_id']}"
    started = await shop.ask("bottling", "POST", f"{path}/start", None, Prefer="wait=10")
    assert (started.status_code, started.json()["status"]) == (200, "in_progress"), started.text
    check = {
        "inspected": planned,
        "accepted": planned - defective,
        "rejected": [{"reason_code": "leak", "quantity": defective}],
    }
    checked = await shop.ask("bottling", "POST", f"{path}/quality-checks", check)
    assert checked.status_code == 201, checked.text
    consumed = await shop.ask("bottling", "POST", f"{path}/consumption", {}, Prefer="wait=10")
    assert (consumed.status_code, consumed.json()["materials_settled"]) == (200, True), consumed.text
    completed = await shop.ask("bottling", "POST", f"{path}/complete")
    assert completed.status_code == 200, completed.text
    batch: dict[str, Any] = completed.json()
    return batch
