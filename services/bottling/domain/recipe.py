"""Recipes: what a unit of a product is made of, and how much of it a batch needs."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from math import ceil
from typing import Any, Literal

Replenishment = Literal["off", "plan", "plan_and_start"]


@dataclass(frozen=True, slots=True)
class Ingredient:
    """One material of a recipe: base units per unit of the product, the share lost on the way, money per base unit."""

    material_id: str
    quantity_per_unit: Decimal
    waste_percent: Decimal
    standard_price: Decimal | None = None

    @property
    def per_unit(self) -> Fraction:
        """Base units that one unit takes, waste included, exactly."""
        return Fraction(self.quantity_per_unit) * (1 + Fraction(self.waste_percent) / 100)

    def need(self, quantity: int) -> int:
        """Base units that a batch of `quantity` needs: exact, and rounded up once."""
        return ceil(quantity * self.per_unit)


@dataclass(frozen=True, slots=True)
class Recipe:
    """Bill of materials, labour and overhead (money per unit produced), minutes of one batch, shelf life in days."""

    product_id: str
    materials: tuple[Ingredient, ...]
    labour_cost: Decimal
    overhead_cost: Decimal
    currency: str
    expected_minutes: int
    shelf_life_days: int | None
    replenishment: Replenishment
    batch_size: int | None


def fields_of(recipe: Recipe) -> dict[str, Any]:
    """The recipe as clients and tables see it: decimals as strings, as they were written down."""
    return {
        "product_id": recipe.product_id,
        "materials": [
            {
                "material_id": part.material_id,
                "quantity_per_unit": format(part.quantity_per_unit, "f"),
                "waste_percent": format(part.waste_percent, "f"),
                "standard_price": _money(part.standard_price, recipe.currency),
            }
            for part in recipe.materials
        ],
        "labour_cost": {"amount": format(recipe.labour_cost, "f"), "currency": recipe.currency},
        "overhead_cost": {"amount": format(recipe.overhead_cost, "f"), "currency": recipe.currency},
        "expected_minutes": recipe.expected_minutes,
        "shelf_life_days": recipe.shelf_life_days,
        "replenishment": recipe.replenishment,
        "batch_size": recipe.batch_size,
    }


def _money(amount: Decimal | None, currency: str) -> dict[str, str] | None:
    return None if amount is None else {"amount": format(amount, "f"), "currency": currency}


def _ingredient_of(fields: Mapping[str, Any]) -> Ingredient:
    """One that was written down before there were standard prices has none."""
    price = fields.get("standard_price")
    return Ingredient(
        fields["material_id"],
        Decimal(fields["quantity_per_unit"]),
        Decimal(fields["waste_percent"]),
        None if price is None else Decimal(price["amount"]),
    )


def recipe_of(fields: Mapping[str, Any]) -> Recipe:
    """The recipe in `fields_of`'s answer."""
    return Recipe(
        product_id=fields["product_id"],
        materials=tuple(_ingredient_of(part) for part in fields["materials"]),
        labour_cost=Decimal(fields["labour_cost"]["amount"]),
        overhead_cost=Decimal(fields["overhead_cost"]["amount"]),
        currency=fields["labour_cost"]["currency"],
        expected_minutes=fields["expected_minutes"],
        shelf_life_days=fields["shelf_life_days"],
        replenishment=fields["replenishment"],
        batch_size=fields["batch_size"],
    )


@dataclass(frozen=True, slots=True)
class RecipeVersion:
    """A recipe as it was written down once; versions never change."""

    recipe_id: str
    version: int
    recipe: Recipe
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Item:
    """What inventory told of a product or material."""

    item_id: str
    kind: Literal["product", "material"]
    name: str
    active: bool


@dataclass(frozen=True, slots=True)
class FieldProblem:
    """What is wrong with one field of a request; `pointer` as in `/materials/0/material_id`."""

    detail: str
    pointer: str


def problems_of(recipe: Recipe, items: Mapping[str, Item]) -> list[FieldProblem]:
    """What keeps a recipe from being written down: unknown or repeated items."""
    found: list[FieldProblem] = []
    if not _is_known(items, recipe.product_id, "product"):
        found.append(FieldProblem(f"unknown product {recipe.product_id}", "/product_id"))
    earlier: set[str] = set()
    for place, ingredient in enumerate(recipe.materials):
        pointer = f"/materials/{place}/material_id"
        if ingredient.material_id in earlier:
            found.append(FieldProblem(f"material {ingredient.material_id} is listed twice", pointer))
        elif not _is_known(items, ingredient.material_id, "material"):
            found.append(FieldProblem(f"unknown material {ingredient.material_id}", pointer))
        earlier.add(ingredient.material_id)
    return found


def _is_known(items: Mapping[str, Item], item_id: str, kind: str) -> bool:
    item = items.get(item_id)
    return item is not None and item.active and item.kind == kind


def items_of(recipes: Iterable[Recipe]) -> list[str]:
    """Every product and material that the recipes name, sorted."""
    return sorted(
        {id for recipe in recipes for id in (recipe.product_id, *(part.material_id for part in recipe.materials))}
    )


def current_recipe(
    versions: Sequence[RecipeVersion], recipe_id: str | None, product_id: str | None
) -> RecipeVersion | None:
    """The newest version of the recipe that is named, else the one last written down for the product."""
    fitting = [
        version
        for version in versions
        if recipe_id in (None, version.recipe_id) and product_id in (None, version.recipe.product_id)
    ]
    return max(fitting, key=lambda version: (version.created_at, version.recipe_id, version.version), default=None)
