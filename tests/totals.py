"""The end state of an installation as plain values that can be compared: by upstream's ids, without times."""

from typing import Any

from tests.shop import Shop

LINE_FIELDS = ("product_id", "quantity", "held", "backordered", "shipped", "cancelled")
LEVEL_FIELDS = ("current_stock", "reserved_stock", "held_stock", "available_stock", "queued")


async def totals(shop: Shop) -> dict[str, Any]:
    """Orders, levels, ledger sums, shipments and dead letters."""
    orders = await shop.every("order", "/api/orders")
    products = await shop.every("inventory", "/api/inventory/products")
    fulfillments = await shop.every("fulfillment", "/api/fulfillment/fulfillments")
    return {
        "orders": {_name(order): _order(order) for order in orders},
        "levels": {product["product_id"]: {field: product[field] for field in LEVEL_FIELDS} for product in products},
        "ledger": {product["product_id"]: await _ledger(shop, product["product_id"]) for product in products},
        "fulfillments": sorted((one["status"], one["closed"], len(one["shipments"])) for one in fulfillments),
        "dead_letters": {service: await _dead(shop, service) for service in shop.stack.services},
    }


def _name(order: dict[str, Any]) -> str:
    return f"{order['source']}:{order['external_id']}" if order["source"] else str(order["order_id"])


def _order(order: dict[str, Any]) -> tuple[str, list[tuple[Any, ...]], int]:
    lines = [tuple(line[field] for field in LINE_FIELDS) for line in order["items"]]
    return order["status"], lines, len(order["shipments"])


async def _ledger(shop: Shop, item_id: str) -> dict[str, int]:
    sums: dict[str, int] = {}
    for row in await shop.every("inventory", f"/api/inventory/ledger?item_id={item_id}"):
        sums[row["type"]] = sums.get(row["type"], 0) + row["quantity"]
    return sums


async def _dead(shop: Shop, service: str) -> int:
    place = "orders" if service == "order" else service
    return len(await shop.every(service, f"/api/{place}/dead-letters"))
