"""Operations: how each service is, what was passed over, what is stuck, whether the books agree."""

import asyncio
from collections.abc import Mapping
from typing import Any, Final

from starlette.routing import Route

from console.entrance import page
from console.services import PREFIXES, refused
from console.visit import LIST_LIMIT, Done, Form, Visit, part

SERVICES: Final = tuple(PREFIXES)
STUCK: Final = {"order": "order_id", "bottling": "batch_id"}
STATES: Final = ("open", "replayed", "purged")
LAG: Final = "flacon_consumer_lag{"
LETTER_CHARACTERS_MAX: Final = 4000


def routes() -> list[Route]:
    """The state of all, dead letters, the books."""
    posts = ["GET", "POST"]
    return [
        Route("/operations", page("operations.html", load, retry=retry), methods=posts),
        Route("/operations/dead-letters/{service}", page("letters.html", load_letters)),
        Route(
            "/operations/dead-letters/{service}/{id}",
            page("letter.html", load_letter, replay=replay, purge=purge),
            methods=posts,
        ),
        Route("/operations/books", page("books.html", load_books, correct=correct), methods=posts),
    ]


async def load(visit: Visit) -> dict[str, Any]:
    """Each service's checks, outbox, lag and open dead letters; then what is stuck."""
    states = await asyncio.gather(*(_state(visit, service) for service in SERVICES))
    stuck = [
        {**one, "service": service, "id": one[name]}
        for service, name in STUCK.items()
        if (found := await visit.try_get(service, "/stuck", limit=LIST_LIMIT)) is not None
        for one in found["items"]
    ]
    return {"live": ("orders", "production", "fulfillment"), "states": states, "stuck": stuck}


async def _state(visit: Visit, service: str) -> dict[str, Any]:
    health, metrics, outbox, letters = await asyncio.gather(
        visit.house.services.health(service),
        visit.house.services.metrics(service),
        visit.try_get(service, "/outbox"),
        visit.try_get(service, "/dead-letters", state="open", limit=LIST_LIMIT),
    )
    return {
        "service": service,
        "ready": bool(health.get("ready")),
        "checks": health.get("checks", {}),
        "lag": lag_of(metrics),
        "outbox": outbox,
        "letters": None if letters is None else len(letters["items"]),
        "more": bool(letters and letters["next_cursor"]),
    }


def lag_of(metrics: str) -> int | None:
    """Records that the answering instance is behind, over all its partitions; None if it does not say."""
    values = [line.rpartition(" ")[2] for line in metrics.splitlines() if line.startswith(LAG)]
    return int(sum(float(value) for value in values)) if values else None


def _service(visit: Visit) -> str:
    service = str(visit.request.path_params["service"])
    if service not in SERVICES:
        raise refused(404, "There is no such service.", "There is nothing here")
    return service


async def load_letters(visit: Visit) -> dict[str, Any]:
    """A service's dead letters, newest first."""
    service = _service(visit)
    state = visit.asked("state") if visit.asked("state") in STATES else "open"
    found = await visit.get(service, "/dead-letters", state=state, cursor=visit.asked("cursor"), limit=LIST_LIMIT)
    return {"service": service, "services": SERVICES, "found": found, "state": state, "states": STATES}


async def load_letter(visit: Visit) -> dict[str, Any]:
    """One dead letter, whole."""
    letter = await visit.get(_service(visit), f"/dead-letters/{visit.path('id')}")
    value = letter["value"] or ""
    return {
        "service": _service(visit),
        "letter": letter,
        "value": value[:LETTER_CHARACTERS_MAX],
        "cut": max(0, len(value) - LETTER_CHARACTERS_MAX),
    }


async def replay(visit: Visit, form: Form) -> Done:
    """Through its handler once more."""
    done = await visit.send("POST", _service(visit), f"/dead-letters/{visit.path('id')}/replay")
    if done["result"] == "failed":
        raise refused(409, f"It failed again: {done['error']}", "Not handled")
    return Done({"handled": "Handled.", "duplicate": "It had been handled before; nothing changed."}[done["result"]])


async def purge(visit: Visit, form: Form) -> Done:
    """Emptied; the note that it was there stays."""
    service = _service(visit)
    await visit.send("DELETE", service, f"/dead-letters/{visit.path('id')}")
    return Done("Purged.", f"/operations/dead-letters/{service}")


async def retry(visit: Visit, form: Form) -> Done:
    """Its open questions are told again at once."""
    service = form.text("service")
    if service not in STUCK:
        raise refused(422, "Only orders and batches ask questions.")
    middle = "" if service == "order" else "/batches"
    done = await visit.send("POST", service, f"{middle}/{part(form.needed('id', 'An id'))}/retry")
    asked: Any = done.get("asked") or []
    return Done("Asked again." if asked else "Nothing is open any more.")


async def load_books(visit: Visit) -> dict[str, Any]:
    """Levels against ledger, lots and reservations of every item; corrects nothing by itself."""
    found: Mapping[str, Any] = await visit.get("inventory", "/reconcile")
    return {"books": found}


async def correct(visit: Visit, form: Form) -> Done:
    """Writes the entry that reconciliation proposes."""
    body = {
        "item_id": form.needed("item_id", "An item"),
        "check": form.needed("check", "A check"),
        "quantity": form.number("quantity", "The quantity"),
        "reason": form.needed("reason", "A reason"),
    }
    await visit.send("POST", "inventory", "/reconcile/corrections", body)
    return Done("Corrected; the entry stands in the ledger with your name.")
