"""The containers from outside, by HTTP alone: stock, an order, its hold."""

import time
from collections.abc import Mapping

import httpx
import pytest

from tests.e2e.conftest import Composed

pytestmark = pytest.mark.timeout(1200)
"""The first test also builds the images."""

PRODUCT = "ROSE-50"
KNOWN_SECONDS_MAX = 20.0


def test_an_order_of_25_holds_25_of_100(composed: Composed) -> None:
    inventory = httpx.Client(base_url=composed.urls["inventory"], headers=composed.headers, timeout=30)
    order = httpx.Client(base_url=composed.urls["order"], headers=composed.headers, timeout=30)
    cost = {"amount": "8.50", "currency": "EUR"}
    receipt = {"item_id": PRODUCT, "quantity": 100, "supplier_lot": "L-1", "unit_cost": cost}
    request = {
        "customer_id": "C-1",
        "items": [{"product_id": PRODUCT, "quantity": 25}],
        "shipping_address": {"city": "Grasse"},
    }

    assert inventory.post("/api/inventory/products", json={"product_id": PRODUCT, "name": "Rose"}).status_code == 201
    assert inventory.post("/api/inventory/receipts", json=receipt).status_code == 201
    assert _levels(inventory) == (100, 0, 100)

    answer = _placed(order, request)

    assert answer.status_code == 201, answer.text
    assert answer.json()["stock_reserved"] is True
    assert _levels(inventory) == (100, 25, 75)


def test_every_service_asks_for_a_token(composed: Composed) -> None:
    routes = {"order": "/api/orders", "inventory": "/api/inventory/products"}
    routes |= {"bottling": "/api/bottling/batches", "fulfillment": "/api/fulfillment/fulfillments"}

    answers = {service: httpx.get(composed.urls[service] + route).status_code for service, route in routes.items()}

    assert answers == dict.fromkeys(routes, 401)


def _placed(order: httpx.Client, request: Mapping[str, object]) -> httpx.Response:
    """The answer to the order, once the order service has heard of the product; before that it is 422."""
    deadline = time.monotonic() + KNOWN_SECONDS_MAX
    while True:
        answer = order.post("/api/orders", json=request, headers={"Prefer": "wait=10"})
        if answer.status_code != 422 or time.monotonic() > deadline:
            return answer


def _levels(inventory: httpx.Client) -> tuple[int, int, int]:
    stock = inventory.get(f"/api/inventory/products/{PRODUCT}/stock").json()
    return stock["current_stock"], stock["reserved_stock"], stock["available_stock"]
