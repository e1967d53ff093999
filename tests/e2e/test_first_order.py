"""The containers from outside, by HTTP alone: stock, an order, its hold; and what survives a kill of everything."""

import httpx
import pytest

from tests.e2e.buying import inventory_of, levels, order_of, order_of_units, placed, stocked
from tests.e2e.conftest import Composed

pytestmark = pytest.mark.timeout(1200)
"""The first test also builds the images."""


def test_an_order_of_25_holds_25_of_100(composed: Composed) -> None:
    inventory, order = inventory_of(composed), order_of(composed)
    stocked(inventory, "ROSE-50", 100)
    assert levels(inventory, "ROSE-50") == (100, 0, 100)

    answer = placed(order, order_of_units("ROSE-50", 25))

    assert answer.status_code == 201, answer.text
    assert answer.json()["stock_reserved"] is True
    assert levels(inventory, "ROSE-50") == (100, 25, 75)


def test_every_service_asks_for_a_token(composed: Composed) -> None:
    routes = {"order": "/api/orders", "inventory": "/api/inventory/products"}
    routes |= {"bottling": "/api/bottling/batches", "fulfillment": "/api/fulfillment/fulfillments"}

    answers = {service: httpx.get(composed.urls[service] + route).status_code for service, route in routes.items()}

    assert answers == dict.fromkeys(routes, 401)


def test_everything_is_killed_and_up_again_the_totals_hold(composed: Composed) -> None:
    inventory, order = inventory_of(composed), order_of(composed)
    stocked(inventory, "LILY-50", 10)
    assert placed(order, order_of_units("LILY-50", 4)).status_code == 201

    composed.run("kill")
    composed.run("up", "--wait", "--detach")

    assert levels(inventory, "LILY-50") == (10, 4, 6)
    assert placed(order, order_of_units("LILY-50", 5)).status_code == 201
    assert levels(inventory, "LILY-50") == (10, 9, 1)
    assert inventory.get("/api/inventory/reconcile").json()["ok"] is True
