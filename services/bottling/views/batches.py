"""Batches as clients see them."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

import orjson

from services.bottling.domain.commands import Measure
from services.bottling.domain.cost import at_least_four_places
from services.bottling.views.reading import Reader

READ_BATCHES = """
SELECT batch_id, product_id, recipe_id, recipe_version, status, plan_reason, reason, quantity_planned,
       quantity_produced, quantity_defective, quantity_good, materials_settled, lot_code, expected_completion_at,
       started_at, ended_at, revision, cost_materials, cost_labour, cost_overhead, cost_total, cost_unit,
       standard_unit, standard_total, variance_price, variance_usage, variance_yield,
       recipe -> 'labour_cost' ->> 'currency' AS currency,
       coalesce(answer_batch_version >= question_version, false) AS answered,
       (SELECT json_agg(json_build_object(
                   'material_id', material_id, 'name', name, 'required', required, 'held', held,
                   'backordered', backordered, 'issued', issued, 'consumed', consumed, 'returned', returned,
                   'lots', lots)
                   ORDER BY place)
        FROM batch_materials
        WHERE batch_materials.batch_id = batches.batch_id) AS materials,
       (SELECT json_agg(json_build_object(
                   'at', to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'), 'actor', actor,
                   'inspected', inspected, 'accepted', accepted, 'rejected', rejected, 'measures', measures)
                   ORDER BY inspection_id)
        FROM inspections
        WHERE inspections.batch_id = batches.batch_id) AS inspections,
       (SELECT json_agg(json_build_object(
                   'lot_id', lot_id, 'item_id', item_id, 'lot_code', recalled_lots.lot_code,
                   'reason', recalled_lots.reason)
                   ORDER BY item_id, lot_id)
        FROM recalled_lots
        WHERE (recalled_lots.item_id = batches.product_id AND recalled_lots.lot_code = batches.lot_code)
           OR lot_id IN (
               SELECT jsonb_array_elements(lots) ->> 'lot_id'
               FROM batch_materials
               WHERE batch_materials.batch_id = batches.batch_id)) AS recalled_lots
FROM batches
WHERE batch_id = ANY ($1::uuid[])
"""


@dataclass(frozen=True, slots=True)
class BatchView:
    """The body of a batch; `answered`: inventory has answered the newest question about it."""

    body: dict[str, Any]
    answered: bool

    @property
    def status(self) -> str:
        return str(self.body["status"])


async def read_batches(reader: Reader, batch_ids: Iterable[UUID]) -> dict[str, BatchView]:
    """The batches that exist, by id."""
    rows = await reader.fetch(READ_BATCHES, list(batch_ids))
    return {str(row["batch_id"]): BatchView(_body(row), row["answered"]) for row in rows}


def _body(row: Any) -> dict[str, Any]:
    return {
        "batch_id": str(row["batch_id"]),
        "product_id": row["product_id"],
        "recipe_id": row["recipe_id"],
        "recipe_version": row["recipe_version"],
        "status": row["status"],
        "plan_reason": row["plan_reason"],
        "reason": row["reason"],
        "quantity_planned": row["quantity_planned"],
        "quantity_produced": row["quantity_produced"],
        "quantity_defective": row["quantity_defective"],
        "quantity_good": row["quantity_good"],
        "materials": orjson.loads(row["materials"] or "[]"),
        "materials_settled": row["materials_settled"],
        "recalled_lots": orjson.loads(row["recalled_lots"] or "[]"),
        "inspections": [_inspection(found) for found in orjson.loads(row["inspections"] or "[]")],
        "cost": _cost(row),
        "lot_code": row["lot_code"],
        "expected_completion_at": row["expected_completion_at"],
        "started_at": row["started_at"],
        "ended_at": row["ended_at"],
        "version": row["revision"],
    }


def _inspection(found: dict[str, Any]) -> dict[str, Any]:
    return {**found, "measures": [{**measure, "within_limits": _within(measure)} for measure in found["measures"]]}


def _within(measure: dict[str, Any]) -> bool:
    low, high = (None if measure[name] is None else Decimal(measure[name]) for name in ("low", "high"))
    return Measure(measure["name"], Decimal(measure["value"]), low, high).within


def _cost(row: Any) -> dict[str, Any] | None:
    if row["cost_total"] is None:
        return None

    def money(amount: Decimal) -> dict[str, str]:
        return {"amount": format(at_least_four_places(amount), "f"), "currency": row["currency"]}

    return {
        "materials": money(row["cost_materials"]),
        "labour": money(row["cost_labour"]),
        "overhead": money(row["cost_overhead"]),
        "total": money(row["cost_total"]),
        "unit": money(row["cost_unit"]),
        "standard_unit": None if row["standard_unit"] is None else money(row["standard_unit"]),
        "variance": None if row["standard_unit"] is None else _variance(row, money),
    }


def _variance(row: Any, money: Callable[[Decimal], dict[str, str]]) -> dict[str, Any]:
    """What the batch cost more than its good units should have, by cause; less is negative."""
    causes = {cause: money(row[f"variance_{cause}"]) for cause in ("price", "usage", "yield")}
    return {**causes, "total": money(row["cost_total"] - row["standard_total"])}


LIST_BATCHES = """
SELECT batch_id
FROM batches
WHERE ($1::text IS NULL OR status = $1)
  AND ($2::text IS NULL OR product_id = $2)
  AND ($3::uuid IS NULL OR batch_id < $3)
ORDER BY batch_id DESC
LIMIT $4
"""


async def list_batches(
    reader: Reader, status: str | None, product_id: str | None, before: UUID | None, most: int
) -> list[dict[str, Any]]:
    """Bodies, newest first."""
    rows = await reader.fetch(LIST_BATCHES, status, product_id, before, most)
    ids = [row["batch_id"] for row in rows]
    views = await read_batches(reader, ids)
    return [views[str(id)].body for id in ids]
