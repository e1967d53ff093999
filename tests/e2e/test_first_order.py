"""The containers from outside, by HTTP alone: stock, an order, its hold; and what survives a kill of everything."""

import json
import subprocess
import time
from dataclasses import replace

import httpx
import pytest

from deploy.local.ports import FIRST_PORT, PORTS, is_free
from tests.e2e.buying import inventory_of, levels, order_of, order_of_units, placed, stocked
from tests.e2e.conftest import Composed

pytestmark = pytest.mark.timeout(1200)
"""The first test also builds the images."""
HEARD_SECONDS_MAX = 60.0


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


def test_three_instances_of_inventory_share_the_work_and_one_may_be_killed(composed: Composed) -> None:
    first = next(port for port in range(FIRST_PORT, FIRST_PORT + PORTS) if all(map(is_free, range(port, port + 3))))
    scaled = replace(composed, environment={**composed.environment, "FLACON_INVENTORY_PORT": f"{first}-{first + 2}"})
    order = order_of(composed)
    try:
        scaled.run("up", "--wait", "--detach", "--scale", "inventory=3")
        there = [json.loads(line) for line in scaled.run("ps", "--format", "json", "inventory").splitlines()]
        ports = sorted(published["PublishedPort"] for one in there for published in one["Publishers"])
        assert ports == [first, first + 1, first + 2]
        anyone = replace(composed, urls={**composed.urls, "inventory": f"http://127.0.0.1:{first}"})
        stocked(inventory_of(anyone), "IRIS-50", 60)
        assert [placed(order, order_of_units("IRIS-50", 1)).status_code for _ in range(20)] == [201] * 20

        last = next(one["Name"] for one in there if one["Publishers"][0]["PublishedPort"] == first + 2)
        subprocess.run(["docker", "kill", last], check=True, capture_output=True, timeout=60)

        # Until the others hear that it is gone its partitions wait, and so may an answer.
        assert {placed(order, order_of_units("IRIS-50", 1)).status_code for _ in range(20)} <= {201, 202}
        deadline = time.monotonic() + HEARD_SECONDS_MAX
        while levels(inventory_of(anyone), "IRIS-50") != (60, 40, 20):
            assert time.monotonic() < deadline, levels(inventory_of(anyone), "IRIS-50")
            time.sleep(0.5)
        assert inventory_of(anyone).get("/api/inventory/reconcile").json()["ok"] is True
    finally:
        composed.run("up", "--wait", "--detach")
