"""Hears what inventory and fulfillment say: all snapshots of an order are applied, then it is decided once."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from services.order.domain.answers import Answer, apply
from services.order.domain.order import Order, Policy
from services.order.operations.telling import Cause, Change, save_and_tell
from services.order.saga import decide
from services.order.store.orders import lock_orders
from services.order.store.shipments import Shipment, save_shipments
from shared.runtime.transaction import Transaction


@dataclass(frozen=True, slots=True)
class Heard:
    """An event about an order: the sender's snapshot, and the parcel it tells of."""

    order_id: str
    cause: Cause
    answer: Answer
    shipment: Shipment | None = None


async def hear_neighbours(tx: Transaction, heard: Sequence[Heard], policy: Policy) -> int:
    """Applies the events of known orders; returns how many orders changed."""
    orders, now = await lock_orders(tx, [one.order_id for one in heard])
    about = [one for one in heard if one.order_id in orders]
    left = await _keep_shipments(tx, about)
    groups: dict[str, list[Heard]] = {}
    for one in about:
        groups.setdefault(one.order_id, []).append(one)
    changes = [_changed(orders[order_id], group, left) for order_id, group in sorted(groups.items())]
    await save_and_tell(tx, changes, now, policy)
    return sum(change.order != change.before for change in changes)


def _changed(before: Order, heard: Sequence[Heard], left: Sequence[Shipment] = ()) -> Change:
    order = before
    for one in heard:
        order = apply(order, one.answer)
    parcels = tuple(parcel for parcel in left if parcel.order_id == before.order_id)
    return Change(before, decide(before, order), tuple(one.cause for one in heard), parcels=parcels)


async def _keep_shipments(tx: Transaction, heard: Sequence[Heard]) -> list[Shipment]:
    """Facts, each once by its id, however old; departure and arrival of a parcel may come in one batch.

    Returns the parcels whose departure is news.
    """
    parcels: dict[str, Shipment] = {}
    for one in heard:
        if one.shipment is not None:
            parcels[one.shipment.shipment_id] = _merged(parcels.get(one.shipment.shipment_id), one.shipment)
    return await save_shipments(tx, list(parcels.values())) if parcels else []


def _merged(known: Shipment | None, news: Shipment) -> Shipment:
    if known is None:
        return news
    return replace(
        known,
        carrier=known.carrier or news.carrier,
        tracking_number=known.tracking_number or news.tracking_number,
        shipped_at=known.shipped_at or news.shipped_at,
        delivered_at=known.delivered_at or news.delivered_at,
        units=known.units or news.units,
    )
