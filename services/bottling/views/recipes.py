"""Recipes as clients see them."""

from datetime import datetime
from typing import Any

import orjson

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
    recipe = orjson.loads(row["recipe"])
    return {"recipe_id": row["recipe_id"], **recipe, "version": row["version"], "created_at": row["created_at"]}
