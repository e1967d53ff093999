"""Kafka: what fulfillment reads, and which operation takes it."""

import json
from collections.abc import Sequence
from typing import Any, Final

from services.fulfillment import operations
from services.fulfillment.domain.lots import Lot
from services.fulfillment.domain.questions import Cancel, CancelLine, Ready, ReadyLine
from services.fulfillment.store import RecalledLot
from shared.contracts.envelope import Event
from shared.contracts.inventory import ItemChanged, LotRecalled
from shared.contracts.order import OrderCancellationRequested, OrderReady
from shared.runtime.subscriptions import Subscription
from shared.runtime.transaction import Transaction


async def keep_names_of_items(tx: Transaction, events: Sequence[Event[ItemChanged]]) -> None:
    """`item.changed`: names for lines that no target has named."""
    await operations.keep_names(tx, [(event.data.item_id, event.version, event.data.name) for event in events])


async def keep_recalled_lots(tx: Transaction, events: Sequence[Event[LotRecalled]]) -> None:
    """`lot.recalled`: lots that are neither picked, packed nor shipped any more."""
    told = [event.data for event in events]
    lots = [RecalledLot(lot.lot_id, lot.item_id, lot.lot_code, lot.reason, lot.occurred_at) for lot in told]
    await operations.keep_recalled(tx, lots)


async def answer_order(tx: Transaction, events: Sequence[Event[Any]]) -> None:
    """`order.ready` and `order.cancellation_requested`, one after the other as they came."""
    await operations.answer_order(tx, [_asked(event) for event in events])


def _asked(event: Event[Any]) -> operations.Asked:
    data = event.data
    question = _ready(event.version, data) if isinstance(data, OrderReady) else _cancel(event.version, data)
    return operations.Asked(data.order_id, question, event.id)


def _ready(version: int, data: OrderReady) -> Ready:
    return Ready(
        version=version,
        customer_id=data.customer_id,
        priority=data.priority,
        requested_delivery=data.requested_delivery,
        accepted_at=data.accepted_at,
        ship_to=json.dumps(data.ship_to.model_dump(mode="json"), sort_keys=True),
        lines=[
            ReadyLine(
                product_id=line.product_id,
                name=line.name,
                quantity=line.quantity,
                cancelled=line.cancelled,
                target=line.target,
                short=line.short,
                lots=tuple(Lot(lot.lot_id, lot.lot_code, lot.expires_on, lot.quantity) for lot in line.lots),
            )
            for line in data.lines
        ],
    )


def _cancel(version: int, data: OrderCancellationRequested) -> Cancel:
    return Cancel(
        version=version,
        customer_id=data.customer_id,
        whole=data.whole,
        lines=[
            CancelLine(line.product_id, line.quantity, cancelled=line.cancelled, cancel=line.cancel)
            for line in data.lines
        ],
    )


SUBSCRIPTIONS: Final = (
    Subscription(("item.changed",), keep_names_of_items),
    Subscription(("lot.recalled",), keep_recalled_lots),
    Subscription(("order.ready", "order.cancellation_requested"), answer_order),
)
