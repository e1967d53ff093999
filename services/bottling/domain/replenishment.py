"""Replenishment: from what inventory says a product needs to the one batch that is proposed for it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal
from uuid import UUID

from services.bottling.domain.batch import Batch, plan
from services.bottling.domain.commands import Accepted, Start, decide_command
from services.bottling.domain.recipe import RecipeVersion


@dataclass(frozen=True, slots=True)
class Need:
    """The newest that inventory told of a product.

    `target` = units that should be on their way, 0 when nothing is needed; `batches_ended` = batches of whose end
    inventory knew; `cause` = the event that told it.
    """

    product_id: str
    version: int
    target: int
    batches_ended: int | None
    cause: UUID


@dataclass(frozen=True, slots=True)
class Supply:
    """Units that batches of a product are to bring, how many batches have ended, and the one that may still grow."""

    open_units: int
    ended: int
    proposal: Batch | None = None


def target_of(
    status: Literal["raised", "open", "resolved"], shortage: int, incoming: int, suggested_quantity: int
) -> int:
    """Units that should be on their way: what was with what is suggested, or less if that is too much already."""
    if status == "resolved":
        return 0
    return incoming + suggested_quantity if suggested_quantity > 0 else max(0, shortage)


def missing_units(need: Need, supply: Supply) -> int:
    """Units that no batch is to bring; none as long as inventory has not heard what ended, for it will tell anew."""
    if need.batches_ended is not None and need.batches_ended < supply.ended:
        return 0
    return max(0, need.target - supply.open_units)


def propose(
    batch_id: UUID,
    need: Need,
    supply: Supply,
    version: RecipeVersion,
    names: Mapping[str, str],
    most: int,
    now: datetime,
) -> Batch | None:
    """The product's proposal as it is to be, new or grown, of at most `most` units; None when it stays as it is."""
    missing = missing_units(need, supply)
    if missing == 0 or version.recipe.replenishment == "off":
        return None
    if supply.proposal is not None:
        return grown(supply.proposal, supply.proposal.quantity_planned + missing, most)
    quantity = min(missing, version.recipe.batch_size or most, most)
    return replace(plan(batch_id, version, quantity, names, now), plan_reason="replenishment")


def grown(batch: Batch, quantity: int, most: int) -> Batch | None:
    """The proposal with more units by its own recipe, asked of inventory anew; None if it may not grow."""
    quantity = min(quantity, batch.recipe.batch_size or most, most)
    if batch.asked != "plan" or quantity <= batch.quantity_planned:
        return None
    needs = {part.material_id: part.need(quantity) for part in batch.recipe.materials}
    version = batch.version + 1
    return replace(
        batch,
        quantity_planned=quantity,
        materials=tuple(replace(part, required=needs[part.material_id]) for part in batch.materials),
        version=version,
        question_version=version,
        revision=batch.revision + 1,
    )


def start_by_itself(batch: Batch, now: datetime) -> Accepted | None:
    """The start of a batch that is ready and was planned to start by itself."""
    wanted = batch.plan_reason == "replenishment" and batch.recipe.replenishment == "plan_and_start"
    if not wanted or batch.status != "ready":
        return None
    decision = decide_command(batch, Start(), now)
    return decision if isinstance(decision, Accepted) else None
