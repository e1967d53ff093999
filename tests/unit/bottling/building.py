"""Batches, recipes and inventory's snapshots for the tests of bottling's rules."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from services.bottling.domain.answers import MaterialState, Snapshot, hear
from services.bottling.domain.batch import Action, AnswerStatus, Batch, Status, plan
from services.bottling.domain.commands import (
    Accepted,
    Cancel,
    Command,
    Complete,
    Consume,
    Decision,
    Fail,
    Inspect,
    Rejected,
    Start,
    decide_command,
)
from services.bottling.domain.recipe import Ingredient, Recipe, RecipeVersion

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
BATCH_ID = UUID("019c1234-5678-7abc-8def-0123456789ab")
PERFUME = Ingredient("perfume", Decimal("50"), Decimal("2"))
BOTTLE = Ingredient("bottle", Decimal("1"), Decimal("0"))
RECIPE = Recipe(
    product_id="ROSE-50",
    materials=(PERFUME, BOTTLE),
    labour_cost=Decimal("0.75"),
    overhead_cost=Decimal("0.25"),
    currency="EUR",
    expected_minutes=90,
    shelf_life_days=730,
    replenishment="off",
    batch_size=None,
)

ONE_OF_EACH: dict[Action, Command] = {
    "start": Start(),
    "quality-checks": Inspect(4, 3, (Rejected("leak", 1),)),
    "consumption": Consume({"bottle": 8}),
    "complete": Complete(),
    "cancel": Cancel("not needed"),
    "fail": Fail("spilled", {}),
}


def planned(quantity: int = 10) -> Batch:
    """A batch that inventory has not answered."""
    return plan(BATCH_ID, RecipeVersion("rose", 1, RECIPE, NOW), quantity, {"perfume": "Rose oil"}, NOW)


def snapshot(batch: Batch, version: int, status: AnswerStatus, **changes: Any) -> Snapshot:
    """What inventory says of a batch: everything held, issued or gone, by status; `changes` for every material."""
    answered = changes.pop("batch_version", batch.question_version)
    return Snapshot(
        str(batch.batch_id),
        version,
        answered,
        status,
        tuple(
            replace(_state(material.material_id, material.required, status), **changes) for material in batch.materials
        ),
    )


def _state(material_id: str, required: int, status: AnswerStatus) -> MaterialState:
    held = required if status == "reserved" else required - 1 if status == "short" else 0
    issued = required if status in ("issued", "settled") else 0
    backordered = 1 if status == "short" else 0
    cost = Decimal(issued) * Decimal("0.10") if issued else None
    return MaterialState(material_id, material_id.title(), held, backordered, issued, 0, cost)


def answered(batch: Batch, status: AnswerStatus, **changes: Any) -> Batch:
    """The batch after inventory's next answer."""
    version = 1 if batch.answer is None else batch.answer.version + 1
    return hear(batch, snapshot(batch, version, status, **changes), later(5)).batch


def commanded(batch: Batch, *commands: Command) -> Batch:
    """The batch after commands that must be accepted."""
    for command in commands:
        decision = decide_command(batch, command, later(10))
        assert isinstance(decision, Accepted), decision
        batch = decision.batch
    return batch


def later(minutes: int) -> datetime:
    return NOW + timedelta(minutes=minutes)


def batch_in(status: Status) -> Batch:
    """A batch brought to this status by commands and answers."""
    ready = answered(planned(), "reserved")
    running = answered(commanded(ready, Start()), "issued")
    checked = commanded(running, Inspect(10, 8, (Rejected("leak", 2),)))
    settled = answered(commanded(checked, Consume({})), "settled")
    found: dict[Status, Batch] = {
        "planned": planned(),
        "short": answered(planned(), "short"),
        "ready": ready,
        "starting": commanded(ready, Start()),
        "in_progress": running,
        "quality_check": checked,
        "completed": commanded(settled, Complete()),
        "failed": commanded(running, Fail("spilled", {})),
        "cancelled": commanded(ready, Cancel("not needed")),
    }
    return found[status]


def outcomes(batch: Batch, commands: Iterable[Command]) -> list[Decision]:
    """What each command would come to, each on the batch as it is."""
    return [decide_command(batch, command, later(20)) for command in commands]
