"""What a batch needs of each material, and which recipe a product is bottled by."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from services.bottling.domain.recipe import (
    Ingredient,
    Item,
    RecipeVersion,
    current_recipe,
    fields_of,
    items_of,
    problems_of,
    recipe_of,
)
from tests.unit.bottling.building import NOW, RECIPE, planned

per_unit = st.decimals(min_value="0.000000000001", max_value=1_000_000, allow_nan=False, places=12)
waste = st.decimals(min_value=0, max_value=1000, allow_nan=False, places=12)
quantities = st.integers(1, 100_000)

KNOWN = {
    "ROSE-50": Item("ROSE-50", "product", "Rose 50 ml", True),
    "perfume": Item("perfume", "material", "Rose oil", True),
    "bottle": Item("bottle", "material", "Bottle", True),
}


@given(per_unit, waste, quantities)
def test_a_need_is_the_exact_quantity_rounded_up_to_the_next_unit(each: Decimal, lost: Decimal, quantity: int) -> None:
    exact = Fraction(quantity) * Fraction(each) * (100 + Fraction(lost)) / 100
    need = Ingredient("perfume", each, lost).need(quantity)
    assert exact <= need < exact + 1


@given(per_unit, waste, quantities, quantities)
def test_a_larger_batch_never_needs_less_and_never_more_than_its_parts(
    each: Decimal, lost: Decimal, one: int, other: int
) -> None:
    ingredient = Ingredient("perfume", each, lost)
    whole, parts = ingredient.need(one + other), ingredient.need(one) + ingredient.need(other)
    assert max(ingredient.need(one), ingredient.need(other)) <= whole <= parts <= whole + 1


def test_a_need_is_rounded_once_per_batch_not_once_per_unit() -> None:
    assert Ingredient("label", Decimal("0.1"), Decimal("0")).need(25) == 3


def test_a_need_that_is_whole_is_not_rounded_up() -> None:
    assert Ingredient("perfume", Decimal("0.1"), Decimal("10")).need(100) == 11


def test_a_need_has_no_error_of_floating_point() -> None:
    assert Ingredient("perfume", Decimal("1.1"), Decimal("0")).need(3000) == 3300


def test_a_batch_needs_each_material_of_its_recipe_with_waste() -> None:
    needs = {material.material_id: material.required for material in planned(10).materials}
    assert needs == {"perfume": 510, "bottle": 10}


def test_a_recipe_of_known_items_is_accepted() -> None:
    assert problems_of(RECIPE, KNOWN) == []


def test_every_unknown_inactive_or_repeated_item_is_told_with_its_place() -> None:
    recipe = replace(RECIPE, product_id="bottle", materials=(*RECIPE.materials, RECIPE.materials[0], _of("ghost")))
    known = {**KNOWN, "perfume": replace(KNOWN["perfume"], active=False)}
    assert [problem.pointer for problem in problems_of(recipe, known)] == [
        "/product_id",
        "/materials/0/material_id",
        "/materials/2/material_id",
        "/materials/3/material_id",
    ]


def test_a_material_is_listed_once() -> None:
    recipe = replace(RECIPE, materials=(*RECIPE.materials, RECIPE.materials[1]))
    assert [problem.pointer for problem in problems_of(recipe, KNOWN)] == ["/materials/2/material_id"]


def test_a_product_is_no_material() -> None:
    recipe = replace(RECIPE, materials=(_of("ROSE-50"),))
    assert [problem.pointer for problem in problems_of(recipe, KNOWN)] == ["/materials/0/material_id"]


def test_a_recipe_names_its_product_and_materials_once_each() -> None:
    assert items_of(recipe for recipe in (RECIPE, RECIPE)) == ["ROSE-50", "bottle", "perfume"]


@given(per_unit, waste)
def test_a_recipe_is_kept_as_it_was_written(each: Decimal, lost: Decimal) -> None:
    recipe = replace(RECIPE, materials=(Ingredient("perfume", each, lost),))
    kept = recipe_of(fields_of(recipe))
    assert kept == recipe
    assert fields_of(kept) == fields_of(recipe)


def test_the_recipe_of_a_product_is_the_one_written_down_last() -> None:
    old, new = RecipeVersion("a", 7, RECIPE, NOW), RecipeVersion("b", 1, RECIPE, NOW + timedelta(seconds=1))
    assert current_recipe([new, old], None, "ROSE-50") == new
    assert current_recipe([new, old], "a", None) == old
    assert current_recipe([new, old], "a", "ROSE-50") == old
    assert current_recipe([new, old], "a", "LILY-50") is None
    assert current_recipe([], None, "ROSE-50") is None


def _of(material_id: str) -> Ingredient:
    return Ingredient(material_id, Decimal(1), Decimal(0))
