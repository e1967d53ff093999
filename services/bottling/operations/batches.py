"""Batches are planned, commanded by people, and moved on by inventory's answers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from services.bottling.domain.answers import MaterialState, Snapshot, hear, newest
from services.bottling.domain.batch import Batch, MaterialLot, plan
from services.bottling.domain.commands import (
    Accepted,
    Command,
    Decision,
    IllegalTransition,
    Inspect,
    InvalidCommand,
    ShortOfMaterials,
    decide_command,
)
from services.bottling.domain.concerns import QUALITY_PERCENT_MIN, concern_of, good_enough
from services.bottling.domain.questions import DELAYS, Delays
from services.bottling.domain.recipe import FieldProblem, Item, RecipeVersion, current_recipe, items_of
from services.bottling.domain.replenishment import start_by_itself
from services.bottling.operations.telling import Telling, save_and_tell
from services.bottling.store import alerts as alert_store
from services.bottling.store import batches as batch_store
from services.bottling.store import items as item_store
from services.bottling.store import recipes as recipe_store
from services.bottling.store.batches import Inspection
from services.bottling.views.batches import BatchView, read_batches
from shared.contracts.envelope import Event
from shared.contracts.inventory import MaterialLine, MaterialsSnapshot
from shared.runtime.transaction import Transaction


@dataclass(frozen=True, slots=True)
class PlanRequest:
    """A batch that is to be planned under this id, by its recipe or by the product's current one."""

    batch_id: UUID
    product_id: str | None
    recipe_id: str | None
    quantity: int


@dataclass(frozen=True, slots=True)
class BatchCommand:
    """What `actor` wants of a batch; `request_id` names this request, and the inspection that it may add."""

    batch_id: UUID
    command: Command
    actor: str
    request_id: UUID


@dataclass(frozen=True, slots=True)
class UnknownBatch:
    """There is no batch with this id."""

    batch_id: UUID


PlanOutcome = BatchView | InvalidCommand
CommandOutcome = BatchView | UnknownBatch | IllegalTransition | ShortOfMaterials | InvalidCommand


async def plan_batches(tx: Transaction, requests: Sequence[PlanRequest], delays: Delays = DELAYS) -> list[PlanOutcome]:
    """Plans batches and asks inventory for their materials; an id that is written already is answered as it is."""
    ids = [request.batch_id for request in requests]
    known = await batch_store.known_batches(tx, ids)
    recipes = await recipe_store.read_recipes_for(
        tx,
        sorted({request.recipe_id for request in requests if request.recipe_id is not None}),
        sorted({request.product_id for request in requests if request.product_id is not None}),
    )
    items = await item_store.read_items(tx, items_of(version.recipe for version in recipes))
    now = await tx.clock()
    planned: list[Batch] = []
    refused: dict[UUID, InvalidCommand] = {}
    for request in requests:
        if request.batch_id in known:
            continue
        decision = _plan(request, recipes, items, now)
        if isinstance(decision, InvalidCommand):
            refused[request.batch_id] = decision
        else:
            planned.append(decision)
    await save_and_tell(tx, planned, [Telling(batch, "batch.planned") for batch in planned], now, delays)
    views = await read_batches(tx, ids)
    return [refused.get(id) or views[str(id)] for id in ids]


def _plan(
    request: PlanRequest, recipes: Sequence[RecipeVersion], items: Mapping[str, Item], now: datetime
) -> Batch | InvalidCommand:
    version = current_recipe(recipes, request.recipe_id, request.product_id)
    if version is None:
        return InvalidCommand((_no_recipe(request),))
    product = items.get(version.recipe.product_id)
    if product is None or not product.active:
        pointer = "/product_id" if request.product_id is not None else "/recipe_id"
        return InvalidCommand((FieldProblem(f"product {version.recipe.product_id} is not active", pointer),))
    names = {item.item_id: item.name for item in items.values()}
    return plan(request.batch_id, version, request.quantity, names, now)


def _no_recipe(request: PlanRequest) -> FieldProblem:
    if request.recipe_id is None:
        return FieldProblem(f"no recipe makes {request.product_id}", "/product_id")
    made = "" if request.product_id is None else f" that makes {request.product_id}"
    return FieldProblem(f"there is no recipe {request.recipe_id}{made}", "/recipe_id")


async def command_batches(
    tx: Transaction,
    requests: Sequence[BatchCommand],
    delays: Delays = DELAYS,
    percent_min: int = QUALITY_PERCENT_MIN,
) -> list[CommandOutcome]:
    """Carries out commands in their order, several for one batch too; asks and tells what follows from them.

    `percent_min` of the units produced are expected to be good.
    """
    batches = await batch_store.lock_batches(tx, (request.batch_id for request in requests))
    checks = [request.request_id for request in requests if isinstance(request.command, Inspect)]
    known = await batch_store.known_inspections(tx, checks) if checks else set()
    now = await tx.clock()
    work = _Work(batches, now)
    outcomes = [None if request.request_id in known else work.carry_out(request) for request in requests]
    await save_and_tell(tx, work.changed(), work.tellings, now, delays)
    if work.inspections:
        await batch_store.insert_inspections(tx, work.inspections)
    await _tell_concerns(tx, work, percent_min)
    views = await read_batches(tx, sorted(batches))
    return [outcome or views[str(request.batch_id)] for outcome, request in zip(outcomes, requests, strict=True)]


async def _tell_concerns(tx: Transaction, work: "_Work", percent_min: int) -> None:
    """Alerts on what these commands gave cause for; a batch that came out well ends those on its product."""
    found = [concern_of(batch, command, percent_min) for batch, command in work.accepted]
    concerns = [(concern.kind, str(concern.batch.batch_id), concern.detail) for concern in found if concern is not None]
    if concerns:
        await alert_store.raise_alerts(tx, concerns, work.now)
    good = [
        telling.batch.batch_id
        for telling in work.tellings
        if telling.told == "batch.completed" and good_enough(telling.batch, percent_min)
    ]
    if good:
        await alert_store.resolve_made_good(tx, good, work.now)


class _Work:
    """The batches of one transaction while commands or answers go over them, and what is to be told."""

    def __init__(self, batches: Mapping[UUID, Batch], now: datetime) -> None:
        self._before = dict(batches)
        self._batches = dict(batches)
        self.now = now
        self.accepted: list[tuple[Batch, Command]] = []
        self.tellings: list[Telling] = []
        self.inspections: list[Inspection] = []

    def changed(self) -> list[Batch]:
        return [batch for id, batch in self._batches.items() if batch.revision != self._before[id].revision]

    def carry_out(self, request: BatchCommand) -> CommandOutcome | None:
        """The refusal, or None when the command was accepted."""
        batch = self._batches.get(request.batch_id)
        if batch is None:
            return UnknownBatch(request.batch_id)
        decision: Decision = decide_command(batch, request.command, self.now)
        if not isinstance(decision, Accepted):
            return decision
        if isinstance(request.command, Inspect):
            self.inspections.append(
                Inspection(request.request_id, request.batch_id, self.now, request.actor, request.command)
            )
        if decision.batch.revision != batch.revision:
            self.accepted.append((decision.batch, request.command))
        self._accept(decision)
        return None

    def hear(self, snapshot: Snapshot, cause: UUID) -> None:
        """Takes over what inventory says of one of the batches, which may start by itself then."""
        self._accept(hear(self._batches[UUID(snapshot.batch_id)], snapshot, self.now), cause)
        started = start_by_itself(self._batches[UUID(snapshot.batch_id)], self.now)
        if started is not None:
            self._accept(started, cause)

    def _accept(self, accepted: Accepted, cause: UUID | None = None) -> None:
        self._batches[accepted.batch.batch_id] = accepted.batch
        if accepted.told is not None:
            self.tellings.append(Telling(accepted.batch, accepted.told, cause))


async def hear_of_materials(tx: Transaction, events: Sequence[Event[Any]], delays: Delays = DELAYS) -> None:
    """Moves batches on by inventory's newest snapshot of each; those of unknown batches are passed over."""
    causes = {(event.subject, event.version): event.id for event in events}
    snapshots = newest([snapshot_of(event) for event in events])
    batches = await batch_store.lock_batches(tx, _ids_of(snapshots))
    now = await tx.clock()
    work = _Work(batches, now)
    for id in batches:
        snapshot = snapshots[str(id)]
        work.hear(snapshot, causes[snapshot.batch_id, snapshot.version])
    await save_and_tell(tx, work.changed(), work.tellings, now, delays)


def _ids_of(snapshots: Mapping[str, Snapshot]) -> list[UUID]:
    """Batch ids are UUIDs in their usual form; another subject names no batch of this service."""
    ids = []
    for text in snapshots:
        try:
            id = UUID(text)
        except ValueError:
            continue
        if str(id) == text:
            ids.append(id)
    return ids


def snapshot_of(event: Event[Any]) -> Snapshot:
    """Inventory's snapshot in one of the `materials` events."""
    told: MaterialsSnapshot = event.data
    states = tuple(_state_of(line) for line in told.materials)
    return Snapshot(told.batch_id, event.version, told.batch_version, told.status, states)


def _state_of(line: MaterialLine) -> MaterialState:
    return MaterialState(
        material_id=line.material_id,
        name=line.name,
        held=line.held,
        backordered=line.backordered,
        issued=line.issued,
        returned=line.returned,
        cost=None if line.cost is None else line.cost.amount,
        lots=tuple(MaterialLot(lot.lot_id, lot.supplier_lot, lot.quantity) for lot in line.lots),
    )
