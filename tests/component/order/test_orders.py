"""Orders over HTTP, with the neighbours' parts played by the test."""

import asyncio
from typing import Any

import pytest

from tests.component.order.conftest import Shop, held, new_order, submitted, until

ORDERS = "SELECT count(*) FROM orders"
QUESTIONS = "SELECT count(*) FROM questions"
ASKED_AGAIN = "UPDATE questions SET attempts = $2 WHERE order_id = $1::uuid"
SHORT = {
    "want": 5,
    "shortage": {"available": 2, "requested": 5, "expected_date": "2026-02-10", "expected_basis": "batch"},
}


async def _waiting(shop: Shop, count: int = 1) -> str:
    """The id of the newest order, once it is there."""

    async def there() -> bool:
        return await shop.count(ORDERS) == count

    await until(there)
    return str((await shop.get())["items"][0]["order_id"])


async def test_a_new_order_is_202_until_inventory_answers(shop: Shop) -> None:
    response = await shop.post(new_order())
    body = response.json()
    assert response.status_code == 202
    assert body == {
        "success": True,
        "order_id": body["order_id"],
        "status": "created",
        "stock_reserved": None,
        "estimated_delivery": None,
        "estimated_delivery_basis": None,
    }
    assert response.headers["location"] == f"/api/orders/{body['order_id']}"
    assert (response.headers["retry-after"], response.headers["preference-applied"]) == ("1", "respond-async")
    [(type, version, payload)] = await shop.told()
    assert (type, version, payload["confirm"]) == ("order.created", 1, False)
    assert payload["lines"] == [{"product_id": "rose", "quantity": 5, "shipped": 0, "cancelled": 0}]
    assert "shipping_address" not in payload


async def test_a_new_order_waits_for_inventory(shop: Shop) -> None:
    asked = asyncio.create_task(shop.post(new_order(), Prefer="wait=10"))
    order_id = await _waiting(shop)
    assert not asked.done()
    await shop.deliver(shop.stock(order_id, "reserved", "active", 1, held()))
    response = await asked
    assert response.status_code == 201
    assert response.headers["location"] == f"/api/orders/{order_id}"
    body = response.json()
    assert (body["success"], body["status"], body["stock_reserved"]) == (True, "created", True)
    assert body["estimated_delivery_basis"] == "stock" and body["estimated_delivery"] is not None
    assert await shop.count(QUESTIONS) == 0


async def test_a_shortage_is_told_with_every_short_line(shop: Shop) -> None:
    asked = asyncio.create_task(shop.post(new_order(), Prefer="wait=10"))
    order_id = await _waiting(shop)
    await shop.deliver(shop.stock(order_id, "rejected", "rejected", 1, ("rose", SHORT)))
    response = await asked
    body = response.json()
    assert (response.status_code, response.headers["content-type"]) == (409, "application/problem+json")
    assert body["type"] == "urn:flacon:problem:out-of-stock"
    assert body["detail"] == "Insufficient stock for Rose. Available: 2, Requested: 5"
    assert (body["order_id"], body["status"]) == (order_id, "rejected")
    assert body["lines"] == [
        {
            "product_id": "rose",
            "name": "Rose",
            "available": 2,
            "requested": 5,
            "alternatives": [],
            "earliest_date": "2026-02-10",
            "earliest_basis": "batch",
        }
    ]
    assert await shop.names(order_id) == ["created", "rejected"]
    shown = await shop.get(f"/{order_id}")
    assert shown["rejection"]["lines"] == body["lines"]


async def test_every_short_line_is_told_in_the_order_of_the_request_with_what_could_be_had_instead(shop: Shop) -> None:
    lines = [{"product_id": "rose", "quantity": 5}, {"product_id": "lily", "quantity": 7}]
    asked = asyncio.create_task(shop.post(new_order(items=lines), Prefer="wait=10"))
    order_id = await _waiting(shop)
    instead = [{"product_id": "iris", "name": "Iris", "available": 40}]
    lily = {"want": 7, "shortage": {"available": 0, "requested": 7, "alternatives": instead}}
    await shop.deliver(shop.stock(order_id, "rejected", "rejected", 1, ("lily", lily), ("rose", SHORT)))
    body = (await asked).json()
    assert body["detail"] == "Insufficient stock for Rose. Available: 2, Requested: 5"
    assert [(line["product_id"], line["requested"], line["alternatives"]) for line in body["lines"]] == [
        ("rose", 5, []),
        ("lily", 7, instead),
    ]


async def test_a_repeat_of_a_refused_order_is_refused_alike_and_places_nothing(shop: Shop) -> None:
    asked = asyncio.create_task(shop.post(new_order(), Idempotency_Key="k-9", Prefer="wait=10"))
    order_id = await _waiting(shop)
    await shop.deliver(shop.stock(order_id, "rejected", "rejected", 1, ("rose", SHORT)))
    first, again = await asked, await shop.post(new_order(), Idempotency_Key="k-9", Prefer="wait=10")
    told = {**again.json(), "correlation_id": first.json()["correlation_id"]}
    assert (again.status_code, told) == (first.status_code, first.json()) and first.status_code == 409
    assert (first.headers.get("idempotent-replayed"), again.headers["idempotent-replayed"]) == (None, "true")
    assert await shop.count(ORDERS) == 1


async def test_what_only_inventory_finds_unknown_is_409(shop: Shop) -> None:
    asked = asyncio.create_task(shop.post(new_order(), Prefer="wait=10"))
    order_id = await _waiting(shop)
    unknown = {"shortage": {"available": 0, "requested": 5}}
    await shop.deliver(shop.stock(order_id, "rejected", "rejected", 1, ("rose", unknown), reason="unknown_product"))
    response = await asked
    assert (response.status_code, response.json()["product_ids"]) == (409, ["rose"])
    assert response.json()["type"] == "urn:flacon:problem:unknown-product"


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"customer_id": "a b"}, "/customer_id"),
        ({"items": []}, "/items"),
        ({"items": [{"product_id": "rose", "quantity": 0}]}, "/items/0/quantity"),
        ({"items": [{"product_id": "rose", "quantity": "5"}]}, "/items/0/quantity"),
        ({"items": [{"product_id": "rose", "quantity": 1.5}]}, "/items/0/quantity"),
        ({"items": [{"product_id": "rose", "quantity": 1, "colour": "red"}]}, "/items/0/colour"),
        ({"items": [{"product_id": "nobody", "quantity": 1}]}, "/items/0/product_id"),
        ({"items": [{"product_id": "wax", "quantity": 1}]}, "/items/0/product_id"),
        ({"items": [{"product_id": "gone", "quantity": 1}]}, "/items/0/product_id"),
        ({"priority": 10}, "/priority"),
        ({"email": "nobody"}, "/email"),
        ({"on_shortage": "wait"}, "/on_shortage"),
        ({"shipping_address": {"note": "x" * 5000}}, "/shipping_address"),
        ({"gift": True}, "/gift"),
    ],
)
async def test_what_is_not_acceptable_is_422_and_nothing_is_written(
    shop: Shop, fields: dict[str, Any], pointer: str
) -> None:
    await shop.know(("wax", "material", True), ("gone", "product", False))
    response = await shop.post(new_order(**fields))
    assert response.status_code == 422, response.text
    assert [error["pointer"] for error in response.json()["errors"]] == [pointer]
    assert (await shop.count(ORDERS), await shop.told()) == (0, [])


async def test_a_bad_request_never_fails_its_neighbours(shop: Shop) -> None:
    bad = new_order(items=[{"product_id": "nobody", "quantity": 1}])
    responses = await asyncio.gather(*(shop.post(bad if index % 3 == 0 else new_order()) for index in range(30)))
    assert [response.status_code for response in responses] == [422 if index % 3 == 0 else 202 for index in range(30)]
    assert await shop.count(ORDERS) == 20


async def test_the_newest_item_decides_what_may_be_ordered(shop: Shop) -> None:
    await shop.know(("rose", "product", False), version=3)
    await shop.know(("rose", "product", True), version=2)
    assert (await shop.post(new_order())).status_code == 422


async def test_an_idempotency_key_makes_one_order(shop: Shop) -> None:
    first = await shop.post(new_order(), Idempotency_Key="k-1")
    again = await shop.post(new_order(), Idempotency_Key="k-1")
    assert (first.json()["order_id"], first.status_code) == (again.json()["order_id"], again.status_code)
    assert again.headers["idempotent-replayed"] == "true"
    order_id = first.json()["order_id"]
    await shop.deliver(shop.stock(order_id, "reserved", "active", 1, held()))
    final = await shop.post(new_order(), Idempotency_Key="k-1", Prefer="wait=5")
    assert (final.status_code, final.json()["stock_reserved"], final.json()["order_id"]) == (201, True, order_id)
    other = await shop.post(new_order(priority=1), Idempotency_Key="k-1")
    assert other.json()["type"] == "urn:flacon:problem:idempotency-key-reused"
    assert await shop.count(ORDERS) == 1


async def test_an_order_is_shown_whole(shop: Shop) -> None:
    items = [
        {"product_id": "rose", "quantity": 1, "unit_price": {"amount": "2", "currency": "EUR"}},
        {"product_id": "lily", "quantity": 1},
        {"product_id": "rose", "quantity": 2, "unit_price": {"amount": "3"}},
    ]
    order_id = await shop.placed(items=items, email="ann@shop.example", requested_delivery="2026-03-01")
    shown = await shop.get(f"/{order_id}")
    line = {"held": 0, "backordered": 0, "shipped": 0, "cancelled": 0, "expected_date": None}
    price = {"amount": "2.6667", "currency": "EUR"}
    assert shown == {
        "order_id": order_id,
        "customer_id": "c-1",
        "source": None,
        "external_id": None,
        "status": "created",
        "priority": 0,
        "on_shortage": "reject",
        "auto_confirm": False,
        "protect_safety_stock": False,
        "stock_reserved": None,
        "stock_confirmed": False,
        "reservation_expires_at": None,
        "requested_delivery": "2026-03-01",
        "estimated_delivery": None,
        "estimated_delivery_basis": None,
        "shipping_address": {"city": "Grasse"},
        "email": "ann@shop.example",
        "items": [
            {"line": 1, "product_id": "rose", "name": "Rose", "quantity": 3, "unit_price": price, **line},
            {"line": 2, "product_id": "lily", "name": "Lily", "quantity": 1, "unit_price": None, **line},
        ],
        "shipments": [],
        "rejection": None,
        "stuck": False,
        "version": 1,
        "created_at": shown["created_at"],
        "updated_at": shown["created_at"],
        "promises": [],
    }


async def test_orders_are_listed_newest_first_page_by_page(shop: Shop) -> None:
    ids = [await shop.placed(customer_id=f"c-{index % 2}") for index in range(5)]
    first = await shop.get("?limit=2")
    second = await shop.get(f"?limit=2&cursor={first['next_cursor']}")
    third = await shop.get(f"?limit=2&cursor={second['next_cursor']}")
    assert [item["order_id"] for page in (first, second, third) for item in page["items"]] == ids[::-1]
    assert third["next_cursor"] is None


async def test_a_list_is_narrowed_by_each_filter(shop: Shop) -> None:
    rose = await shop.placed()
    lily = await shop.placed(customer_id="c-2", items=[{"product_id": "lily", "quantity": 1}])
    await shop.deliver(shop.stock(lily, "confirmed", "confirmed", 1, ("lily", {"held": 1})))
    when = (await shop.get(f"/{lily}"))["created_at"]
    await shop.deliver(submitted("7"), submitted("7", source="fair", customer_id="c-3"))
    fair, upstream = (item["order_id"] for item in (await shop.get("?external_id=7"))["items"])
    if (await shop.get(f"/{fair}"))["source"] != "fair":
        fair, upstream = upstream, fair
    await shop.count(ASKED_AGAIN, rose, 2)
    await shop.count(ASKED_AGAIN, fair, 1)
    both = {fair, upstream}
    for query, expected in {
        "status=created": {rose, *both},
        "status=processing": set(),
        "customer_id=c-2": {lily},
        "product_id=lily": {lily},
        "product_id=nobody": set(),
        "source=shop": {upstream},
        "source=nobody": set(),
        "external_id=7": both,
        "external_id=x": set(),
        "source=fair&external_id=7": {fair},
        "stuck=true": {rose},
        "stuck=true&status=confirmed": set(),
        "stuck=false": {lily, *both},
        f"created_from={when}": {lily, *both},
        f"created_to={when}": {rose},
        "created_from=2999-01-01": set(),
    }.items():
        assert {item["order_id"] for item in (await shop.get(f"?{query}"))["items"]} == expected, query


@pytest.mark.parametrize(
    ("query", "status"),
    [("status=reserved", 422), ("cursor=nonsense", 400), ("limit=501", 422), ("customer_id=a%20b", 422)],
)
async def test_a_list_that_cannot_be_read_is_refused(shop: Shop, query: str, status: int) -> None:
    assert (await shop.client.get(f"/api/orders?{query}")).status_code == status


async def test_a_customers_token_sees_only_its_orders(shop: Shop) -> None:
    other = await shop.placed()
    assert (await shop.customer.post("/api/orders", json=new_order())).status_code == 403
    mine = await shop.customer.post(
        "/api/orders", json=new_order(customer_id="c-2"), headers={"Prefer": "respond-async"}
    )
    assert mine.status_code == 202
    for path in (f"/api/orders/{other}", f"/api/orders/{other}/history"):
        assert (await shop.customer.get(path)).status_code == 404
    for command in ("confirm", "cancel"):
        assert (await shop.customer.put(f"/api/orders/{other}/{command}")).status_code == 404
    listed = (await shop.customer.get("/api/orders")).json()["items"]
    assert [item["order_id"] for item in listed] == [mine.json()["order_id"]]
    assert (await shop.customer.get("/api/orders?customer_id=c-1")).json()["items"] == []
    assert await shop.names(other) == ["created"]


async def test_what_is_not_there_is_404(shop: Shop) -> None:
    for order_id in ("0190a000-0000-7000-8000-00000000ffff", "nonsense"):
        assert (await shop.client.get(f"/api/orders/{order_id}")).status_code == 404
        assert (await shop.client.get(f"/api/orders/{order_id}/history")).status_code == 404
        assert (await shop.put(order_id, "confirm")).status_code == 404
        assert (await shop.put(order_id, "cancel")).status_code == 404
