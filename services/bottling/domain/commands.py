"""What a command makes of a batch: the next batch and what is told of it, or why not."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Final, assert_never
from uuid import UUID

from services.bottling.domain.batch import ALLOWED, LED_HERE, Action, Asked, Batch, Material, Status, Told
from services.bottling.domain.cost import Cost, cost_of
from services.bottling.domain.recipe import FieldProblem
from services.bottling.domain.standard import Standard, Used, compare

_CROCKFORD: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


@dataclass(frozen=True, slots=True)
class Rejected:
    """Units that failed an inspection for one reason."""

    reason_code: str
    quantity: int


@dataclass(frozen=True, slots=True)
class Measure:
    """A measured value and, where there are any, its limits."""

    name: str
    value: Decimal
    low: Decimal | None
    high: Decimal | None

    @property
    def within(self) -> bool:
        """Whether the value keeps its limits, which belong to it."""
        return (self.low is None or self.low <= self.value) and (self.high is None or self.value <= self.high)


@dataclass(frozen=True, slots=True)
class Start:
    """Asks inventory to issue the materials."""


@dataclass(frozen=True, slots=True)
class Inspect:
    """One quality check of `inspected` units that were produced."""

    inspected: int
    accepted: int
    rejected: tuple[Rejected, ...]
    measures: tuple[Measure, ...] = ()


@dataclass(frozen=True, slots=True)
class Consume:
    """Reports what was used of each material, in all; one that is not named was used as issued."""

    consumed: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Complete:
    """Ends the batch with its good units."""


@dataclass(frozen=True, slots=True)
class Cancel:
    """Gives the batch up before its materials are issued."""

    reason: str


@dataclass(frozen=True, slots=True)
class Fail:
    """Gives the batch up after its materials were issued; `consumed` as in `Consume`."""

    reason: str
    consumed: Mapping[str, int]


Command = Start | Inspect | Consume | Complete | Cancel | Fail

ACTION: Final[Mapping[type[Command], Action]] = {
    Start: "start",
    Inspect: "quality-checks",
    Consume: "consumption",
    Complete: "complete",
    Cancel: "cancel",
    Fail: "fail",
}


@dataclass(frozen=True, slots=True)
class Accepted:
    """The batch as it is now; `told` is None when nothing changed that others need to know."""

    batch: Batch
    told: Told | None = None


@dataclass(frozen=True, slots=True)
class IllegalTransition:
    """The status does not allow this command; `allowed` does it."""

    status: Status
    action: Action
    allowed: tuple[Action, ...]
    detail: str


@dataclass(frozen=True, slots=True)
class ShortOfMaterials:
    """The materials are not all held, so the batch cannot start."""

    batch: Batch


@dataclass(frozen=True, slots=True)
class InvalidCommand:
    """The command does not fit this batch, whatever its status."""

    errors: tuple[FieldProblem, ...]


Decision = Accepted | IllegalTransition | ShortOfMaterials | InvalidCommand


def decide_command(batch: Batch, command: Command, now: datetime) -> Decision:
    """Decides by the table of statuses; the command that led to the present status changes nothing."""
    status, action = batch.status, ACTION[type(command)]
    if action in ALLOWED[status]:
        return _carry_out(batch, command, now)
    if LED_HERE.get(status) == action:
        return Accepted(batch)
    if status == "short" and action == "start":
        return ShortOfMaterials(batch)
    return IllegalTransition(status, action, ALLOWED[status], f"a batch that is {status} does not allow {action}")


def _carry_out(batch: Batch, command: Command, now: datetime) -> Decision:
    match command:
        case Start():
            return _ask(batch, "start", "batch.start_requested")
        case Inspect():
            return _inspect(batch, command)
        case Consume():
            return _consume(batch, command)
        case Complete():
            return _complete(batch, now)
        case Cancel():
            return _ask(replace(batch, reason=command.reason, ended_at=now), "cancel", "batch.cancelled")
        case Fail():
            return _fail(batch, command, now)
        case _:
            assert_never(command)


def _ask(batch: Batch, asked: Asked, told: Told) -> Accepted:
    version = batch.version + 1
    changed = replace(batch, asked=asked, version=version, question_version=version, revision=batch.revision + 1)
    return Accepted(changed, told)


def _inspect(batch: Batch, check: Inspect) -> Decision:
    defective = sum(part.quantity for part in check.rejected)
    if check.accepted + defective != check.inspected:
        return _invalid("accepted and rejected units must add up to inspected", "/inspected")
    if batch.quantity_produced + check.inspected > batch.quantity_planned:
        left = batch.quantity_planned - batch.quantity_produced
        return _invalid(f"more than planned: {left} units are left to inspect", "/inspected")
    inspected = replace(
        batch,
        quantity_produced=batch.quantity_produced + check.inspected,
        quantity_defective=batch.quantity_defective + defective,
        revision=batch.revision + 1,
    )
    return Accepted(inspected)


def _consume(batch: Batch, report: Consume) -> Decision:
    materials = _report(batch, report.consumed)
    if isinstance(materials, InvalidCommand):
        return materials
    if batch.asked == "consume" and materials == batch.materials:
        return Accepted(batch)
    return _ask(replace(batch, materials=materials), "consume", "batch.consumed")


def _fail(batch: Batch, command: Fail, now: datetime) -> Decision:
    materials = _report(batch, command.consumed)
    if isinstance(materials, InvalidCommand):
        return materials
    failed = replace(batch, materials=materials, reason=command.reason, ended_at=now)
    return _ask(failed, "fail", "batch.failed")


def _report(batch: Batch, consumed: Mapping[str, int]) -> tuple[Material, ...] | InvalidCommand:
    foreign = sorted(consumed.keys() - {material.material_id for material in batch.materials})
    if foreign:
        return _invalid(f"no material of this batch: {', '.join(foreign)}", "/materials")
    return tuple(
        replace(material, consumed=consumed.get(material.material_id, material.used)) for material in batch.materials
    )


def _complete(batch: Batch, now: datetime) -> Decision:
    missing = _missing_for_completion(batch)
    if missing is not None:
        allowed = tuple(action for action in ALLOWED[batch.status] if action != "complete")
        return IllegalTransition(batch.status, "complete", allowed, missing)
    recipe, produced_on = batch.recipe, now.astimezone(UTC).date()
    cost = _cost(batch)
    completed = replace(
        batch,
        asked="complete",
        version=batch.version + 1,
        revision=batch.revision + 1,
        ended_at=now,
        lot_code=lot_code_of(recipe.product_id, produced_on, batch.batch_id),
        produced_on=produced_on,
        expires_on=expiry_of(produced_on, recipe.shelf_life_days),
        cost=cost,
        standard=_standard(batch, cost),
    )
    return Accepted(completed, "batch.completed")


def _cost(batch: Batch) -> Cost:
    return cost_of(
        (material.cost or Decimal(0) for material in batch.materials),
        batch.recipe.labour_cost,
        batch.recipe.overhead_cost,
        batch.quantity_produced,
        batch.quantity_good,
    )


def _standard(batch: Batch, cost: Cost) -> Standard | None:
    used = {part.material_id: Used(part.kept, part.cost or Decimal(0)) for part in batch.materials}
    return compare(batch.recipe, used, cost.total, batch.quantity_produced, batch.quantity_good)


def _missing_for_completion(batch: Batch) -> str | None:
    if batch.quantity_good == 0:
        return "a batch without a good unit cannot be completed: fail it"
    if not batch.materials_settled:
        return "the consumption of materials is not settled yet"
    return None


def _invalid(detail: str, pointer: str) -> InvalidCommand:
    return InvalidCommand((FieldProblem(detail, pointer),))


def expiry_of(produced_on: date, shelf_life_days: int | None) -> date | None:
    """The last day of the shelf life; None for a product that keeps for ever."""
    return None if shelf_life_days is None else produced_on + timedelta(days=shelf_life_days)


def lot_code_of(product_id: str, produced_on: date, batch_id: UUID) -> str:
    """What is printed on the box: product, day, and ten characters of the batch id that cannot be misread."""
    tail = batch_id.int & (1 << 50) - 1
    letters = "".join(_CROCKFORD[tail >> shift & 31] for shift in range(45, -1, -5))
    return f"{product_id}-{produced_on:%Y%m%d}-{letters[:5]}-{letters[5:]}"
