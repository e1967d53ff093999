"""Demand by day: what was asked for, whether or not it could be had."""

from typing import Any

from services.order.domain.order import Policy
from services.order.jobs.timers import jobs
from shared.runtime.jobs import Job, tick_once
from tests.component.order.conftest import Shop
from tests.component.order.figuring import Row, at, until_idle


async def _trends(shop: Shop, query: str = "") -> Any:
    [job] = [job for job in jobs(Policy(), 1.0) if job.name == "keep_sums"]
    assert isinstance(job, Job)
    await until_idle(lambda: tick_once(shop.database, job))
    return await shop.get(f"/trends?from=2026-03-10&to=2026-03-13{query}")


async def _ask(shop: Shop) -> None:
    for row in (
        Row("fulfilled", at(0), [("rose", 5, 5, 0), ("lily", 1, 1, 0)]),
        Row("cancelled", at(0), [("rose", 2, 0, 2)]),
        Row("rejected", at(2), [("iris", 9, 0, 0)], refused_for="insufficient_stock"),
        Row("rejected", at(2), [("rose", 50, 0, 0)], refused_for="invalid"),
        Row("created", at(3), [("rose", 70, 0, 0)]),
    ):
        await row.write(shop.database)


async def test_demand_is_told_for_every_day_also_without_any(shop: Shop) -> None:
    await _ask(shop)
    found = await _trends(shop)
    assert sorted(found) == ["as_of", "days", "from", "product_id", "products", "to"]
    assert found["days"] == [
        {"day": "2026-03-10", "orders": 2, "ordered": 8},
        {"day": "2026-03-11", "orders": 0, "ordered": 0},
        {"day": "2026-03-12", "orders": 2, "ordered": 9},
    ]


async def test_products_that_are_asked_for_most_come_first(shop: Shop) -> None:
    await _ask(shop)
    assert (await _trends(shop, "&limit=2"))["products"] == [
        {"product_id": "iris", "name": None, "ordered": 9, "orders": 1},
        {"product_id": "rose", "name": "Rose", "ordered": 7, "orders": 2},
    ]


async def test_the_demand_of_one_product_is_its_own(shop: Shop) -> None:
    await _ask(shop)
    found = await _trends(shop, "&product_id=rose")
    assert [(day["orders"], day["ordered"]) for day in found["days"]] == [(2, 7), (0, 0), (0, 0)]
    assert [product["product_id"] for product in found["products"]] == ["rose"]
    assert (await _trends(shop, "&product_id=none"))["products"] == []


async def test_trends_are_not_for_one_customer_nor_for_ten_years(shop: Shop) -> None:
    assert (await shop.customer.get("/api/orders/trends")).status_code == 403
    answer = await shop.client.get("/api/orders/trends?from=2020-01-01&to=2026-01-01")
    assert answer.status_code == 422
