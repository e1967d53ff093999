"""Recipes over HTTP: written down, versioned, listed, and refused when they name what is not known."""

import asyncio
from typing import Any

import pytest

from tests.component.bottling.conftest import RECIPE, Plant


def recipe(**changes: Any) -> dict[str, Any]:
    return {**RECIPE, **changes}


async def test_a_recipe_is_shown_as_it_was_written_down(plant: Plant) -> None:
    shown = await plant.get("recipes/rose")
    assert shown == {
        **RECIPE,
        "materials": [
            {"material_id": "perfume", "quantity_per_unit": "50", "waste_percent": "2", "standard_price": None},
            {"material_id": "bottle", "quantity_per_unit": "1", "waste_percent": "0", "standard_price": None},
        ],
        "overhead_cost": {"amount": "0.25", "currency": "EUR"},
        "replenishment": "off",
        "batch_size": None,
        "standard_unit": None,
        "version": 1,
        "created_at": shown["created_at"],
    }


async def test_the_same_recipe_again_is_the_first_one_and_another_content_is_refused(plant: Plant) -> None:
    first = await plant.get("recipes/rose")
    again = await plant.post("recipes", recipe(labour_cost={"amount": "0.750"}))
    other = await plant.post("recipes", recipe(expected_minutes=91))
    assert (again.status_code, again.json()) == (201, first)
    assert (other.status_code, other.json()["type"], other.json()["id"]) == (
        409,
        "urn:flacon:problem:already-exists",
        "rose",
    )
    assert await plant.get("recipes/rose") == first


async def test_many_at_once_write_one_recipe(plant: Plant) -> None:
    contents = [recipe(recipe_id="new", expected_minutes=1 + n % 2) for n in range(20)]
    statuses = sorted(each.status_code for each in await asyncio.gather(*(plant.post("recipes", c) for c in contents)))
    assert statuses == [201] * 10 + [409] * 10
    assert [item["recipe_id"] for item in (await plant.get("recipes"))["items"]] == ["new", "rose"]


async def test_a_recipe_without_an_id_gets_one(plant: Plant) -> None:
    made = await plant.post("recipes", {key: value for key, value in RECIPE.items() if key != "recipe_id"})
    assert made.status_code == 201
    assert made.json() == await plant.get(f"recipes/{made.json()['recipe_id']}")


async def test_versions_are_added_and_kept(plant: Plant) -> None:
    second = await plant.post("recipes/rose/versions", recipe(expected_minutes=60))
    same = await plant.post("recipes/rose/versions", recipe(expected_minutes=60))
    assert (second.status_code, second.json()["version"]) == (201, 2)
    assert same.json() == second.json()
    assert (await plant.get("recipes/rose"))["expected_minutes"] == 60
    assert (await plant.get("recipes/rose?version=1"))["expected_minutes"] == 90
    assert (await plant.client.get("/api/bottling/recipes/rose?version=3")).status_code == 404


async def test_versions_that_come_at_once_get_numbers_without_a_gap(plant: Plant) -> None:
    contents = [recipe(expected_minutes=100 + n) for n in range(15)]
    made = await asyncio.gather(*(plant.post("recipes/rose/versions", content) for content in contents))
    assert sorted(each.json()["version"] for each in made) == list(range(2, 17))
    assert (await plant.get("recipes/rose"))["version"] == 16


async def test_a_version_belongs_to_its_recipe(plant: Plant) -> None:
    await plant.know(("LILY-50", "product", True))
    unknown = await plant.post("recipes/ghost/versions", recipe(recipe_id=None))
    foreign = await plant.post("recipes/rose/versions", recipe(recipe_id="other"))
    product = await plant.post("recipes/rose/versions", recipe(product_id="LILY-50"))
    assert (unknown.status_code, foreign.status_code, product.status_code) == (404, 422, 422)
    assert [each.json()["errors"][0]["pointer"] for each in (foreign, product)] == ["/recipe_id", "/product_id"]
    assert (await plant.get("recipes/rose"))["version"] == 1


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"product_id": "GHOST"}, "/product_id"),
        ({"product_id": "perfume"}, "/product_id"),
        ({"materials": [{"material_id": "ghost", "quantity_per_unit": "1"}]}, "/materials/0/material_id"),
        ({"materials": [{"material_id": "ROSE-50", "quantity_per_unit": "1"}]}, "/materials/0/material_id"),
        ({"materials": [{"material_id": "retired", "quantity_per_unit": "1"}]}, "/materials/0/material_id"),
        ({"materials": [RECIPE["materials"][1]] * 2}, "/materials/1/material_id"),  # type: ignore[index]
        ({"materials": []}, "/materials"),
        ({"materials": [{"material_id": "bottle", "quantity_per_unit": 1.5}]}, "/materials/0/quantity_per_unit"),
        ({"materials": [{"material_id": "bottle", "quantity_per_unit": "0"}]}, "/materials/0/quantity_per_unit"),
        ({"materials": [{"material_id": "bottle", "quantity_per_unit": "NaN"}]}, "/materials/0/quantity_per_unit"),
        ({"labour_cost": {"amount": "1", "currency": "USD"}}, "/labour_cost/currency"),
        ({"overhead_cost": {"amount": "1", "currency": "GBP"}}, "/overhead_cost/currency"),
        ({"overhead_cost": {"amount": "-1"}}, "/overhead_cost/amount"),
        ({"expected_minutes": "90"}, "/expected_minutes"),
        ({"shelf_life_days": 0}, "/shelf_life_days"),
        ({"replenishment": "sometimes"}, "/replenishment"),
        ({"colour": "red"}, "/colour"),
    ],
)
async def test_a_recipe_that_is_not_acceptable_is_refused_and_nothing_is_written(
    plant: Plant, change: dict[str, Any], pointer: str
) -> None:
    await plant.know(("retired", "material", False))
    refused = await plant.post("recipes", recipe(recipe_id="new", **change))
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, pointer)
    assert [item["recipe_id"] for item in (await plant.get("recipes"))["items"]] == ["rose"]


async def test_recipes_are_listed_newest_first_page_by_page(plant: Plant) -> None:
    await plant.know(("LILY-50", "product", True))
    for n in range(4):
        await plant.post("recipes", recipe(recipe_id=f"r{n}", product_id="LILY-50" if n % 2 else "ROSE-50"))
    pages, cursor = [], ""
    while True:
        page = await plant.get(f"recipes?limit=2{cursor}")
        pages.append([item["recipe_id"] for item in page["items"]])
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert pages == [["r3", "r2"], ["r1", "r0"], ["rose"]]
    assert [item["recipe_id"] for item in (await plant.get("recipes?product_id=LILY-50"))["items"]] == ["r3", "r1"]
    assert (await plant.client.get("/api/bottling/recipes?cursor=WzFd")).status_code == 400
    assert (await plant.client.get("/api/bottling/recipes?product_id=%00")).status_code == 422
    assert (await plant.client.get("/api/bottling/recipes/%00")).status_code == 404


async def test_the_newest_news_of_an_item_counts_whatever_comes_last(plant: Plant) -> None:
    await plant.know(("bottle", "material", False), version=3)
    await plant.know(("bottle", "material", True), version=2)
    assert (await plant.post("recipes", recipe(recipe_id="new"))).status_code == 422
    await plant.know(("bottle", "material", True), version=4)
    assert (await plant.post("recipes", recipe(recipe_id="new"))).status_code == 201


async def test_readers_cannot_write_and_strangers_cannot_read(plant: Plant) -> None:
    assert (await plant.others.post("/api/bottling/recipes", json=RECIPE)).status_code == 403
    assert (await plant.others.get("/api/bottling/recipes")).status_code == 200
    assert (await plant.others.get("/api/bottling/stuck")).status_code == 403
    assert (await plant.others.get("/api/bottling/recipes", headers={"Authorization": ""})).status_code == 401
