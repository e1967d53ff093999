"""Batches that go back: short, cancelled, refused at their start, failed; their materials are given back, each once."""

import pytest

from tests.bottling import batch_becomes, bottle, command_batch, known_recipe, plan_batch, planned_batch
from tests.conservation import assert_batch_agrees, assert_books_balance, quiet
from tests.installation import System
from tests.shop import Shop
from tests.staging import silent


async def _material(shop: Shop, item_id: str) -> tuple[int, int, int]:
    stock = await shop.get("inventory", f"/api/inventory/materials/{item_id}/stock")
    return stock["current_stock"], stock["reserved_stock"], stock["available_stock"]


async def _ended(shop: Shop, batch_id: str, status: str) -> dict[str, dict[str, int]]:
    """What the ledger says of the batch's oil and bottles, once it ended and all books agree."""
    await batch_becomes(shop, batch_id, status)
    await quiet(shop)
    books = await assert_batch_agrees(shop, batch_id)
    await assert_books_balance(shop)
    return {item.rpartition("-")[2]: dict(causes) for item, causes in books.by_cause.items()}


async def test_a_short_batch_is_filled_by_a_receipt_and_bottled(system: System) -> None:
    async with Shop(system.stack) as shop:
        batch_id = await planned_batch(shop, "thin", oil=15)
        assert (await command_batch(shop, batch_id, "start")).status_code == 409
        await quiet(shop)
        await assert_batch_agrees(shop, batch_id)
        await shop.receive("thin-oil", 6)
        await batch_becomes(shop, batch_id, "ready")
        assert (await command_batch(shop, batch_id, "start")).status_code == 200
        await bottle(shop, batch_id)
        assert await _ended(shop, batch_id, "completed") == {
            "oil": {"reserve": 20, "material_issue": 20},
            "bottle": {"reserve": 10, "material_issue": 10},
            "rose": {"batch_output": 10},
        }
        assert await _material(shop, "thin-oil") == (1, 0, 1)


@pytest.mark.parametrize(("stage", "oil"), [("ready", 25), ("short", 15)])
async def test_a_cancelled_batch_gives_its_materials_back(system: System, stage: str, oil: int) -> None:
    name = f"off-{stage}"
    async with Shop(system.stack) as shop:
        batch_id = await planned_batch(shop, name, oil)
        await batch_becomes(shop, batch_id, stage)
        answer = await command_batch(shop, batch_id, "cancel", {"reason": "not needed"})
        assert (answer.status_code, answer.json()["status"]) == (200, "cancelled")
        held = min(oil, 20)
        assert await _ended(shop, batch_id, "cancelled") == {
            "oil": {"reserve": held, "release": held},
            "bottle": {"reserve": 10, "release": 10},
        }
        assert await _material(shop, f"{name}-oil") == (oil, 0, oil)
        again = await command_batch(shop, batch_id, "cancel", {"reason": "not needed"})
        assert (again.status_code, again.json()["status"]) == (200, "cancelled")


async def test_a_batch_that_is_cancelled_before_inventory_has_answered_takes_nothing(system: System) -> None:
    async with Shop(system.stack) as shop:
        for item in ("early-oil", "early-bottle"):
            await shop.material(item, 50)
        await shop.product("early-rose")
        await known_recipe(shop, "early")
        with silent(system, "inventory"):
            batch_id = (await plan_batch(shop, "early", wait=0)).json()["batch_id"]
            answer = await command_batch(shop, batch_id, "cancel", {"reason": "a slip"}, wait=0)
            assert (answer.status_code, answer.json()["status"]) == (202, "cancelled")
        await _ended(shop, batch_id, "cancelled")
        assert await _material(shop, "early-oil") == (50, 0, 50)


async def test_released_materials_go_to_the_batch_that_waits(system: System) -> None:
    async with Shop(system.stack) as shop:
        first = await planned_batch(shop, "turn", oil=20, bottles=20)
        second = (await plan_batch(shop, "turn")).json()
        assert second["status"] == "short"
        assert (await command_batch(shop, first, "cancel", {"reason": "no"})).status_code == 200
        await batch_becomes(shop, second["batch_id"], "ready")
        assert (await _ended(shop, first, "cancelled"))["oil"] == {"reserve": 20, "release": 20}
        assert await _material(shop, "turn-oil") == (20, 20, 0)
        assert (await command_batch(shop, second["batch_id"], "cancel", {"reason": "no"})).status_code == 200
        await _ended(shop, second["batch_id"], "cancelled")


async def test_a_start_is_refused_when_materials_were_taken_back_and_goes_on_when_they_are_there(
    system: System,
) -> None:
    async with Shop(system.stack) as shop:
        batch_id = await planned_batch(shop, "gap", oil=20)
        with silent(system, "bottling"):
            await _count(shop, "gap-oil", 12)
        answer = await command_batch(shop, batch_id, "start")
        assert (answer.status_code, answer.json()["status"]) == (409, "short"), answer.text
        await quiet(shop)
        books = await assert_batch_agrees(shop, batch_id)
        assert books.causes("gap-oil") == {"reserve": 20, "take_back": 8}
        await shop.receive("gap-oil", 8)
        await batch_becomes(shop, batch_id, "ready")
        assert (await command_batch(shop, batch_id, "start")).status_code == 200
        await bottle(shop, batch_id)
        found = await _ended(shop, batch_id, "completed")
        assert found["oil"] == {"reserve": 28, "take_back": 8, "material_issue": 20}
        assert await _material(shop, "gap-oil") == (0, 0, 0)


async def _count(shop: Shop, item_id: str, counted: int) -> None:
    version = (await shop.get("inventory", f"/api/inventory/materials/{item_id}/stock"))["version"]
    body = {"item_id": item_id, "counted": counted, "version": version, "reason": "cycle count"}
    answer = await shop.ask("inventory", "POST", "/api/inventory/counts", body)
    assert answer.status_code == 201, answer.text


FAILED = [
    # consumed oil -> ledger of the oil, oil left of 30
    (None, {"reserve": 20, "material_issue": 20}, 10),
    (0, {"reserve": 20, "material_issue": 20, "material_return": 20}, 30),
    (7, {"reserve": 20, "material_issue": 20, "material_return": 13}, 23),
    (24, {"reserve": 20, "material_issue": 24}, 6),
]


@pytest.mark.parametrize(("consumed", "causes", "left"), FAILED)
async def test_a_failed_batch_writes_off_what_it_used_and_returns_the_rest(
    system: System, consumed: int | None, causes: dict[str, int], left: int
) -> None:
    name = f"fail-{consumed}".lower()
    async with Shop(system.stack) as shop:
        batch_id = await planned_batch(shop, name, oil=30)
        assert (await command_batch(shop, batch_id, "start")).status_code == 200
        refused = await command_batch(shop, batch_id, "cancel", {"reason": "too late"})
        assert (refused.status_code, refused.json()["from"]) == (409, "in_progress")
        used = [] if consumed is None else [{"material_id": f"{name}-oil", "consumed": consumed}]
        body = {"reason": "spilt", **({"consumed": used} if used else {})}
        answer = await command_batch(shop, batch_id, "fail", body)
        assert (answer.status_code, answer.json()["status"], answer.json()["materials_settled"]) == (
            200,
            "failed",
            True,
        ), answer.text
        found = await _ended(shop, batch_id, "failed")
        assert found["oil"] == causes
        assert await _material(shop, f"{name}-oil") == (left, 0, left)
        assert await shop.levels(f"{name}-rose") == (0, 0, 0)
