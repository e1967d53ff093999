"""What products need, as inventory told it last, and what of it no batch is to bring."""

from collections.abc import Sequence

from services.bottling.domain.replenishment import Need, Supply
from services.bottling.store.batches import lock_batches
from shared.runtime.transaction import Transaction

SAVE_NEEDS = """
INSERT INTO needs (product_id, version, target, batches_ended, cause)
SELECT product_id, version, target, batches_ended, cause
FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::bigint[], $5::uuid[])
     AS told (product_id, version, target, batches_ended, cause)
ORDER BY product_id
ON CONFLICT (product_id) DO UPDATE
SET version = excluded.version, target = excluded.target, batches_ended = excluded.batches_ended,
    cause = excluded.cause
WHERE needs.version < excluded.version
"""


async def save_needs(tx: Transaction, needs: Sequence[Need]) -> None:
    """Keeps each need, one a product, unless a newer one is known."""
    await tx.execute(
        SAVE_NEEDS,
        [need.product_id for need in needs],
        [need.version for need in needs],
        [need.target for need in needs],
        [need.batches_ended for need in needs],
        [need.cause for need in needs],
    )


FIND_UNMET = """
SELECT needs.product_id
FROM needs
CROSS JOIN LATERAL (
    SELECT coalesce(sum(quantity_planned - quantity_defective), 0) AS units
    FROM batches
    WHERE batches.product_id = needs.product_id AND status NOT IN ('completed', 'failed', 'cancelled')
) AS coming
WHERE needs.target > 0 AND needs.target > coming.units
  AND EXISTS (
    SELECT
    FROM recipes
    JOIN recipe_versions ON recipe_versions.recipe_id = recipes.recipe_id
                        AND recipe_versions.version = recipes.newest_version
    WHERE recipes.product_id = needs.product_id AND recipe_versions.recipe ->> 'replenishment' <> 'off')
  AND NOT EXISTS (
    SELECT
    FROM batches
    WHERE batches.product_id = needs.product_id AND plan_reason = 'replenishment' AND asked = 'plan'
      AND quantity_planned >= least((recipe ->> 'batch_size')::bigint, $2))
ORDER BY needs.product_id
LIMIT $1
"""


async def find_unmet(tx: Transaction, limit: int, most: int) -> list[str]:
    """Products that need more than is on its way, that a recipe may replenish, and whose proposal may grow."""
    return [row["product_id"] for row in await tx.fetch(FIND_UNMET, limit, most)]


LOCK_NEEDS = """
SELECT product_id, version, target, batches_ended, cause
FROM needs
WHERE product_id = ANY ($1::text[])
ORDER BY product_id
FOR UPDATE
"""


async def lock_needs(tx: Transaction, product_ids: Sequence[str]) -> dict[str, Need]:
    """The needs of these products, by product; whoever plans for a product locks its need first."""
    return {row["product_id"]: Need(**row) for row in await tx.fetch(LOCK_NEEDS, list(product_ids))}


FIND_PROPOSALS = """
SELECT batch_id
FROM batches
WHERE product_id = ANY ($1::text[]) AND plan_reason = 'replenishment' AND asked = 'plan'
"""
READ_SUPPLY = """
SELECT asked.product_id, coming.units AS open_units, past.ended
FROM unnest($1::text[]) AS asked (product_id)
CROSS JOIN LATERAL (
    SELECT coalesce(sum(quantity_planned - quantity_defective), 0) AS units
    FROM batches
    WHERE batches.product_id = asked.product_id AND status NOT IN ('completed', 'failed', 'cancelled')
) AS coming
CROSS JOIN LATERAL (
    SELECT count(*) AS ended
    FROM batches
    WHERE batches.product_id = asked.product_id AND status IN ('completed', 'failed', 'cancelled')
) AS past
"""


async def lock_supply(tx: Transaction, product_ids: Sequence[str]) -> dict[str, Supply]:
    """What is to come of each product, whose need must be locked; its proposal, which may have started, is locked."""
    found = await tx.fetch(FIND_PROPOSALS, list(product_ids))
    locked = await lock_batches(tx, (row["batch_id"] for row in found))
    proposals = {batch.recipe.product_id: batch for batch in locked.values()}
    return {
        row["product_id"]: Supply(row["open_units"], row["ended"], proposals.get(row["product_id"]))
        for row in await tx.fetch(READ_SUPPLY, list(product_ids))
    }
