"""Kafka: what inventory reads, as questions and facts; a whole batch is one plan with one set of locks."""

from collections.abc import Callable, Sequence
from typing import Any, Final

from services.inventory.domain.claims import Asked, BatchQuestion, Need, OrderQuestion
from services.inventory.domain.facts import Shipment, Short, ShortPick
from services.inventory.operations.events import BatchNews, Completion, Work, take_in
from services.inventory.operations.shelves import House
from shared.contracts.bottling import BatchCompleted, BatchSnapshot
from shared.contracts.envelope import Event
from shared.contracts.fulfillment import FulfillmentShipped, FulfillmentShortPicked
from shared.contracts.order import OrderSnapshot
from shared.runtime.subscriptions import Subscription
from shared.runtime.transaction import Transaction

OPEN_BATCHES: Final = frozenset({"planned", "short", "ready", "starting", "in_progress", "quality_check"})


def answer_orders(work: Work, event: Event[OrderSnapshot]) -> None:
    """`order.created`, `order.confirmation_requested`, `order.cancelled`: the newest question wins."""
    data = event.data
    work.order_questions.append(
        OrderQuestion(
            order_id=data.order_id,
            version=event.version,
            type=event.type,  # type: ignore[arg-type]
            policy=data.on_shortage,
            priority=data.priority,
            protected=data.protect_safety_stock,
            confirm=data.confirm,
            closed=getattr(data, "closed", False),
            accepted_at=data.accepted_at,
            lines=tuple(
                Asked(line.product_id, line.quantity, line.shipped, line.cancelled)
                for line in sorted(data.lines, key=lambda line: line.product_id)
            ),
            cause=str(event.id),
        )
    )


def deduct_shipments(work: Work, event: Event[FulfillmentShipped]) -> None:
    """`fulfillment.shipped`: stock leaves, once per shipment."""
    data = event.data
    quantities = tuple((line.product_id, line.quantity) for line in data.shipped)
    lots = {
        line.product_id: tuple((lot.lot_id, lot.quantity) for lot in line.lots) for line in data.shipped if line.lots
    }
    work.shipments.append(
        Shipment(data.shipment_id, data.order_id, quantities, data.shipped_at, str(event.id), data.customer_id, lots)
    )


def hold_short_picks(work: Work, event: Event[FulfillmentShortPicked]) -> None:
    """`fulfillment.short_picked`: missing units wait for a count, damaged ones are scrapped."""
    data = event.data
    shorts = tuple(Short(short.product_id, short.quantity, short.reason, short.lot_id) for short in data.shorts)
    work.short_picks.append(ShortPick(data.short_pick_id, data.order_id, shorts, str(event.id)))


def answer_batches(work: Work, event: Event[BatchSnapshot]) -> None:
    """`batch.planned`, `start_requested`, `consumed`, `failed`, `cancelled`: the newest question wins."""
    data = event.data
    needs = tuple(
        Need(material.material_id, material.required, material.consumed)
        for material in sorted(data.materials, key=lambda material: material.material_id)
    )
    work.batch_questions.append(
        BatchQuestion(
            batch_id=data.batch_id,
            version=event.version,
            type=event.type,  # type: ignore[arg-type]
            asked_at=data.occurred_at,
            needs=needs,
            cause=str(event.id),
        )
    )
    expect_batches(work, event)


def receive_batches(work: Work, event: Event[BatchCompleted]) -> None:
    """`batch.completed`: good units enter stock, once."""
    data = event.data
    work.completions.append(
        Completion(
            batch_id=data.batch_id,
            item_id=data.product_id,
            quantity=data.quantity_good,
            lot_code=data.lot_code,
            produced_on=data.produced_on,
            expires_on=data.expires_on,
            cost=data.cost.total.amount,
            cause=str(event.id),
        )
    )
    expect_batches(work, event)


def expect_batches(work: Work, event: Event[BatchSnapshot]) -> None:
    """Every `batch.*`, and for `batch.started` nothing else: what is on its way, and when it is expected."""
    data = event.data
    work.batch_news.append(
        BatchNews(
            batch_id=data.batch_id,
            item_id=data.product_id,
            quantity=data.quantity_planned - data.quantity_defective,
            open=data.status in OPEN_BATCHES,
            expected_at=data.expected_completion_at,
            version=event.version,
            cause=str(event.id),
        )
    )


READERS: Final[dict[str, Callable[[Work, Event[Any]], None]]] = {
    "order.created": answer_orders,
    "order.confirmation_requested": answer_orders,
    "order.cancelled": answer_orders,
    "fulfillment.shipped": deduct_shipments,
    "fulfillment.short_picked": hold_short_picks,
    "batch.planned": answer_batches,
    "batch.start_requested": answer_batches,
    "batch.consumed": answer_batches,
    "batch.failed": answer_batches,
    "batch.cancelled": answer_batches,
    "batch.completed": receive_batches,
    "batch.started": expect_batches,
}


def read_work(events: Sequence[Event[Any]]) -> Work:
    """What these events bring."""
    work = Work()
    for event in events:
        READERS[event.type](work, event)
    return work


def subscriptions(house: House) -> tuple[Subscription, ...]:
    """One subscription to all of them: two would lock their items one after the other, and could deadlock."""

    async def handle(tx: Transaction, events: Sequence[Event[Any]]) -> None:
        await take_in(tx, house, read_work(events))

    return (Subscription(tuple(READERS), handle),)


SUBSCRIPTIONS: Final = subscriptions(House())
