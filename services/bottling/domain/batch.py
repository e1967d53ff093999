"""A batch: what was asked of it, what inventory answered last, and the status that follows from both."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Final, Literal, assert_never
from uuid import UUID

from services.bottling.domain.cost import Cost
from services.bottling.domain.recipe import Recipe, RecipeVersion
from services.bottling.domain.standard import Standard

Status = Literal[
    "planned", "short", "ready", "starting", "in_progress", "quality_check", "completed", "failed", "cancelled"
]
Action = Literal["start", "quality-checks", "consumption", "complete", "cancel", "fail"]
Asked = Literal["plan", "start", "consume", "complete", "cancel", "fail"]
Told = Literal[
    "batch.planned",
    "batch.start_requested",
    "batch.started",
    "batch.consumed",
    "batch.completed",
    "batch.failed",
    "batch.cancelled",
]
PlanReason = Literal["manual", "replenishment"]
AnswerStatus = Literal["reserved", "short", "issued", "settled", "released"]

QUESTIONS: Final[frozenset[Told]] = frozenset(
    {"batch.planned", "batch.start_requested", "batch.consumed", "batch.failed", "batch.cancelled"}
)
ALLOWED: Final[Mapping[Status, tuple[Action, ...]]] = {
    "planned": ("cancel",),
    "short": ("cancel",),
    "ready": ("start", "cancel"),
    "starting": (),
    "in_progress": ("quality-checks", "consumption", "fail"),
    "quality_check": ("quality-checks", "consumption", "complete", "fail"),
    "completed": (),
    "failed": (),
    "cancelled": (),
}
LED_HERE: Final[Mapping[Status, Action]] = {
    "starting": "start",
    "in_progress": "start",
    "completed": "complete",
    "failed": "fail",
    "cancelled": "cancel",
}


@dataclass(frozen=True, slots=True)
class MaterialLot:
    """Units of one lot that a batch got and did not return."""

    lot_id: str
    supplier_lot: str | None
    quantity: int


@dataclass(frozen=True, slots=True)
class Material:
    """One material of a batch; what only inventory knows is None until it has answered."""

    material_id: str
    name: str
    required: int
    consumed: int | None = None
    held: int | None = None
    backordered: int | None = None
    issued: int | None = None
    returned: int | None = None
    cost: Decimal | None = None
    lots: tuple[MaterialLot, ...] = ()

    @property
    def kept(self) -> int:
        """What inventory issued and did not take back."""
        return (self.issued or 0) - (self.returned or 0)

    @property
    def used(self) -> int:
        """What was reported as consumed, else what was issued and not returned."""
        return self.consumed if self.consumed is not None else self.kept


@dataclass(frozen=True, slots=True)
class Answer:
    """The head of inventory's newest snapshot; `batch_version` = the newest question it takes into account."""

    version: int
    batch_version: int
    status: AnswerStatus


@dataclass(frozen=True, slots=True)
class Batch:
    """One production run with its frozen recipe.

    `version` counts the events told about it, `revision` every change; `question_version` is the version of the newest
    question, and `asked` the newest command that asked or ended something.
    """

    batch_id: UUID
    recipe_id: str
    recipe_version: int
    recipe: Recipe
    quantity_planned: int
    materials: tuple[Material, ...]
    planned_at: datetime
    expected_completion_at: datetime
    plan_reason: PlanReason = "manual"
    asked: Asked = "plan"
    question_version: int = 1
    answer: Answer | None = None
    version: int = 1
    revision: int = 1
    reason: str | None = None
    quantity_produced: int = 0
    quantity_defective: int = 0
    started_at: datetime | None = None
    ended_at: datetime | None = None
    lot_code: str | None = None
    produced_on: date | None = None
    expires_on: date | None = None
    cost: Cost | None = None
    standard: Standard | None = None

    @property
    def quantity_good(self) -> int:
        return self.quantity_produced - self.quantity_defective

    @property
    def answered(self) -> bool:
        """Whether inventory has answered the newest question."""
        return self.answer is not None and self.answer.batch_version >= self.question_version

    @property
    def materials_settled(self) -> bool | None:
        """Whether the cost of the materials is final; None while that is asked and not answered."""
        if self.asked not in ("consume", "complete", "fail"):
            return False
        return True if self.answered and self.answer is not None and self.answer.status == "settled" else None

    @property
    def status(self) -> Status:
        """What follows from what was asked and from inventory's newest answer."""
        match self.asked:
            case "complete":
                return "completed"
            case "fail":
                return "failed"
            case "cancel":
                return "cancelled"
            case "plan" | "start" | "consume":
                return self._open_status()
            case _:
                assert_never(self.asked)

    def _open_status(self) -> Status:
        if self.answer is not None and self.answer.status in ("issued", "settled"):
            return "quality_check" if self.quantity_produced else "in_progress"
        if not self.answered or self.answer is None:
            return "starting" if self.asked == "start" else "planned"
        return "ready" if self.answer.status == "reserved" else "short"


def plan(batch_id: UUID, version: RecipeVersion, quantity: int, names: Mapping[str, str], now: datetime) -> Batch:
    """A batch of `quantity` units by this version, whose materials are yet to be claimed."""
    recipe = version.recipe
    return Batch(
        batch_id=batch_id,
        recipe_id=version.recipe_id,
        recipe_version=version.version,
        recipe=recipe,
        quantity_planned=quantity,
        materials=tuple(
            Material(part.material_id, names.get(part.material_id, part.material_id), part.need(quantity))
            for part in recipe.materials
        ),
        planned_at=now,
        expected_completion_at=now + timedelta(minutes=recipe.expected_minutes),
    )
