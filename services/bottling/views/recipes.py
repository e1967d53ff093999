"""Recipes as clients see them."""

from datetime import datetime
from typing import Any

import orjson

from services.bottling.domain.cost import to_four_places
from services.bottling.domain.recipe import Recipe, fields_of, recipe_of
from services.bottling.domain.standard import standard_unit_cost
from services.bottling.views.reading import Reader

READ_RECIPE = """
SELECT recipe_id, version, recipe, created_at
FROM recipe_versions
WHERE recipe_id = $1
  AND version = coalesce($2::integer, (SELECT newest_version FROM recipes WHERE recipe_id = $1))
"""


async def read_recipe(reader: Reader, recipe_id: str, version: int | None) -> dict[str, Any] | None:
    """One version of a recipe, the newest without `version`."""
    rows = await reader.fetch(READ_RECIPE, recipe_id, version)
    return _body(rows[0]) if rows else None


LIST_RECIPES = """
SELECT recipe_versions.recipe_id, version, recipe, created_at
FROM recipe_versions
JOIN recipes USING (recipe_id)
WHERE version = coalesce($1::integer, recipes.newest_version)
  AND ($2::text IS NULL OR recipes.product_id = $2)
  AND ($3::timestamptz IS NULL OR (created_at, recipe_versions.recipe_id) < ($3, $4::text))
ORDER BY created_at DESC, recipe_versions.recipe_id DESC
LIMIT $5
"""


async def list_recipes(
    reader: Reader, product_id: str | None, version: int | None, before: tuple[datetime, str] | None, most: int
) -> list[dict[str, Any]]:
    """The newest version of each recipe, or of each the given one; what was written last comes first."""
    at, recipe_id = before or (None, None)
    rows = await reader.fetch(LIST_RECIPES, version, product_id, at, recipe_id, most)
    return [_body(row) for row in rows]


def _body(row: Any) -> dict[str, Any]:
    return recipe_body(row["recipe_id"], row["version"], recipe_of(orjson.loads(row["recipe"])), row["created_at"])


def recipe_body(recipe_id: str, version: int, recipe: Recipe, created_at: datetime) -> dict[str, Any]:
    """A version of a recipe as it was written down, and what a unit costs by it."""
    unit = standard_unit_cost(recipe)
    cost = None if unit is None else {"amount": format(to_four_places(unit), "f"), "currency": recipe.currency}
    fields = fields_of(recipe)
    return {"recipe_id": recipe_id, **fields, "standard_unit": cost, "version": version, "created_at": created_at}
