"""From a shelf that ran low to a parcel: planned, started, checked and bottled again, and nobody planned by hand."""

from typing import Any

import pytest

from deploy.local.audit.command import examine
from tests.conservation import assert_batch_agrees, assert_books_balance, quiet
from tests.installation import System
from tests.shop import Shop, until

MONEY = {"amount": "1.0000", "currency": "EUR"}
ENDED = ("completed", "failed", "cancelled")


async def _recipe(shop: Shop, name: str, policy: str, **fields: Any) -> None:
    """A bottle and two of oil each; written down again until bottling knows the items."""
    await shop.product(f"{name}-rose", **fields.pop("product", {}))
    await shop.material(f"{name}-oil")
    await shop.material(f"{name}-bottle", 100)
    recipe = {
        "recipe_id": f"{name}-recipe",
        "product_id": f"{name}-rose",
        "materials": [
            {"material_id": f"{name}-oil", "quantity_per_unit": "2"},
            {"material_id": f"{name}-bottle", "quantity_per_unit": "1"},
        ],
        "labour_cost": MONEY,
        "overhead_cost": MONEY,
        "expected_minutes": 30,
        "shelf_life_days": 1000,
        "replenishment": policy,
        **fields,
    }

    async def known() -> bool:
        return (await shop.ask("bottling", "POST", "/api/bottling/recipes", recipe)).status_code == 201

    await until(known, what="a recipe of items that bottling knows")


async def _batches(shop: Shop, name: str) -> list[dict[str, Any]]:
    """All batches of the product, oldest first."""
    return list(reversed(await shop.every("bottling", f"/api/bottling/batches?product_id={name}-rose")))


async def _reach(shop: Shop, name: str, *expected: tuple[str, int]) -> list[dict[str, Any]]:
    """Waits until the batches have these statuses and quantities; asserts that nobody planned one by hand."""

    async def reached() -> list[dict[str, Any]] | None:
        found = await _batches(shop, name)
        return found if [(one["status"], one["quantity_planned"]) for one in found] == list(expected) else None

    found = await until(reached, what=f"batches {expected} of {name}")
    assert {one["plan_reason"] for one in found} == {"replenishment"}
    return found


async def _promised_by_a_batch(shop: Shop, order_id: str, day: str) -> None:
    """Waits until the order, which queued before there was a batch, is expected on its day."""

    async def promised() -> bool:
        order = await shop.get("order", f"/api/orders/{order_id}")
        return (order["estimated_delivery_basis"], order["items"][0]["expected_date"]) == ("batch", day)

    await until(promised, what="a promise that rests on the batch")


async def _bottle(shop: Shop, batch_id: str, good: int, bad: int) -> None:
    path = f"/api/bottling/batches/{batch_id}"
    rejected = [{"reason_code": "leak", "quantity": bad}] if bad else []
    check = {"inspected": good + bad, "accepted": good, "rejected": rejected}
    assert (await shop.ask("bottling", "POST", f"{path}/quality-checks", check)).status_code == 201
    settled = await shop.ask("bottling", "POST", f"{path}/consumption", {}, Prefer="wait=10")
    assert settled.json()["materials_settled"] is True, settled.text
    assert (await shop.ask("bottling", "POST", f"{path}/complete")).status_code == 200


async def test_a_backorder_is_bottled_again_after_defects_and_shipped_without_a_plan_by_hand(system: System) -> None:
    async with Shop(system.stack) as shop:
        await _recipe(shop, "auto", "plan_and_start")
        order_id = await shop.ordered([("auto-rose", 10)], on_shortage="backorder", auto_confirm=True)
        [first] = await _reach(shop, "auto", ("short", 10))
        await _promised_by_a_batch(shop, order_id, first["expected_completion_at"][:10])
        await shop.receive("auto-oil", 100)
        await _reach(shop, "auto", ("in_progress", 10))
        listed = await shop.every("bottling", "/api/bottling/schedule?product_id=auto-rose")
        assert [(one["batch_id"], one["quantity_expected"]) for one in listed] == [(first["batch_id"], 10)]
        await _bottle(shop, first["batch_id"], good=8, bad=2)
        [_, second] = await _reach(shop, "auto", ("completed", 10), ("in_progress", 2))
        assert await shop.status(order_id) == "backordered"
        await _bottle(shop, second["batch_id"], good=2, bad=0)
        await shop.becomes(order_id, "processing")
        await shop.ship(order_id, "auto-1")
        await shop.becomes(order_id, "fulfilled")
        await quiet(shop)
        for batch in await _reach(shop, "auto", ("completed", 10), ("completed", 2)):
            await assert_batch_agrees(shop, batch["batch_id"])
        await assert_books_balance(shop)
        assert await shop.levels("auto-rose") == (0, 0, 0)
        await shop.settled()
        assert (await examine(system.stack)).all == []


async def test_a_shelf_below_its_reorder_point_is_filled_and_a_second_need_is_one_more_batch(system: System) -> None:
    async with Shop(system.stack) as shop:
        await _recipe(shop, "shelf", "plan", product={"reorder_point": 5}, batch_size=50)
        await shop.receive("shelf-oil", 200)
        [batch] = await _reach(shop, "shelf", ("ready", 10))
        [listed] = await shop.every("bottling", "/api/bottling/schedule?product_id=shelf-rose")
        order_id = await shop.ordered([("shelf-rose", 4)], on_shortage="backorder")
        order = await shop.get("order", f"/api/orders/{order_id}")
        assert order["estimated_delivery_basis"] == "batch"
        assert order["items"][0]["expected_date"] == listed["expected_completion_at"][:10]
        await _reach(shop, "shelf", ("ready", 14))
        start = f"/api/bottling/batches/{batch['batch_id']}/start"
        assert (await shop.ask("bottling", "POST", start, None, Prefer="wait=10")).status_code == 200
        await _bottle(shop, batch["batch_id"], good=14, bad=0)
        await quiet(shop)
        assert await shop.levels("shelf-rose") == (14, 4, 10)
        await _reach(shop, "shelf", ("completed", 14))
        await assert_books_balance(shop)


@pytest.mark.parametrize("end", ["cancel", "fail"])
async def test_a_batch_that_is_given_up_is_planned_again_while_the_need_lasts(system: System, end: str) -> None:
    name = f"again-{end}"
    async with Shop(system.stack) as shop:
        await _recipe(shop, name, "plan" if end == "cancel" else "plan_and_start")
        await shop.receive(f"{name}-oil", 100)
        order_id = await shop.ordered([(f"{name}-rose", 3)], on_shortage="backorder", auto_confirm=True)
        status = "ready" if end == "cancel" else "in_progress"
        [batch] = await _reach(shop, name, (status, 3))
        path = f"/api/bottling/batches/{batch['batch_id']}/{end}"
        assert (await shop.ask("bottling", "POST", path, {"reason": "spilt"}, Prefer="wait=10")).status_code == 200
        ended = "cancelled" if end == "cancel" else "failed"
        await _reach(shop, name, (ended, 3), (status, 3))
        await quiet(shop)
        await _reach(shop, name, (ended, 3), (status, 3))
        assert (
            await shop.ask("order", "PUT", f"/api/orders/{order_id}/cancel", {}, Prefer="wait=10")
        ).status_code == 200
