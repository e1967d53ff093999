"""One order is one trace over all services and both directions of Kafka, from upstream to the customer's door."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from deploy.local.credentials import SERVICES
from tests.collector import Collector, Exported, collecting
from tests.installation import System
from tests.shop import ADDRESS, Shop, until

STEPS = [
    "order.created",
    "stock.reserved",
    "order.confirmed",
    "order.ready",
    "fulfillment.created",
    "fulfillment.shipped",
    "stock.deducted",
    "order.fulfilled",
    "fulfillment.delivered",
]
HEARD = {
    "handle order.created": "flacon-inventory",
    "handle stock.reserved": "flacon-order",
    "handle order.ready": "flacon-fulfillment",
    "handle fulfillment.created": "flacon-order",
    "handle fulfillment.shipped": {"flacon-order", "flacon-inventory"},
    "handle fulfillment.delivered": "flacon-order",
}


async def test_every_step_of_an_order_is_in_its_one_trace(new_system: Callable[..., System]) -> None:
    with collecting() as collector:
        system = new_system(more={f"{service.upper()}_OTLP_ENDPOINT": collector.url for service in SERVICES})
        async with Shop(system.stack) as shop:
            await shop.product("traced", 10)
            await shop.submit([_submission("t-1")])
            order_id = await _id_of(shop, "t-1")
            await shop.becomes(order_id, "processing")
            await shop.ship(order_id, "T-1", deliver=True)
            await shop.becomes(order_id, "fulfilled")
            await shop.settled()
            records = await shop.records(*STEPS)
        trace = UUID(order_id).hex
        await until(lambda: _told(collector, trace), what="every step's span", seconds=30)
    assert {name: _traces(records[name], order_id) for name in STEPS} == {name: [trace] for name in STEPS}
    _are_one_tree(collector.of(trace), trace)


def _submission(external_id: str) -> dict[str, Any]:
    return {
        "source": "shop",
        "external_id": external_id,
        "customer_id": "c-1",
        "shipping_address": ADDRESS,
        "items": [{"product_id": "traced", "quantity": 2}],
        "auto_confirm": True,
    }


async def _id_of(shop: Shop, external_id: str) -> str:
    async def found() -> str | None:
        items = (await shop.get("order", f"/api/orders?source=shop&external_id={external_id}"))["items"]
        return str(items[0]["order_id"]) if items else None

    return await until(found, what="the order")


def _traces(records: list[Any], order_id: str) -> list[str]:
    """The trace ids that the order's records of one event carry."""
    of_order = [record for record in records if record.key == order_id.encode()]
    return [dict(record.headers)["traceparent"].decode().split("-")[1] for record in of_order]


async def _told(collector: Collector, trace: str) -> bool:
    told = {(span.name, span.service) for span in collector.of(trace)}
    return all(
        (name, service) in told
        for name, services in HEARD.items()
        for service in ([services] if isinstance(services, str) else services)
    ) and {f"publish {name}" for name in STEPS} <= {name for name, _ in told}


def _are_one_tree(spans: list[Exported], trace: str) -> None:
    """Each span hangs on another of the trace, or on the trace's own root; those heard in a batch are linked to it."""
    root = trace[16:]
    ids = {span.id for span in spans}
    assert [span for span in spans if span.parent not in ids | {root}] == []
    handled = [span for span in spans if span.name.startswith("handle ")]
    assert [span for span in handled if not span.links or trace in span.links] == []
