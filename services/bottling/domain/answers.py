"""What inventory's answers make of a batch: the newest snapshot counts, in whatever order they come."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal

from services.bottling.domain.batch import Answer, AnswerStatus, Batch, Material, MaterialLot
from services.bottling.domain.commands import Accepted


@dataclass(frozen=True, slots=True)
class MaterialState:
    """What inventory says of one material of a batch."""

    material_id: str
    name: str
    held: int
    backordered: int
    issued: int
    returned: int
    cost: Decimal | None
    lots: tuple[MaterialLot, ...] = ()


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Inventory's whole state of one batch; `version` orders its snapshots."""

    batch_id: str
    version: int
    batch_version: int
    status: AnswerStatus
    materials: tuple[MaterialState, ...]


def newest(snapshots: Sequence[Snapshot]) -> dict[str, Snapshot]:
    """The newest snapshot of each batch."""
    found: dict[str, Snapshot] = {}
    for snapshot in snapshots:
        if snapshot.batch_id not in found or found[snapshot.batch_id].version < snapshot.version:
            found[snapshot.batch_id] = snapshot
    return found


def hear(batch: Batch, snapshot: Snapshot, now: datetime) -> Accepted:
    """Takes a snapshot over unless a newer one is known; tells once that production has started."""
    if batch.answer is not None and snapshot.version <= batch.answer.version:
        return Accepted(batch)
    heard = replace(
        batch,
        answer=Answer(snapshot.version, snapshot.batch_version, snapshot.status),
        materials=_updated(batch.materials, snapshot.materials),
        revision=batch.revision + 1,
    )
    if heard.started_at is None and heard.status in ("in_progress", "quality_check"):
        return Accepted(_started(heard, now), "batch.started")
    return Accepted(heard)


def _started(batch: Batch, now: datetime) -> Batch:
    expected = now + timedelta(minutes=batch.recipe.expected_minutes)
    return replace(batch, started_at=now, expected_completion_at=expected, version=batch.version + 1)


def _updated(materials: tuple[Material, ...], states: tuple[MaterialState, ...]) -> tuple[Material, ...]:
    told = {state.material_id: state for state in states}
    return tuple(_with(material, told.get(material.material_id)) for material in materials)


def _with(material: Material, state: MaterialState | None) -> Material:
    if state is None:
        return material
    return replace(
        material,
        name=state.name,
        held=state.held,
        backordered=state.backordered,
        issued=state.issued,
        returned=state.returned,
        cost=state.cost,
        lots=state.lots,
    )
