"""Recipes and their versions; a recipe is kept as the JSON that clients see."""

from collections.abc import Sequence
from typing import Any

import orjson

from services.bottling.domain.recipe import Recipe, RecipeVersion, fields_of, recipe_of
from shared.runtime.transaction import Transaction


def recipe_text(recipe: Recipe) -> str:
    """A recipe as JSON text."""
    return orjson.dumps(fields_of(recipe)).decode()


def _version_of(row: Any) -> RecipeVersion:
    return RecipeVersion(row["recipe_id"], row["version"], recipe_of(orjson.loads(row["recipe"])), row["created_at"])


INSERT_RECIPES = """
INSERT INTO recipes (recipe_id, product_id, newest_version)
SELECT recipe_id, product_id, 1
FROM unnest($1::text[], $2::text[]) AS new (recipe_id, product_id)
ORDER BY recipe_id
ON CONFLICT DO NOTHING
RETURNING recipe_id
"""


async def insert_recipes(tx: Transaction, versions: Sequence[RecipeVersion]) -> set[str]:
    """Claims the ids that nobody has; returns those, whose first versions are then written."""
    rows = await tx.fetch(
        INSERT_RECIPES,
        [version.recipe_id for version in versions],
        [version.recipe.product_id for version in versions],
    )
    return {row["recipe_id"] for row in rows}


INSERT_VERSIONS = """
INSERT INTO recipe_versions (recipe_id, version, product_id, recipe, created_at)
SELECT recipe_id, version, product_id, recipe::jsonb, created_at
FROM unnest($1::text[], $2::integer[], $3::text[], $4::text[], $5::timestamptz[])
     AS new (recipe_id, version, product_id, recipe, created_at)
"""


async def insert_versions(tx: Transaction, versions: Sequence[RecipeVersion]) -> None:
    """Writes versions down, for ever."""
    await tx.execute(
        INSERT_VERSIONS,
        [version.recipe_id for version in versions],
        [version.version for version in versions],
        [version.recipe.product_id for version in versions],
        [recipe_text(version.recipe) for version in versions],
        [version.created_at for version in versions],
    )


READ_FIRST_VERSIONS = """
SELECT recipe_id, version, recipe, created_at
FROM recipe_versions
WHERE recipe_id = ANY ($1::text[]) AND version = 1
"""


async def read_first_versions(tx: Transaction, recipe_ids: Sequence[str]) -> dict[str, RecipeVersion]:
    """The recipes as they were created, by id."""
    return {row["recipe_id"]: _version_of(row) for row in await tx.fetch(READ_FIRST_VERSIONS, list(recipe_ids))}


LOCK_RECIPES = """
SELECT recipe_id, newest_version
FROM recipes
WHERE recipe_id = ANY ($1::text[])
ORDER BY recipe_id
FOR UPDATE
"""
READ_NEWEST_VERSIONS = """
SELECT recipe_id, version, recipe, created_at
FROM recipe_versions
JOIN unnest($1::text[], $2::integer[]) AS newest (recipe_id, version) USING (recipe_id, version)
"""


async def lock_recipes(tx: Transaction, recipe_ids: Sequence[str]) -> dict[str, RecipeVersion]:
    """The newest versions, by id, to which nobody else can add until the commit."""
    locked = await tx.fetch(LOCK_RECIPES, list(recipe_ids))
    ids, numbers = [row["recipe_id"] for row in locked], [row["newest_version"] for row in locked]
    return {row["recipe_id"]: _version_of(row) for row in await tx.fetch(READ_NEWEST_VERSIONS, ids, numbers)}


SET_NEWEST_VERSIONS = """
UPDATE recipes
SET newest_version = newest.version
FROM unnest($1::text[], $2::integer[]) AS newest (recipe_id, version)
WHERE recipes.recipe_id = newest.recipe_id
"""


async def set_newest_versions(tx: Transaction, versions: Sequence[RecipeVersion]) -> None:
    """Moves recipes, locked before, to their new versions."""
    ids, numbers = [version.recipe_id for version in versions], [version.version for version in versions]
    await tx.execute(SET_NEWEST_VERSIONS, ids, numbers)


READ_RECIPES_FOR = """
SELECT recipe_id, version, recipe_versions.recipe, created_at
FROM recipes
JOIN recipe_versions USING (recipe_id)
WHERE recipe_versions.version = recipes.newest_version
  AND (recipe_id = ANY ($1::text[]) OR recipes.product_id = ANY ($2::text[]))
"""


async def read_recipes_for(
    tx: Transaction, recipe_ids: Sequence[str], product_ids: Sequence[str]
) -> list[RecipeVersion]:
    """The newest version of every recipe that is named, and of every recipe of the products."""
    return [_version_of(row) for row in await tx.fetch(READ_RECIPES_FOR, list(recipe_ids), list(product_ids))]
