"""One lot: where its units came from, who got them, and whether it may be used."""

from typing import Any, Final

from starlette.routing import Route

from console.drawing.trace import draw_trace
from console.entrance import page
from console.visit import LIST_LIMIT, Done, Form, Visit

STATUSES: Final = ("available", "quarantine", "on_hold", "recalled", "expired", "pending_count")


def routes() -> list[Route]:
    """The list and one lot; before the routes of items, whose paths look alike."""
    return [
        Route("/stock/lots", page("lots.html", load_list)),
        Route(
            "/stock/lots/{id}",
            page("lot.html", load_one, hold=hold, release=release, recall=recall),
            methods=["GET", "POST"],
        ),
    ]


async def load_list(visit: Visit) -> dict[str, Any]:
    """Lots, newest first."""
    status = visit.asked("status")
    found = await visit.get(
        "inventory",
        "/lots",
        item_id=visit.asked("item_id"),
        status=status if status in STATUSES else None,
        cursor=visit.asked("cursor"),
        limit=LIST_LIMIT,
    )
    asked = {"item_id": visit.asked("item_id"), "status": status}
    return {"live": () if visit.asked("cursor") else ("stock",), "found": found, "statuses": STATUSES, "asked": asked}


async def load_one(visit: Visit) -> dict[str, Any]:
    """A lot and its trace, both ways."""
    trace = await visit.get("inventory", f"/lots/{visit.path('id')}/trace")
    return {
        "live": ("stock", f"lot:{trace['lot']['lot_id']}"),
        "lot": trace["lot"],
        "trace": trace,
        "drawing": draw_trace(trace),
    }


async def _command(visit: Visit, form: Form, command: str) -> dict[str, Any]:
    body = {"reason": form.needed("reason", "A reason")}
    return await visit.send("POST", "inventory", f"/lots/{visit.path('id')}/{command}", body)


async def hold(visit: Visit, form: Form) -> Done:
    """Blocks what is left of it."""
    await _command(visit, form, "hold")
    return Done("The lot is on hold: nothing of it is allocated until it is released.")


async def release(visit: Visit, form: Form) -> Done:
    """Lets it be used again."""
    await _command(visit, form, "release")
    return Done("The lot is released and goes to those that wait.")


async def recall(visit: Visit, form: Form) -> Done:
    """Blocks it and all that was made of it, for good."""
    done = await _command(visit, form, "recall")
    return Done(f"Recalled, with {len(done.get('lots') or [])} lots made of it. The trace shows who got units.")
