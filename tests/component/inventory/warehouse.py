"""A warehouse for tests: items, questions, facts, and what inventory said to them."""

import json
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from services.inventory.domain.shelf import Terms
from services.inventory.handlers import subscriptions
from services.inventory.operations.items import Item, make_items
from services.inventory.operations.shelves import House
from services.inventory.operations.stock import Adjustment, Count, Receipt, adjust, count, receive
from services.inventory.operations.timers import (
    go_on_filling,
    release_expired_holds,
    remind_of_needs,
    watch_overdue_holds,
)
from services.inventory.views import history
from shared.contracts import bottling, fulfillment, order
from shared.contracts.envelope import Event
from shared.contracts.values import Money
from shared.runtime.clock import new_id
from shared.runtime.database import Database
from shared.runtime.subscriptions import deliver
from shared.runtime.transaction import Transaction

START = datetime(2026, 1, 31, 12, tzinfo=UTC)
TOLD = "SELECT type, aggregateid, version, payload, headers FROM outbox WHERE seq > $1 ORDER BY seq"
NEEDS = "SELECT version, payload FROM outbox WHERE type = 'stock.low' AND aggregateid = $1 ORDER BY seq"
OF_ITEMS = ("item.changed", "stock.level_changed", "stock.low")
LAST = "SELECT coalesce(max(seq), 0) FROM outbox"


def new(number: int = 0) -> str:
    """An id of an order, a batch, a shipment."""
    return str(new_id())


class Warehouse:
    """Drives one inventory through its own doors: subscriptions, operations, timers."""

    def __init__(self, dsn: str) -> None:
        self.dsn = dsn
        self.database = Database("inventory", dsn, largest=8)
        self.house = House()
        self.age = 0
        self.seen = 0

    async def open(self) -> None:
        await self.database.open()

    async def close(self) -> None:
        await self.database.close()

    def set_terms(self, **seconds: int) -> None:
        """Other times for holds."""
        self.house = House(Terms(**seconds))

    # doors

    async def hear(self, *events: Event[Any]) -> None:
        """One batch of events, in one transaction."""
        async with self.database.transaction() as tx:
            await deliver(tx, subscriptions(self.house), events)

    async def item(
        self, item_id: str, quantity: int = 0, *, kind: str = "product", minimum: int = 0, **fields: Any
    ) -> None:
        item = Item(
            item_id,
            kind,  # type: ignore[arg-type]
            f"The {item_id}",
            "pcs",
            fields.get("active", True),
            minimum,
            fields.get("reorder_point", 0),
            None,
            fields.get("lead_days", 14),
            fields.get("min_life_days", 0),
            fields.get("alternatives", ()),
        )
        async with self.database.transaction() as tx:
            assert await make_items(tx, [item]) == [item]
        if quantity:
            await self.receive(item_id, quantity)

    async def receive(
        self, item_id: str, quantity: int, unit_cost: str = "2.5", lot: str = "S-1", expires_on: date | None = None
    ) -> Any:
        receipt = Receipt(new_id(), new_id(), item_id, quantity, lot, Decimal(unit_cost), expires_on, None, "ann")
        async with self.database.transaction() as tx:
            return (await receive(tx, self.house, [receipt]))[0]

    async def count(
        self,
        item_id: str,
        counted: int,
        version: int | None = None,
        counted_at: datetime | None = None,
        lot_id: UUID | None = None,
    ) -> Any:
        seen = (await self.level(item_id))["version"] if version is None else version
        async with self.database.transaction() as tx:
            asked = Count(new_id(), item_id, counted, seen, "cycle", "ann", counted_at, lot_id)
            return (await count(tx, self.house, [asked]))[0]

    async def adjust(self, item_id: str, quantity: int) -> Any:
        async with self.database.transaction() as tx:
            return (await adjust(tx, self.house, [Adjustment(new_id(), item_id, quantity, "broken", "ann")]))[0]

    async def tick(self, job: Callable[[Transaction, House], Awaitable[int]]) -> int:
        """One tick of a timer; returns how many things it did."""
        async with self.database.transaction() as tx:
            return await job(tx, self.house)

    async def sweep(self) -> int:
        async with self.database.transaction() as tx:
            return await release_expired_holds(tx, self.house)

    async def watch(self) -> int:
        async with self.database.transaction() as tx:
            return await watch_overdue_holds(tx)

    async def remind(self) -> int:
        async with self.database.transaction() as tx:
            return await remind_of_needs(tx, self.house)

    async def go_on(self) -> int:
        async with self.database.transaction() as tx:
            return await go_on_filling(tx, self.house)

    # what is there

    async def level(self, item_id: str) -> dict[str, Any]:
        async with self.database.reading() as connection:
            return dict(await connection.fetchrow("SELECT * FROM stock WHERE item_id = $1", item_id))

    async def levels(self, item_id: str) -> tuple[int, int, int, int]:
        """Current, reserved, held, queued."""
        row = await self.level(item_id)
        return row["current"], row["reserved"], row["held"], row["queued"]

    async def line(self, claim_id: str, item_id: str) -> tuple[int, int, int, int, int]:
        """Want, held, backordered, deducted, cancelled."""
        sql = "SELECT * FROM reservations WHERE claim_id = $1 AND item_id = $2"
        async with self.database.reading() as connection:
            row = await connection.fetchrow(sql, UUID(claim_id), item_id)
        return row["want"], row["held"], row["backordered"], row["deducted"], row["cancelled"]

    async def status(self, claim_id: str) -> str:
        async with self.database.reading() as connection:
            return str(await connection.fetchval("SELECT status FROM claims WHERE id = $1", UUID(claim_id)))

    async def entries(self, item_id: str) -> list[str]:
        """The ledger of an item: type and quantity, in order."""
        sql = "SELECT type, quantity FROM ledger WHERE item_id = $1 ORDER BY version"
        async with self.database.reading() as connection:
            return [f"{row['type']} {row['quantity']:+}" for row in await connection.fetch(sql, item_id)]

    async def told(self) -> list[tuple[str, dict[str, Any]]]:
        """What was published since the last call, besides items, levels and needs: type and payload."""
        async with self.database.reading() as connection:
            rows = await connection.fetch(TOLD, self.seen)
            self.seen = await connection.fetchval(LAST)
        return [(row["type"], json.loads(row["payload"])) for row in rows if row["type"] not in OF_ITEMS]

    async def needs(self, item_id: str) -> list[tuple[str, str, int, int]]:
        """What was told of an item's need so far: status, kind, available, suggested; each with a newer version."""
        async with self.database.reading() as connection:
            rows = await connection.fetch(NEEDS, item_id)
        versions = [row["version"] for row in rows]
        assert versions == sorted(set(versions)), versions
        told = [json.loads(row["payload"]) for row in rows]
        return [(low["status"], low["kind"], low["available"], low["suggested_quantity"]) for low in told]

    async def types(self) -> list[str]:
        """The types of what was published since the last call, with status and reason."""
        return [
            " ".join([type, payload["status"], *([payload["reason"]] if "reason" in payload else [])])
            for type, payload in await self.told()
        ]

    async def is_true(self) -> None:
        """Every level equals its ledger and its reservations; every queue is as long as it says."""
        async with self.database.reading() as connection:
            assert (await history.reconcile(connection))["deviations"] == []
            wrong = await connection.fetch(
                """SELECT item_id FROM stock WHERE queued <> (SELECT coalesce(sum(backordered), 0)
                   FROM reservations WHERE reservations.item_id = stock.item_id)"""
            )
            broken = await connection.fetch(
                """SELECT * FROM (SELECT *, lag(new_current) OVER w AS c, lag(new_reserved) OVER w AS r,
                   lag(new_held) OVER w AS h FROM ledger WINDOW w AS (PARTITION BY item_id ORDER BY version)) AS rows
                   WHERE (c, r, h) <> (previous_current, previous_reserved, previous_held)"""
            )
            versions = await connection.fetch(
                """SELECT aggregateid FROM outbox WHERE aggregatetype <> 'item'
                   GROUP BY aggregateid HAVING max(version) <> count(*) OR count(DISTINCT version) <> count(*)"""
            )
            moved = await connection.fetch(
                """SELECT lot_id, quantity, (SELECT sum(quantity) FROM lot_movements
                                             WHERE lot_movements.lot_id = lots.lot_id) AS units FROM lots"""
            )
            promised = await connection.fetch(
                """SELECT lot_id FROM lots
                   WHERE pinned <> (SELECT coalesce(sum((share ->> 1)::bigint), 0)
                                    FROM reservations CROSS JOIN jsonb_array_elements(reservations.lots) AS share
                                    WHERE share ->> 0 = lots.lot_id::text)"""
            )
        assert [wrong, broken, versions] == [[], [], []]
        assert [lot for lot in moved if lot["quantity"] != lot["units"]] == []
        assert promised == [], "what orders are promised by name is what their reservations say"

    # what others say

    def ask(self, type: str, order_id: str, *lines: tuple[Any, ...], version: int = 1, **fields: Any) -> Event[Any]:
        """A question of order; a line is (product, quantity[, shipped[, cancelled]])."""
        self.age += 1
        payloads: dict[str, Any] = {
            "order.created": order.OrderCreated,
            "order.confirmation_requested": order.OrderConfirmationRequested,
            "order.cancelled": order.OrderCancelled,
        }
        extra = {"cancel_reason": "changed mind", "actor": "c", "closed": True} if type == "order.cancelled" else {}
        body = {
            "occurred_at": START,
            "order_id": order_id,
            "source": None,
            "external_id": None,
            "customer_id": "c-1",
            "status": "created",
            "priority": 0,
            "on_shortage": "reject",
            "protect_safety_stock": False,
            "confirm": False,
            "accepted_at": START + timedelta(seconds=self.age),
            "requested_delivery": None,
            "lines": [_line(*line) for line in lines],
            **extra,
            **fields,
        }
        return event(type, order_id, version, payloads[type].model_validate(body))

    def created(self, order_id: str, *lines: tuple[Any, ...], **fields: Any) -> Event[Any]:
        return self.ask("order.created", order_id, *lines, **fields)

    def confirm(self, order_id: str, *lines: tuple[Any, ...], version: int = 2, **fields: Any) -> Event[Any]:
        return self.ask("order.confirmation_requested", order_id, *lines, version=version, **fields)

    def cancel(self, order_id: str, *lines: tuple[Any, ...], version: int = 9, **fields: Any) -> Event[Any]:
        return self.ask("order.cancelled", order_id, *lines, version=version, **fields)

    def shipped(
        self,
        order_id: str,
        *lines: tuple[str, int],
        shipment_id: str | None = None,
        at: datetime | None = None,
        lots: Sequence[tuple[Any, int]] = (),
    ) -> Event[Any]:
        seen = [{"lot_id": str(id), "lot_code": "?", "expires_on": None, "quantity": units} for id, units in lots]
        fact = fulfillment.FulfillmentShipped.model_validate(
            {
                **_fulfillment(order_id),
                "shipment_id": shipment_id or new(),
                "carrier": "DHL",
                "tracking_number": "T-1",
                "shipped_at": at or datetime.now(UTC),
                "shipped": [{"product_id": item_id, "quantity": quantity, "lots": seen} for item_id, quantity in lines],
            }
        )
        return event("fulfillment.shipped", order_id, 1, fact)

    def short(self, order_id: str, item_id: str, quantity: int, reason: str = "missing", lot: Any = None) -> Event[Any]:
        lot_id = None if lot is None else str(lot)
        short = {"product_id": item_id, "lot_id": lot_id, "quantity": quantity, "reason": reason}
        fact = fulfillment.FulfillmentShortPicked.model_validate(
            {**_fulfillment(order_id), "short_pick_id": new(), "shorts": [short]}
        )
        return event("fulfillment.short_picked", order_id, 1, fact)

    def batch(
        self,
        type: str,
        batch_id: str,
        *needs: tuple[str, int, int | None],
        version: int = 1,
        product: str = "P",
        good: int = 0,
        status: str = "planned",
        expected: datetime | None = None,
    ) -> Event[Any]:
        body: dict[str, Any] = {
            "occurred_at": START,
            "batch_id": batch_id,
            "product_id": product,
            "recipe_id": "r",
            "recipe_version": 1,
            "status": status,
            "reason": None,
            "quantity_planned": 10,
            "quantity_produced": good,
            "quantity_defective": 0,
            "quantity_good": good,
            "materials": [{"material_id": id, "required": need, "consumed": used} for id, need, used in needs],
            "expected_completion_at": expected,
            "plan_reason": "manual",
        }
        if type == "batch.completed":
            money = Money(amount=Decimal("40.0000"))
            cost = dict.fromkeys(("materials", "labour", "overhead", "total", "unit"), money)
            body |= {"lot_code": "L-1", "produced_on": "2026-01-31", "expires_on": None, "cost": cost}
        name = "".join(word.title() for word in type.replace(".", "_").split("_"))
        return event(type, batch_id, version, getattr(bottling, name).model_validate(body))


def _line(product_id: str, quantity: int, shipped: int = 0, cancelled: int = 0) -> dict[str, Any]:
    return {"product_id": product_id, "quantity": quantity, "shipped": shipped, "cancelled": cancelled}


def _fulfillment(order_id: str) -> dict[str, Any]:
    return {
        "occurred_at": START,
        "order_id": order_id,
        "fulfillment_id": new(),
        "customer_id": "c-1",
        "order_version": 1,
        "status": "picked",
        "closed": False,
        "lines": [],
    }


def event(type: str, subject: str, version: int, data: Any) -> Event[Any]:
    """An event as it comes off the wire, with an id of its own."""
    owner = {"order": "order", "fulfillment": "fulfillment", "batch": "bottling"}[type.split(".")[0]]
    return Event(id=new_id(), type=type, source=f"/flacon/{owner}", subject=subject, version=version, data=data)


def only(told: Sequence[tuple[str, dict[str, Any]]]) -> dict[str, Any]:
    """The payload of the one event."""
    assert len(told) == 1, [type for type, _ in told]
    return told[0][1]
