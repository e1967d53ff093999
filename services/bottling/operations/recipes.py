"""Recipes are written down and versioned; items are learned from inventory."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from services.bottling.domain.recipe import FieldProblem, Item, Recipe, RecipeVersion, items_of, problems_of
from services.bottling.store import items as item_store
from services.bottling.store import recipes as recipe_store
from shared.contracts.envelope import Event
from shared.contracts.inventory import ItemChanged
from shared.runtime.transaction import Transaction


@dataclass(frozen=True, slots=True)
class RecipeRequest:
    """A recipe that somebody wants to write down under this id."""

    recipe_id: str
    recipe: Recipe


@dataclass(frozen=True, slots=True)
class InvalidRecipe:
    """The recipe names what is not known."""

    errors: tuple[FieldProblem, ...]


@dataclass(frozen=True, slots=True)
class RecipeExists:
    """The id belongs to another recipe."""

    recipe_id: str


@dataclass(frozen=True, slots=True)
class UnknownRecipe:
    """There is no recipe with this id."""

    recipe_id: str


RecipeOutcome = RecipeVersion | InvalidRecipe | RecipeExists | UnknownRecipe


async def create_recipes(tx: Transaction, requests: Sequence[RecipeRequest]) -> list[RecipeOutcome]:
    """Writes new recipes down; the same id with the same content again is answered with what was written."""
    refusals = await _refusals(tx, requests)
    now = await tx.clock()
    wanted: dict[str, RecipeVersion] = {}
    for request, refusal in zip(requests, refusals, strict=True):
        if refusal is None:
            wanted.setdefault(request.recipe_id, RecipeVersion(request.recipe_id, 1, request.recipe, now))
    claimed = await recipe_store.insert_recipes(tx, list(wanted.values())) if wanted else set()
    written = {id: version for id, version in wanted.items() if id in claimed}
    if written:
        await recipe_store.insert_versions(tx, list(written.values()))
    earlier = await recipe_store.read_first_versions(tx, sorted(wanted.keys() - claimed))
    first = written | earlier
    return [refusal or _created(request, first) for request, refusal in zip(requests, refusals, strict=True)]


def _created(request: RecipeRequest, first: Mapping[str, RecipeVersion]) -> RecipeOutcome:
    version = first[request.recipe_id]
    return version if version.recipe == request.recipe else RecipeExists(request.recipe_id)


async def add_versions(tx: Transaction, requests: Sequence[RecipeRequest]) -> list[RecipeOutcome]:
    """Adds a version to each recipe; content equal to the newest version is that version."""
    refusals = await _refusals(tx, requests)
    newest = await recipe_store.lock_recipes(tx, sorted({request.recipe_id for request in requests}))
    now = await tx.clock()
    added: list[RecipeVersion] = []
    outcomes: list[RecipeOutcome] = []
    for request, refusal in zip(requests, refusals, strict=True):
        outcome = _next_version(request, refusal, newest.get(request.recipe_id), now)
        if isinstance(outcome, RecipeVersion) and outcome != newest[request.recipe_id]:
            newest[request.recipe_id] = outcome
            added.append(outcome)
        outcomes.append(outcome)
    if added:
        await recipe_store.insert_versions(tx, added)
        await recipe_store.set_newest_versions(tx, [newest[id] for id in sorted({each.recipe_id for each in added})])
    return outcomes


def _next_version(
    request: RecipeRequest, refusal: InvalidRecipe | None, newest: RecipeVersion | None, now: datetime
) -> RecipeOutcome:
    if newest is None:
        return UnknownRecipe(request.recipe_id)
    if refusal is not None:
        return refusal
    if request.recipe.product_id != newest.recipe.product_id:
        return InvalidRecipe((FieldProblem(f"this recipe makes {newest.recipe.product_id}", "/product_id"),))
    if request.recipe == newest.recipe:
        return newest
    return RecipeVersion(request.recipe_id, newest.version + 1, request.recipe, now)


async def _refusals(tx: Transaction, requests: Sequence[RecipeRequest]) -> list[InvalidRecipe | None]:
    known = await item_store.read_items(tx, items_of(request.recipe for request in requests))
    found = [problems_of(request.recipe, known) for request in requests]
    return [InvalidRecipe(tuple(problems)) if problems else None for problems in found]


async def learn_items(tx: Transaction, events: Sequence[Event[Any]]) -> None:
    """Keeps the newest that inventory told of each item."""
    newest: dict[str, tuple[Item, int]] = {}
    for event in events:
        told: ItemChanged = event.data
        if told.item_id not in newest or newest[told.item_id][1] < event.version:
            newest[told.item_id] = (Item(told.item_id, told.item_kind, told.name, told.active), event.version)
    await item_store.save_items(tx, newest)
