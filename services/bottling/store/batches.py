"""Batches with their materials and inspections."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson

from services.bottling.domain.batch import Answer, Batch, Material, MaterialLot
from services.bottling.domain.commands import Inspect
from services.bottling.domain.cost import Cost
from services.bottling.domain.recipe import recipe_of
from services.bottling.domain.standard import Standard
from services.bottling.store.recipes import recipe_text
from shared.runtime.answers import encode
from shared.runtime.transaction import Transaction

LOCK_BATCHES = """
SELECT batch_id, recipe_id, recipe_version, recipe, plan_reason, asked, question_version, answer_version,
       answer_batch_version, answer_status, version, revision, reason, quantity_planned, quantity_produced,
       quantity_defective, planned_at, expected_completion_at, started_at, ended_at, lot_code, produced_on, expires_on,
       cost_materials, cost_labour, cost_overhead, cost_total, cost_unit,
       standard_unit, standard_total, variance_price, variance_usage, variance_yield
FROM batches
WHERE batch_id = ANY ($1::uuid[])
ORDER BY batch_id
FOR UPDATE
"""
READ_MATERIALS = """
SELECT batch_id, material_id, name, required, consumed, held, backordered, issued, returned, cost, lots
FROM batch_materials
WHERE batch_id = ANY ($1::uuid[])
ORDER BY batch_id, place
"""


async def lock_batches(tx: Transaction, batch_ids: Iterable[UUID]) -> dict[UUID, Batch]:
    """The batches that exist, by id, which nobody else can change until the commit."""
    rows = await tx.fetch(LOCK_BATCHES, sorted(set(batch_ids)))
    materials: dict[UUID, list[Material]] = {row["batch_id"]: [] for row in rows}
    for found in await tx.fetch(READ_MATERIALS, list(materials)):
        fields = dict(found)
        lots = tuple(MaterialLot(**lot) for lot in orjson.loads(fields.pop("lots")))
        materials[fields.pop("batch_id")].append(Material(**fields, lots=lots))
    return {row["batch_id"]: _batch_of(row, tuple(materials[row["batch_id"]])) for row in rows}


def _batch_of(row: Any, materials: tuple[Material, ...]) -> Batch:
    return Batch(
        batch_id=row["batch_id"],
        recipe_id=row["recipe_id"],
        recipe_version=row["recipe_version"],
        recipe=recipe_of(orjson.loads(row["recipe"])),
        quantity_planned=row["quantity_planned"],
        materials=materials,
        planned_at=row["planned_at"],
        expected_completion_at=row["expected_completion_at"],
        plan_reason=row["plan_reason"],
        asked=row["asked"],
        question_version=row["question_version"],
        answer=_answer_of(row),
        version=row["version"],
        revision=row["revision"],
        reason=row["reason"],
        quantity_produced=row["quantity_produced"],
        quantity_defective=row["quantity_defective"],
        started_at=row["started_at"],
        ended_at=row["ended_at"],
        lot_code=row["lot_code"],
        produced_on=row["produced_on"],
        expires_on=row["expires_on"],
        cost=_cost_of(row),
        standard=_standard_of(row),
    )


def _answer_of(row: Any) -> Answer | None:
    if row["answer_version"] is None:
        return None
    return Answer(row["answer_version"], row["answer_batch_version"], row["answer_status"])


def _cost_of(row: Any) -> Cost | None:
    if row["cost_total"] is None:
        return None
    return Cost(row["cost_materials"], row["cost_labour"], row["cost_overhead"], row["cost_total"], row["cost_unit"])


def _standard_of(row: Any) -> Standard | None:
    if row["standard_unit"] is None:
        return None
    causes = (row["variance_price"], row["variance_usage"], row["variance_yield"])
    return Standard(row["standard_unit"], row["standard_total"], *causes)


SAVE_BATCHES = """
INSERT INTO batches (
    batch_id, product_id, recipe_id, recipe_version, recipe, status, materials_settled, asked, question_version,
    answer_version, answer_batch_version, answer_status, version, revision, reason, quantity_planned,
    quantity_produced, quantity_defective, planned_at, expected_completion_at, started_at, ended_at, lot_code,
    produced_on, expires_on, cost_materials, cost_labour, cost_overhead, cost_total, cost_unit, plan_reason,
    standard_unit, standard_total, variance_price, variance_usage, variance_yield
)
SELECT batch_id, product_id, recipe_id, recipe_version, recipe::jsonb, status, materials_settled, asked,
       question_version, answer_version, answer_batch_version, answer_status, version, revision, reason,
       quantity_planned, quantity_produced, quantity_defective, planned_at, expected_completion_at, started_at,
       ended_at, lot_code, produced_on, expires_on, cost_materials, cost_labour, cost_overhead, cost_total, cost_unit,
       plan_reason, standard_unit, standard_total, variance_price, variance_usage, variance_yield
FROM unnest(
    $1::uuid[], $2::text[], $3::text[], $4::integer[], $5::text[], $6::text[], $7::boolean[], $8::text[],
    $9::bigint[], $10::bigint[], $11::bigint[], $12::text[], $13::bigint[], $14::bigint[], $15::text[],
    $16::integer[], $17::integer[], $18::integer[], $19::timestamptz[], $20::timestamptz[], $21::timestamptz[],
    $22::timestamptz[], $23::text[], $24::date[], $25::date[], $26::numeric[], $27::numeric[], $28::numeric[],
    $29::numeric[], $30::numeric[], $31::text[], $32::numeric[],
    $33::numeric[], $34::numeric[], $35::numeric[], $36::numeric[]
) AS saved (
    batch_id, product_id, recipe_id, recipe_version, recipe, status, materials_settled, asked, question_version,
    answer_version, answer_batch_version, answer_status, version, revision, reason, quantity_planned,
    quantity_produced, quantity_defective, planned_at, expected_completion_at, started_at, ended_at, lot_code,
    produced_on, expires_on, cost_materials, cost_labour, cost_overhead, cost_total, cost_unit, plan_reason,
    standard_unit, standard_total, variance_price, variance_usage, variance_yield
)
ORDER BY batch_id
ON CONFLICT (batch_id) DO UPDATE
SET status = excluded.status,
    materials_settled = excluded.materials_settled,
    asked = excluded.asked,
    question_version = excluded.question_version,
    answer_version = excluded.answer_version,
    answer_batch_version = excluded.answer_batch_version,
    answer_status = excluded.answer_status,
    version = excluded.version,
    revision = excluded.revision,
    reason = excluded.reason,
    quantity_planned = excluded.quantity_planned,
    quantity_produced = excluded.quantity_produced,
    quantity_defective = excluded.quantity_defective,
    expected_completion_at = excluded.expected_completion_at,
    started_at = excluded.started_at,
    ended_at = excluded.ended_at,
    lot_code = excluded.lot_code,
    produced_on = excluded.produced_on,
    expires_on = excluded.expires_on,
    cost_materials = excluded.cost_materials,
    cost_labour = excluded.cost_labour,
    cost_overhead = excluded.cost_overhead,
    cost_total = excluded.cost_total,
    cost_unit = excluded.cost_unit,
    standard_unit = excluded.standard_unit,
    standard_total = excluded.standard_total,
    variance_price = excluded.variance_price,
    variance_usage = excluded.variance_usage,
    variance_yield = excluded.variance_yield
"""


async def save_batches(tx: Transaction, batches: Sequence[Batch]) -> None:
    """Writes new batches, and those locked before, with their materials."""
    await tx.execute(SAVE_BATCHES, *map(list, zip(*map(_batch_row, batches), strict=True)))
    await _save_materials(tx, batches)


def _batch_row(batch: Batch) -> tuple[Any, ...]:
    answer, cost, standard = batch.answer, batch.cost, batch.standard
    return (
        batch.batch_id,
        batch.recipe.product_id,
        batch.recipe_id,
        batch.recipe_version,
        recipe_text(batch.recipe),
        batch.status,
        batch.materials_settled,
        batch.asked,
        batch.question_version,
        *((answer.version, answer.batch_version, answer.status) if answer else (None, None, None)),
        batch.version,
        batch.revision,
        batch.reason,
        batch.quantity_planned,
        batch.quantity_produced,
        batch.quantity_defective,
        batch.planned_at,
        batch.expected_completion_at,
        batch.started_at,
        batch.ended_at,
        batch.lot_code,
        batch.produced_on,
        batch.expires_on,
        *((cost.materials, cost.labour, cost.overhead, cost.total, cost.unit) if cost else (None,) * 5),
        batch.plan_reason,
        *(_standard_row(standard) if standard else (None,) * 5),
    )


def _standard_row(standard: Standard) -> tuple[Any, ...]:
    return standard.unit, standard.total, standard.price, standard.usage, standard.loss


SAVE_MATERIALS = """
INSERT INTO batch_materials (
    batch_id, place, material_id, name, required, consumed, held, backordered, issued, returned, cost, lots
)
SELECT batch_id, place, material_id, name, required, consumed, held, backordered, issued, returned, cost, lots::jsonb
FROM unnest(
    $1::uuid[], $2::integer[], $3::text[], $4::text[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[],
    $9::bigint[], $10::bigint[], $11::numeric[], $12::text[]
) AS saved (batch_id, place, material_id, name, required, consumed, held, backordered, issued, returned, cost, lots)
ORDER BY batch_id, place
ON CONFLICT (batch_id, material_id) DO UPDATE
SET name = excluded.name,
    required = excluded.required,
    consumed = excluded.consumed,
    held = excluded.held,
    backordered = excluded.backordered,
    issued = excluded.issued,
    returned = excluded.returned,
    cost = excluded.cost,
    lots = excluded.lots
"""


async def _save_materials(tx: Transaction, batches: Sequence[Batch]) -> None:
    rows = [
        (
            batch.batch_id,
            place,
            material.material_id,
            material.name,
            material.required,
            material.consumed,
            material.held,
            material.backordered,
            material.issued,
            material.returned,
            material.cost,
            encode(material.lots).decode(),
        )
        for batch in batches
        for place, material in enumerate(batch.materials)
    ]
    await tx.execute(SAVE_MATERIALS, *map(list, zip(*rows, strict=True)))


@dataclass(frozen=True, slots=True)
class Inspection:
    """A quality check as it is kept."""

    inspection_id: UUID
    batch_id: UUID
    at: datetime
    actor: str
    check: Inspect


KNOWN_BATCHES = "SELECT batch_id FROM batches WHERE batch_id = ANY ($1::uuid[])"


async def known_batches(tx: Transaction, batch_ids: Sequence[UUID]) -> set[UUID]:
    """Those of the batches that are written already: by an earlier try whose news was lost."""
    return {row["batch_id"] for row in await tx.fetch(KNOWN_BATCHES, list(batch_ids))}


KNOWN_INSPECTIONS = "SELECT inspection_id FROM inspections WHERE inspection_id = ANY ($1::uuid[])"


async def known_inspections(tx: Transaction, inspection_ids: Sequence[UUID]) -> set[UUID]:
    """Those of the inspections that are written already, as `known_batches`."""
    return {row["inspection_id"] for row in await tx.fetch(KNOWN_INSPECTIONS, list(inspection_ids))}


INSERT_INSPECTIONS = """
INSERT INTO inspections (inspection_id, batch_id, at, actor, inspected, accepted, rejected, measures)
SELECT inspection_id, batch_id, at, actor, inspected, accepted, rejected::jsonb, measures::jsonb
FROM unnest(
    $1::uuid[], $2::uuid[], $3::timestamptz[], $4::text[], $5::integer[], $6::integer[], $7::text[], $8::text[]
) AS new (inspection_id, batch_id, at, actor, inspected, accepted, rejected, measures)
"""


async def insert_inspections(tx: Transaction, inspections: Sequence[Inspection]) -> None:
    """Adds quality checks, which never change."""
    await tx.execute(
        INSERT_INSPECTIONS,
        [inspection.inspection_id for inspection in inspections],
        [inspection.batch_id for inspection in inspections],
        [inspection.at for inspection in inspections],
        [inspection.actor for inspection in inspections],
        [inspection.check.inspected for inspection in inspections],
        [inspection.check.accepted for inspection in inspections],
        [orjson.dumps(inspection.check.rejected).decode() for inspection in inspections],
        [encode(inspection.check.measures).decode() for inspection in inspections],
    )
