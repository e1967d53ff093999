"""Batches on a running installation: a recipe of oil and bottles, and its way by REST."""

from collections.abc import Mapping
from typing import Any

import httpx

from tests.shop import Shop, until

OIL_EACH = 2
PLANNED = 10
OIL_AND_BOTTLE = {"oil": str(OIL_EACH), "bottle": "1"}


async def planned_batch(shop: Shop, name: str, oil: int, bottles: int = PLANNED) -> str:
    """A batch of ten that needs twenty of oil and ten bottles."""
    await shop.product(f"{name}-rose")
    await shop.material(f"{name}-oil", oil)
    await shop.material(f"{name}-bottle", bottles)
    await known_recipe(shop, name)
    answer = await plan_batch(shop, name)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["batch_id"])


async def known_recipe(
    shop: Shop,
    name: str,
    materials: Mapping[str, str] = OIL_AND_BOTTLE,
    *,
    product: str | None = None,
    waste: str = "0",
) -> None:
    """A recipe of `NAME-rose` unless told, of so much of each `NAME-material` a piece; `waste` percent of the oil."""
    money = {"amount": "1.0000", "currency": "EUR"}
    parts = [
        {"material_id": f"{name}-{part}", "quantity_per_unit": each, "waste_percent": waste if part == "oil" else "0"}
        for part, each in materials.items()
    ]
    recipe = {
        "recipe_id": f"{name}-recipe",
        "product_id": product or f"{name}-rose",
        "materials": parts,
        "labour_cost": money,
        "overhead_cost": money,
        "expected_minutes": 30,
        "shelf_life_days": 1000,
    }

    async def known() -> bool:
        return (await shop.ask("bottling", "POST", "/api/bottling/recipes", recipe)).status_code in (201, 409)

    await until(known, what="a recipe of items that bottling knows")


async def plan_batch(shop: Shop, name: str, wait: int = 10) -> httpx.Response:
    body = {"product_id": f"{name}-rose", "quantity": PLANNED}
    return await shop.ask("bottling", "POST", "/api/bottling/batches", body, Prefer=f"wait={wait}")


async def command_batch(shop: Shop, batch_id: str, command: str, body: Any = None, wait: int = 10) -> httpx.Response:
    path = f"/api/bottling/batches/{batch_id}/{command}"
    return await shop.ask("bottling", "POST", path, body, Prefer=f"wait={wait}")


async def batch_becomes(shop: Shop, batch_id: str, status: str) -> None:
    async def reached() -> bool:
        return bool((await shop.get("bottling", f"/api/bottling/batches/{batch_id}"))["status"] == status)

    await until(reached, what=f"batch {batch_id} {status}")


async def bottle(shop: Shop, batch_id: str) -> None:
    check = {"inspected": PLANNED, "accepted": PLANNED, "rejected": []}
    assert (await command_batch(shop, batch_id, "quality-checks", check)).status_code == 201
    assert (await command_batch(shop, batch_id, "consumption", {})).json()["materials_settled"] is True
    assert (await command_batch(shop, batch_id, "complete")).status_code == 200
