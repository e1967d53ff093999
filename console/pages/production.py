"""Production: recipes, batches on a board and on a line of time, each with what is to be done next."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from starlette.routing import Route

from console.drawing.timeline import draw_timeline
from console.entrance import page
from console.services import refused
from console.visit import LIST_LIMIT, Done, Form, Visit, part

COLUMNS: Final = (
    ("Planned", ("planned", "short")),
    ("Ready", ("ready",)),
    ("Running", ("starting", "in_progress")),
    ("Quality check", ("quality_check",)),
)
ALLOWED: Final[Mapping[str, frozenset[str]]] = {
    "planned": frozenset({"cancel"}),
    "short": frozenset({"cancel", "start"}),
    "ready": frozenset({"start", "cancel"}),
    "in_progress": frozenset({"check", "consume", "fail"}),
    "quality_check": frozenset({"check", "consume", "complete", "fail"}),
}
"""What is worth showing in which state; the bottling service decides."""
POLICIES: Final = (
    ("off", "by hand only"),
    ("plan", "plan a batch when stock is low"),
    ("plan_and_start", "plan and start it"),
)
MATERIALS: Final = 6
ENDED_MAX: Final = 8
SCHEDULE: Final = "/schedule"


def routes() -> list[Route]:
    """The board, recipes, one batch."""
    posts = ["GET", "POST"]
    return [
        Route("/production", page("production.html", load_board, plan=plan), methods=posts),
        Route("/production/recipes", page("recipes.html", load_recipes)),
        Route("/production/recipes/new", page("recipe_new.html", load_form, make=make_recipe), methods=posts),
        Route("/production/recipes/{id}", page("recipe.html", load_recipe)),
        Route(
            "/production/batches/{id}",
            page(
                "batch.html",
                load_batch,
                start=start,
                check=check,
                consume=consume,
                complete=complete,
                cancel=cancel,
                fail=fail,
            ),
            methods=posts,
        ),
    ]


async def load_board(visit: Visit) -> dict[str, Any]:
    """Open batches by state and by time, and the newest that have ended."""
    schedule = await visit.get("bottling", SCHEDULE, limit=500)
    newest = await visit.get("bottling", "/batches", limit=LIST_LIMIT)
    recipes = await visit.get("bottling", "/recipes", limit=500)
    batches = schedule["items"]
    ended = [batch for batch in newest["items"] if batch["status"] in ("completed", "failed", "cancelled")]
    return {
        "live": ("production",),
        "board": [(name, [one for one in batches if one["status"] in states]) for name, states in COLUMNS],
        "ended": ended[:ENDED_MAX],
        "timeline": draw_timeline(batches, datetime.now(UTC)),
        "recipes": recipes["items"],
    }


async def load_recipes(visit: Visit) -> dict[str, Any]:
    """Recipes by product."""
    found = await visit.get(
        "bottling", "/recipes", product_id=visit.asked("product_id"), cursor=visit.asked("cursor"), limit=LIST_LIMIT
    )
    return {"found": found, "asked": {"product_id": visit.asked("product_id")}}


async def load_recipe(visit: Visit) -> dict[str, Any]:
    """One version of a recipe, the newest unless told."""
    return {"recipe": await visit.get("bottling", f"/recipes/{visit.path('id')}", version=visit.asked("version"))}


async def load_form(visit: Visit) -> dict[str, Any]:
    """What a recipe is made of; `from` starts from an existing one."""
    known = visit.asked("from")
    old = await visit.get("bottling", f"/recipes/{part(known)}") if known else None
    products = await visit.try_get("inventory", "/products", limit=500)
    materials = await visit.try_get("inventory", "/materials", limit=500)
    return {
        "old": old,
        "products": products["items"] if products else [],
        "materials": materials["items"] if materials else [],
        "policies": POLICIES,
        "lines": max(MATERIALS, len(old["materials"]) + 2 if old else 0),
    }


async def load_batch(visit: Visit) -> dict[str, Any]:
    """One batch and what may be done with it now."""
    batch = await visit.get("bottling", f"/batches/{visit.path('id')}")
    return {
        "live": (f"batch:{batch['batch_id']}",),
        "batch": batch,
        "allowed": ALLOWED.get(batch["status"], frozenset()),
        "left": batch["quantity_planned"] - (batch["quantity_produced"] or 0),
    }


async def plan(visit: Visit, form: Form) -> Done:
    """A batch; its materials are held at once."""
    body = {"recipe_id": form.needed("recipe_id", "A recipe"), "quantity": form.number("quantity", "The quantity")}
    batch = await visit.send("POST", "bottling", "/batches", body)
    told = {"ready": "Its materials are held.", "short": "Materials are short; it waits for them."}
    return Done(
        f"The batch is planned. {told.get(batch['status'], 'Inventory has not answered yet.')}",
        f"/production/batches/{part(batch['batch_id'])}",
    )


async def _command(visit: Visit, command: str, body: Any = None) -> dict[str, Any]:
    return await visit.send("POST", "bottling", f"/batches/{visit.path('id')}/{command}", body)


async def start(visit: Visit, form: Form) -> Done:
    """The materials are issued."""
    batch = await _command(visit, "start")
    if batch["status"] == "starting":
        return Done("Asked; the materials are being issued.")
    return Done("Started: the materials are issued.")


async def check(visit: Visit, form: Form) -> Done:
    """One inspection of produced units."""
    rejected: list[dict[str, Any]] = [
        {
            "reason_code": row["reason_code"],
            "quantity": Form(row).number("rejected", f"Units rejected for {row['reason_code']}"),
        }
        for row in form.rows("rejected", "reason_code")
    ]
    inspected = form.number("inspected", "Units inspected")
    body: dict[str, Any] = {
        "inspected": inspected,
        "accepted": inspected - sum(one["quantity"] for one in rejected),
        "rejected": rejected,
    }
    if body["accepted"] < 0:
        raise refused(422, "More units are rejected than were inspected.")
    if form.text("measure"):
        measure = {"name": form.text("measure"), "value": form.needed("value", "The measured value")}
        measure |= {name: form.text(name) for name in ("low", "high") if form.text(name)}
        body["measures"] = [measure]
    batch = await _command(visit, "quality-checks", body)
    return Done(f"Checked: {batch['quantity_good']} good of {batch['quantity_produced']} so far.")


async def consume(visit: Visit, form: Form) -> Done:
    """What was used; the rest returns, extra is issued."""
    rows = form.rows("consumed", "material_id")
    materials = [
        {
            "material_id": row["material_id"],
            "consumed": Form(row).number("consumed", f"What was used of {row['material_id']}"),
        }
        for row in rows
    ]
    batch = await _command(visit, "consumption", {"materials": materials} if materials else {})
    return Done("The materials are settled." if batch["materials_settled"] else "Reported; inventory is settling it.")


async def complete(visit: Visit, form: Form) -> Done:
    """Its good units enter stock."""
    batch = await _command(visit, "complete")
    return Done(f"Completed: {batch['quantity_good']} good units enter stock as lot {batch['lot_code']}.")


async def cancel(visit: Visit, form: Form) -> Done:
    """Before its materials are issued."""
    await _command(visit, "cancel", {"reason": form.needed("reason", "A reason")})
    return Done("Cancelled; its materials are released.")


async def fail(visit: Visit, form: Form) -> Done:
    """After that: what it used is written off."""
    await _command(visit, "fail", {"reason": form.needed("reason", "A reason")})
    return Done("Failed; what it used is written off, the rest returns.")


async def make_recipe(visit: Visit, form: Form) -> Done:
    """A recipe, or a new version of one."""
    money = visit.house.settings.currency
    body: dict[str, Any] = {
        "product_id": form.needed("product_id", "A product"),
        "materials": [
            {
                "material_id": row["material_id"],
                "quantity_per_unit": row["quantity_per_unit"],
                "waste_percent": row["waste_percent"] or "0",
            }
            for row in form.rows("material_id", "quantity_per_unit", "waste_percent")
        ],
        "labour_cost": {"amount": form.needed("labour_cost", "Labour"), "currency": money},
        "overhead_cost": {"amount": form.needed("overhead_cost", "Overhead"), "currency": money},
        "expected_minutes": form.number("expected_minutes", "The time it takes"),
        "shelf_life_days": form.number("shelf_life_days", "The shelf life") if form.text("shelf_life_days") else None,
        "replenishment": form.text("replenishment", "off"),
    }
    if form.text("batch_size"):
        body["batch_size"] = form.number("batch_size", "The batch size")
    known = visit.asked("from")
    if not known and form.text("recipe_id"):
        body["recipe_id"] = form.text("recipe_id")
    path = f"/recipes/{part(known)}/versions" if known else "/recipes"
    made = await visit.send("POST", "bottling", path, body)
    return Done(f"Version {made['version']} is made.", f"/production/recipes/{part(made['recipe_id'])}")
