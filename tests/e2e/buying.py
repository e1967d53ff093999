"""A product with stock and an order of it, by HTTP alone."""

import time
from collections.abc import Mapping

import httpx

from tests.e2e.conftest import Composed

KNOWN_SECONDS_MAX = 20.0


def inventory_of(composed: Composed) -> httpx.Client:
    return httpx.Client(base_url=composed.urls["inventory"], headers=composed.headers, timeout=30)


def order_of(composed: Composed) -> httpx.Client:
    return httpx.Client(base_url=composed.urls["order"], headers=composed.headers, timeout=30)


def stocked(inventory: httpx.Client, product: str, quantity: int) -> None:
    """The product exists and that much of it is received."""
    cost = {"amount": "8.50", "currency": "EUR"}
    receipt = {"item_id": product, "quantity": quantity, "supplier_lot": "L-1", "unit_cost": cost}
    made = inventory.post("/api/inventory/products", json={"product_id": product, "name": "Rose"})
    assert made.status_code == 201, made.text
    assert inventory.post("/api/inventory/receipts", json=receipt).status_code == 201


def order_of_units(product: str, quantity: int) -> dict[str, object]:
    """The body of a new order."""
    return {
        "customer_id": "C-1",
        "items": [{"product_id": product, "quantity": quantity}],
        "shipping_address": {"city": "Grasse"},
    }


def placed(order: httpx.Client, request: Mapping[str, object]) -> httpx.Response:
    """The answer to the order, once the order service has heard of the product; before that it is 422."""
    deadline = time.monotonic() + KNOWN_SECONDS_MAX
    while True:
        answer = order.post("/api/orders", json=request, headers={"Prefer": "wait=10"})
        if answer.status_code != 422 or time.monotonic() > deadline:
            return answer


def levels(inventory: httpx.Client, product: str) -> tuple[int, int, int]:
    """Current, reserved, available."""
    stock = inventory.get(f"/api/inventory/products/{product}/stock").json()
    return stock["current_stock"], stock["reserved_stock"], stock["available_stock"]
