"""Mails that nobody is sent: how one reads for an order as it is, or for a made-up one."""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any, Final

from services.order.domain.copies import replace
from services.order.domain.mails import Kind
from services.order.domain.order import Line, Order, Policy, Rejection, ShortLine
from services.order.operations.facts import Facts, facts_of
from services.order.store.orders import load_recipients, lock_orders
from services.order.store.shipments import Shipment, load_shipments
from shared.runtime.transaction import Transaction

Address = Mapping[str, Any]
SOON: Final = date(2026, 2, 10)
SAMPLE: Final = Order(
    order_id="0190a000-0000-7000-8000-000000000001",
    customer_id="c-1",
    accepted_at=datetime(2026, 1, 31, 12, tzinfo=UTC),
    lines=(
        Line(
            line=1,
            product_id="rose-50",
            name="Rose 50 ml",
            quantity=5,
            held=2,
            backordered=2,
            cancelled=1,
            expected_date=SOON,
            expected_basis="batch",
        ),
        Line(line=2, product_id="lily-30", name="Lily 30 ml", quantity=1, held=1),
    ),
    source="shop",
    external_id="R-1017",
    estimated_delivery=date(2026, 2, 12),
    estimated_delivery_basis="batch",
    rejection=Rejection(
        "insufficient_stock",
        "",
        (ShortLine("rose-50", "Rose 50 ml", 2, 5, ({"product_id": "rose-30", "name": "Rose 30 ml"},), SOON, "batch"),),
    ),
)
SAMPLE_PARCEL: Final = Shipment("s-1", SAMPLE.order_id, "DHL", "00340434161094000000", units=(("rose-50", 2),))
SAMPLE_ADDRESS: Final[Address] = {"name": "Ann Example", "city": "Grasse", "country": "FR"}


def sample(kind: Kind) -> tuple[Facts, Address]:
    """Facts and address of a made-up order."""
    return _facts(kind, SAMPLE, Policy(), SAMPLE_PARCEL), SAMPLE_ADDRESS


async def of_order(tx: Transaction, kind: Kind, order_id: str, policy: Policy) -> tuple[Facts, Address] | None:
    """Facts and address of an order as it is now, with its newest parcel; None if there is no such order."""
    orders, _ = await lock_orders(tx, [order_id])
    if order_id not in orders:
        return None
    address, _ = (await load_recipients(tx, [order_id]))[order_id]
    order = orders[order_id]
    *_, parcel = Shipment("", order_id), *await load_shipments(tx, order_id)
    units = tuple((line.product_id, line.shipped) for line in order.lines if line.shipped)
    return _facts(kind, order, policy, _with_units(parcel, units)), address


def _facts(kind: Kind, order: Order, policy: Policy, parcel: Shipment) -> Facts:
    before = replace(order, lines=tuple(replace(line, cancelled=0) for line in order.lines))
    return facts_of(kind, before, order, policy, parcel if kind == "shipped" else None)


def _with_units(parcel: Shipment, units: tuple[tuple[str, int], ...]) -> Shipment:
    """The parcel as if it held these units: what was in each is known to fulfillment alone."""
    return Shipment(parcel.shipment_id, parcel.order_id, parcel.carrier, parcel.tracking_number, units=units)
