"""What is told of a batch: its whole state as an event, kept as a question while it wants an answer."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, assert_never
from uuid import UUID

from services.bottling.domain.batch import QUESTIONS, Batch, Told
from services.bottling.domain.cost import Cost
from services.bottling.domain.questions import Delays, next_attempt_at
from services.bottling.store import batches as batch_store
from services.bottling.store import questions as question_store
from services.bottling.store.alerts import resolve_stuck
from services.bottling.store.questions import Question
from shared.contracts.bottling import (
    BatchCancelled,
    BatchCompleted,
    BatchConsumed,
    BatchCost,
    BatchFailed,
    BatchMaterial,
    BatchPlanned,
    BatchSnapshot,
    BatchStarted,
    BatchStartRequested,
)
from shared.contracts.values import Money
from shared.runtime.transaction import Transaction


@dataclass(frozen=True, slots=True)
class Telling:
    """An event about a batch as it was then; `cause` is the event that led to it."""

    batch: Batch
    told: Told
    cause: UUID | None = None


async def save_and_tell(
    tx: Transaction, batches: Sequence[Batch], tellings: Sequence[Telling], now: datetime, delays: Delays
) -> None:
    """Writes batches, locked before or new, publishes what is told, and keeps exactly the open questions."""
    if not batches:
        return
    await batch_store.save_batches(tx, batches)
    questions: dict[UUID, Question] = {}
    for telling in tellings:
        payload = payload_of(telling.batch, telling.told, now)
        tx.publish(payload, version=telling.batch.version, cause=telling.cause)
        if telling.told in QUESTIONS:
            questions[telling.batch.batch_id] = _question(telling, payload, now, delays)
    await _keep_questions(tx, list(questions.values()), [batch.batch_id for batch in batches if batch.answered], now)


async def _keep_questions(tx: Transaction, asked: Sequence[Question], answered: Sequence[UUID], now: datetime) -> None:
    """What was answered or asked anew is stuck no longer."""
    moved: list[str] = []
    if asked:
        moved += await question_store.save_questions(tx, asked, now)
    if answered:
        moved += await question_store.delete_questions(tx, answered)
    if moved:
        await resolve_stuck(tx, sorted(set(moved)), now)


def _question(telling: Telling, payload: BatchSnapshot, now: datetime, delays: Delays) -> Question:
    text, due = payload.model_dump_json(), next_attempt_at(now, 0, delays)
    return Question(telling.batch.batch_id, telling.told, telling.batch.version, text, 0, due)


def payload_of(batch: Batch, told: Told, now: datetime) -> BatchSnapshot:
    """The payload of an event about a batch."""
    match told:
        case "batch.planned":
            return BatchPlanned(**_snapshot(batch, now), plan_reason=batch.plan_reason)
        case "batch.start_requested":
            return BatchStartRequested(**_snapshot(batch, now))
        case "batch.started":
            return BatchStarted(**_snapshot(batch, now))
        case "batch.consumed":
            return BatchConsumed(**_snapshot(batch, now))
        case "batch.completed":
            return BatchCompleted(**_snapshot(batch, now), **_output(batch))
        case "batch.failed":
            return BatchFailed(**_snapshot(batch, now))
        case "batch.cancelled":
            return BatchCancelled(**_snapshot(batch, now))
        case _:
            assert_never(told)


def _snapshot(batch: Batch, now: datetime) -> dict[str, Any]:
    return {
        "occurred_at": now,
        "batch_id": str(batch.batch_id),
        "product_id": batch.recipe.product_id,
        "recipe_id": batch.recipe_id,
        "recipe_version": batch.recipe_version,
        "status": batch.status,
        "reason": batch.reason,
        "quantity_planned": batch.quantity_planned,
        "quantity_produced": batch.quantity_produced,
        "quantity_defective": batch.quantity_defective,
        "quantity_good": batch.quantity_good,
        "materials": tuple(
            BatchMaterial(material_id=part.material_id, required=part.required, consumed=part.consumed)
            for part in batch.materials
        ),
        "expected_completion_at": batch.expected_completion_at,
    }


def _output(batch: Batch) -> dict[str, Any]:
    if batch.cost is None:
        raise ValueError(f"batch {batch.batch_id} is told as completed without a cost")
    return {
        "lot_code": batch.lot_code,
        "produced_on": batch.produced_on,
        "expires_on": batch.expires_on,
        "cost": _cost(batch.cost, batch.recipe.currency),
    }


def _cost(cost: Cost, currency: str) -> BatchCost:
    def money(amount: Decimal) -> Money:
        return Money(amount=amount, currency=currency)

    return BatchCost(
        materials=money(cost.materials),
        labour=money(cost.labour),
        overhead=money(cost.overhead),
        total=money(cost.total),
        unit=money(cost.unit),
    )
