"""What a client is told: outcomes of operations and views of batches as answers."""

from collections.abc import Iterable
from typing import Any, assert_never

from services.bottling.domain.commands import (
    Complete,
    IllegalTransition,
    Inspect,
    InvalidCommand,
    ShortOfMaterials,
)
from services.bottling.domain.recipe import FieldProblem, RecipeVersion
from services.bottling.operations.batches import BatchCommand, CommandOutcome, PlanOutcome, UnknownBatch
from services.bottling.operations.recipes import InvalidRecipe, RecipeExists, RecipeOutcome, UnknownRecipe
from services.bottling.views.batches import BatchView
from services.bottling.views.recipes import recipe_body
from shared.runtime.answers import Answer
from shared.runtime.problems import invalid, problem

RECIPES = "/api/bottling/recipes"
BATCHES = "/api/bottling/batches"


def recipe_answer(outcome: RecipeOutcome) -> Answer:
    """201 with the recipe, or why not."""
    match outcome:
        case RecipeVersion():
            location = f"{RECIPES}/{outcome.recipe_id}?version={outcome.version}"
            return Answer(201, _recipe_body(outcome), {"Location": location})
        case InvalidRecipe():
            return _invalid(outcome.errors)
        case RecipeExists():
            return problem("already-exists", f"recipe {outcome.recipe_id} is another one", id=outcome.recipe_id)
        case UnknownRecipe():
            return problem("not-found", f"there is no recipe {outcome.recipe_id}")
        case _:
            assert_never(outcome)


def _recipe_body(version: RecipeVersion) -> dict[str, Any]:
    return recipe_body(version.recipe_id, version.version, version.recipe, version.created_at)


def plan_answer(outcome: PlanOutcome) -> Answer:
    """202 until inventory has answered, or why not."""
    return _invalid(outcome.errors) if isinstance(outcome, InvalidCommand) else pending(outcome)


def command_answer(request: BatchCommand, outcome: CommandOutcome) -> Answer:
    """The answer of a command that needs nobody else, 202 for one that inventory has to answer, or why not."""
    match outcome:
        case BatchView():
            if isinstance(request.command, Inspect):
                return Answer(201, outcome.body)
            return Answer(200, outcome.body) if isinstance(request.command, Complete) else pending(outcome)
        case UnknownBatch():
            return problem("not-found", f"there is no batch {outcome.batch_id}")
        case IllegalTransition():
            told: dict[str, Any] = {"from": outcome.status, "action": outcome.action, "allowed": list(outcome.allowed)}
            return problem("illegal-transition", outcome.detail, **told)
        case ShortOfMaterials():
            parts = ((part.material_id, part.name, part.held, part.required) for part in outcome.batch.materials)
            return _out_of_stock(str(outcome.batch.batch_id), parts)
        case InvalidCommand():
            return _invalid(outcome.errors)
        case _:
            assert_never(outcome)


def pending(view: BatchView) -> Answer:
    """202: what inventory has not told yet is null, and where to look for it."""
    location = f"{BATCHES}/{view.body['batch_id']}"
    return Answer(202, view.body, {"Location": location, "Retry-After": "1"})


def planned(view: BatchView) -> Answer:
    """201: the materials are held, or known to be short."""
    return Answer(201, view.body, {"Location": f"{BATCHES}/{view.body['batch_id']}"})


def started(view: BatchView) -> Answer:
    """200: production runs; 409 when the materials turned out to be short."""
    if view.status not in ("short", "ready"):
        return Answer(200, view.body)
    materials = view.body["materials"]
    return _out_of_stock(
        view.body["batch_id"],
        ((part["material_id"], part["name"], part["held"], part["required"]) for part in materials),
    )


def present(view: BatchView) -> Answer:
    """200 with the batch as it is."""
    return Answer(200, view.body)


def _out_of_stock(batch_id: str, materials: Iterable[tuple[str, str, int | None, int]]) -> Answer:
    lines: list[dict[str, Any]] = [
        {
            "product_id": material_id,
            "material_id": material_id,
            "name": name,
            "available": held or 0,
            "requested": required,
            "alternatives": [],
            "earliest_date": None,
            "earliest_basis": None,
        }
        for material_id, name, held, required in materials
        if (held or 0) < required
    ]
    return problem("out-of-stock", _shortage(lines), batch_id=batch_id, status="short", lines=lines)


def _shortage(lines: list[dict[str, Any]]) -> str:
    if not lines:
        return "Materials were short when the batch was to start; they have come since: start it again"
    first = lines[0]
    return f"Insufficient stock for {first['name']}. Available: {first['available']}, Requested: {first['requested']}"


def _invalid(errors: tuple[FieldProblem, ...]) -> Answer:
    return invalid(errors[0].detail, *((error.detail, error.pointer) for error in errors))
