"""What a service's OpenAPI document says holds: for made-up requests, and for those of a working day."""

import asyncio
import random
import re
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as hypothesis_settings

from shared.contracts.catalog import SERVICES, Service
from tests.installation import System
from tests.shop import Shop, until

SETTINGS = {f"{service.upper()}_RATE_LIMIT": "100000/second" for service in SERVICES}
EXAMPLES = 60
UNREACHED_MAX = 0.1
ENDLESS = "/api/orders/stream"
Met = dict[tuple[str, str], set[int]]
HEARD = {
    "order": "stock.reserved",
    "inventory": "order.created",
    "bottling": "item.changed",
    "fulfillment": "order.ready",
}
MONEY = {"amount": "1.2500", "currency": "EUR"}


class Documented:
    """The OpenAPI document of a service, and what was met of it."""

    def __init__(self, document: dict[str, Any]) -> None:
        self.document = document
        self.met: Met = {}
        self._patterns = [
            (re.compile(re.sub(r"\{[^}]+\}", "[^/]+", path) + "$"), path)
            for path in sorted(document["paths"], key=lambda path: path.count("{"))
        ]

    def check(self, response: httpx.Response) -> None:
        """The answer is one that the document tells of."""
        method, path = response.request.method, self._template(response.request.url.path)
        if path is None or method.lower() not in self.document["paths"][path]:
            assert response.status_code in (404, 405), response.request.url
            return
        told = self.document["paths"][path][method.lower()]["responses"]
        where = f"{method} {response.request.url}: {response.status_code}"
        assert response.status_code < 500, f"{where} {response.text[:500]}"
        assert str(response.status_code) in told, f"{where} is not documented: {response.text[:300]}"
        kinds = told[str(response.status_code)].get("content")
        if kinds:
            kind = response.headers.get("content-type", "").partition(";")[0]
            assert kind in kinds, f"{where} is {kind}, not {list(kinds)}"
        if response.status_code >= 400:
            assert {"type", "title", "status", "detail", "instance", "correlation_id"} <= response.json().keys(), where
        self.met.setdefault((method, path), set()).add(response.status_code)

    def _template(self, path: str) -> str | None:
        return next((template for pattern, template in self._patterns if pattern.match(path)), None)

    def unreached(self) -> list[str]:
        """Operations that never gave a success."""
        operations = [(method.upper(), path) for path, some in self.document["paths"].items() for method in some]
        return [
            f"{method} {path}"
            for method, path in operations
            if not any(200 <= status < 300 for status in self.met.get((method, path), ()))
        ]


def _documents(system: System) -> dict[Service, Documented]:
    return {service: Documented(httpx.get(f"{system.url(service)}/openapi.json").json()) for service in SERVICES}


@pytest.mark.parametrize("service", SERVICES)
def test_made_up_requests_get_documented_answers(system: System, service: Service) -> None:
    documented = _documents(system)[service]
    dice, ids = random.Random(service), _known_ids(system, service)
    with httpx.Client(base_url=system.url(service), headers=system.stack.headers(), timeout=30) as client:
        for result in schemathesis.openapi.from_dict(documented.document).get_all_operations():
            operation: Any = result.ok()  # type: ignore[union-attr]  # else it raises, which is as good
            if operation.path == ENDLESS:
                continue

            @hypothesis_settings(
                max_examples=EXAMPLES,
                deadline=None,
                database=None,
                derandomize=True,
                phases=[Phase.generate],
                suppress_health_check=list(HealthCheck),
            )
            @given(case=operation.as_strategy())
            def ask(case: Any) -> None:
                path = case.operation.path
                for name, value in (case.path_parameters or {}).items():
                    known = ids.get(name)
                    path = path.replace(f"{{{name}}}", known if known and dice.random() < 0.7 else _in_a_path(value))
                sent = {name: str(value) for name, value in (case.headers or {}).items() if _sendable(str(value))}
                body = {} if case.body is schemathesis.core.NOT_SET else {"json": case.body}
                query = {name: str(value) for name, value in (case.query or {}).items()}
                documented.check(client.request(case.method, path, params=query, headers=sent, **body))

            ask()


def _in_a_path(value: Any) -> str:
    text = re.sub(r"[^A-Za-z0-9._:-]", "x", str(value))
    return "x" if text in ("", ".", "..") else text


def _sendable(value: str) -> bool:
    return value.isascii() and value.isprintable() and value == value.strip()


def _known_ids(system: System, service: Service) -> dict[str, str]:
    """An id of each kind that paths name; each service has a product of its own, for made-up requests may end it."""
    item_id = f"api-rose-{service}"

    async def make() -> dict[str, str]:
        async with Shop(system.stack) as shop:
            await shop.product(item_id, 50)
            order_id = await shop.ordered([(item_id, 1)])
            return {"order_id": order_id, "item_id": item_id}

    return asyncio.run(make())


async def test_a_working_day_succeeds_with_nearly_every_operation(system: System) -> None:
    documents = _documents(system)

    async with Shop(system.stack) as shop:
        for service in SERVICES:
            shop.listen(service, documents[service].check)
        for public in ("/livez", "/readyz", "/metrics", "/openapi.json", "/asyncapi.json"):
            await asyncio.gather(*(shop.ask(service, "GET", public) for service in SERVICES))
        await _day(shop)
    unreached = [one for document in documents.values() for one in document.unreached()]
    operations = sum(len(some) for document in documents.values() for some in document.document["paths"].values())
    assert len(unreached) <= UNREACHED_MAX * operations, unreached


async def _day(shop: Shop) -> None:
    await _stock_of_the_day(shop)
    order_id = await _orders_of_the_day(shop)
    await _floor_of_the_day(shop, order_id)
    await _batches_of_the_day(shop)
    await _operators_day(shop, order_id)


async def _stock_of_the_day(shop: Shop) -> None:
    inventory = "/api/inventory"
    await shop.product("day-rose", 100, min_stock_level=150, reorder_point=200)
    await shop.product("day-lily", 5, reorder_point=50, alternatives=["day-rose"])
    await shop.material("day-oil", 1000, "ml")
    for kind, item_id in (("products", "day-rose"), ("materials", "day-oil")):
        for path in ("", f"/{item_id}", f"/{item_id}/stock"):
            await shop.get("inventory", f"{inventory}/{kind}{path}")
        await shop.ask("inventory", "PATCH", f"{inventory}/{kind}/{item_id}", {"name": "Of the day"})
    version = (await shop.get("inventory", f"{inventory}/products/day-rose/stock"))["version"]
    lines = [{"product_id": "day-rose", "quantity": 1}]
    count = {"item_id": "day-rose", "counted": 99, "version": version, "reason": "cycle"}
    for path, body in {
        "availability": {"items": lines},
        "counts": count,
        "adjustments": {"item_id": "day-rose", "quantity": 1, "reason": "found"},
    }.items():
        await shop.ask("inventory", "POST", f"{inventory}/{path}", body)
    for path in ("ledger", "reservations", "alerts", "alerts/low-stock", "reconcile", "kpis", "trends", "cover"):
        await shop.get("inventory", f"{inventory}/{path}")
    lot_id = (await shop.get("inventory", f"{inventory}/lots?item_id=day-rose"))["items"][0]["lot_id"]
    for path in (lot_id, f"{lot_id}/trace"):
        await shop.get("inventory", f"{inventory}/lots/{path}")
    lily = (await shop.get("inventory", f"{inventory}/lots?item_id=day-lily"))["items"][0]["lot_id"]
    for command in ("hold", "release", "recall"):
        await shop.ask("inventory", "POST", f"{inventory}/lots/{lily}/{command}", {"reason": "looked at"})


async def _orders_of_the_day(shop: Shop) -> str:
    order_id = await shop.ordered([("day-rose", 4)])
    await shop.confirmed(order_id)
    given_up = await shop.ordered([("day-rose", 1)])
    await shop.ask("order", "PUT", f"/api/orders/{given_up}/cancel", {"reason": "changed my mind"}, Prefer="wait=10")
    await shop.ask("order", "POST", f"/api/orders/{order_id}/retry")
    for path in ("", f"/{order_id}", f"/{order_id}/history", "/stuck", "/alerts", "/stages", "/kpis", "/trends"):
        await shop.get("order", f"/api/orders{path}")
    return order_id


async def _floor_of_the_day(shop: Shop, order_id: str) -> None:
    floor, one = "/api/fulfillment", (await shop.fulfillment(order_id))["fulfillment_id"]
    for path in (f"/{one}", f"/{one}/picking-list"):
        await shop.get("fulfillment", f"{floor}/fulfillments{path}")
    wave = (await shop.ask("fulfillment", "POST", f"{floor}/waves")).json()
    for path in (f"waves/{wave['wave_id']}", "stages", "stages/pick", "carriers"):
        await shop.get("fulfillment", f"{floor}/{path}")
    line = {"product_id": "day-rose", "quantity": 2}
    await shop.ask("fulfillment", "POST", f"{floor}/fulfillments/{one}/pick", {"lines": [line]})
    await shop.ask("fulfillment", "POST", f"{floor}/fulfillments/{one}/pack")
    parcel = {"carrier": "DHL", "tracking_number": "day-1"}
    shipped = (await shop.ask("fulfillment", "POST", f"{floor}/fulfillments/{one}/ship", parcel)).json()
    await shop.ask("fulfillment", "POST", f"{floor}/shipments/{shipped['shipment_id']}/deliver", {})
    item = {"fulfillment_id": one}
    for action, body in {"pick": item, "pack": item, "ship": {**item, **parcel, "tracking_number": "day-2"}}.items():
        answer = await shop.ask("fulfillment", "POST", f"{floor}/bulk/{action}", {"items": [body]})
    rest = answer.json()["results"][0]["result"]["shipment_id"]
    await shop.ask("fulfillment", "POST", f"{floor}/bulk/deliver", {"items": [{"shipment_id": rest}]})


async def _batches_of_the_day(shop: Shop) -> None:
    bottling = "/api/bottling"
    recipe = {
        "recipe_id": "day-recipe", "product_id": "day-rose", "labour_cost": MONEY, "overhead_cost": MONEY,
        "materials": [{"material_id": "day-oil", "quantity_per_unit": "2.5"}],
        "expected_minutes": 30, "shelf_life_days": 365,
    }  # fmt: skip

    async def made() -> bool:
        return (await shop.ask("bottling", "POST", f"{bottling}/recipes", recipe)).status_code == 201

    await until(made, what="a recipe of items that bottling knows")
    await shop.ask("bottling", "POST", f"{bottling}/recipes/day-recipe/versions", {**recipe, "expected_minutes": 31})
    plan = {"product_id": "day-rose", "quantity": 10}
    planned = [
        (await shop.ask("bottling", "POST", f"{bottling}/batches", plan, Prefer="wait=10")).json()["batch_id"]
        for _ in range(3)
    ]
    good, failed, given_up = (f"{bottling}/batches/{batch_id}" for batch_id in planned)
    check = {"inspected": 10, "accepted": 9, "rejected": [{"reason_code": "leak", "quantity": 1}]}
    steps: list[tuple[str, Any]] = [
        (f"{given_up}/cancel", {"reason": "no demand"}), (f"{good}/start", None), (f"{failed}/start", None),
        (f"{failed}/fail", {"reason": "spilled"}), (f"{good}/retry", None), (f"{good}/quality-checks", check),
        (f"{good}/consumption", None), (f"{good}/complete", None),
    ]  # fmt: skip
    for path, body in steps:
        await shop.ask("bottling", "POST", path, body, Prefer="wait=10")
    for path in ("recipes", "recipes/day-recipe", "batches", f"batches/{planned[0]}", "stuck", "alerts", "kpis"):
        await shop.get("bottling", f"{bottling}/{path}")


async def _operators_day(shop: Shop, order_id: str) -> None:
    """What went wrong is looked at: an alert, and a record that nobody could read."""
    alert = (await shop.get("inventory", "/api/inventory/alerts?status=raised"))["items"][0]["alert_id"]
    await shop.ask("inventory", "POST", f"/api/inventory/alerts/{alert}/acknowledge", {"note": "ordered more"})
    topics = {
        "order": "stock.reserved",
        "inventory": "order.created",
        "bottling": "item.changed",
        "fulfillment": "order.ready",
    }
    for service, topic in topics.items():
        await shop.publish(topic, [(b"k", b"not json", []), (b"k", b"nor this", [])])
        path = f"/api/{'orders' if service == 'order' else service}"
        await shop.get(service, f"{path}/outbox")

        async def both(service: str = service, path: str = path) -> list[dict[str, Any]]:
            found: list[dict[str, Any]] = (await shop.get(service, f"{path}/dead-letters"))["items"]
            return found if len(found) >= 2 else []

        letters = await until(both, what=f"dead letters of {service}")
        first, second = (f"{path}/dead-letters/{letter['dead_letter_id']}" for letter in letters[:2])
        await shop.get(service, first)
        await shop.ask(service, "POST", f"{first}/replay")
        await shop.ask(service, "DELETE", second)
