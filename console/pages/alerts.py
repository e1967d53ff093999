"""Alerts of all services in one list, and who has seen them."""

from typing import Any, Final

from starlette.routing import Route

from console.entrance import page
from console.services import SCOPE_OF, refused
from console.visit import Done, Form, Visit, part

SERVICES: Final = ("inventory", "bottling", "order")
STATUSES: Final = ("raised", "acknowledged", "resolved")
KINDS: Final = (
    "low_stock",
    "critical",
    "stockout",
    "discrepancy",
    "hold_overdue",
    "quality_below",
    "batch_late",
    "batch_failed",
    "material_recalled",
    "saga_stuck",
    "promise_missed",
)
EACH_MAX: Final = 100
SUBJECTS: Final = {
    "product": "/stock/products/",
    "material": "/stock/materials/",
    "order": "/orders/",
    "batch": "/production/batches/",
}


def routes() -> list[Route]:
    """The list."""
    return [Route("/alerts", page("alerts.html", load, acknowledge=acknowledge), methods=["GET", "POST"])]


async def load(visit: Visit) -> dict[str, Any]:
    """The newest of each service, newest first; a service that cannot be asked is named."""
    status = visit.asked("status") if visit.asked("status") in (*STATUSES, "any") else "raised"
    kind = visit.asked("kind") if visit.asked("kind") in KINDS else ""
    found: list[dict[str, Any]] = []
    missing, more = [], []
    for service in SERVICES:
        asked = {"status": None if status == "any" else status, "kind": kind, "limit": EACH_MAX}
        answer = await visit.try_get(service, "/alerts", **asked)
        if answer is None:
            missing.append(service)
            continue
        found += [_told(alert, service, visit) for alert in answer["items"]]
        if answer["next_cursor"]:
            more.append(service)
    return {
        "live": ("alerts",),
        "alerts": sorted(found, key=lambda alert: str(alert["raised_at"]), reverse=True),
        "missing": missing,
        "more": more,
        "statuses": (*STATUSES, "any"),
        "kinds": KINDS,
        "asked": {"status": status, "kind": kind},
        "each": EACH_MAX,
    }


def _told(alert: dict[str, Any], service: str, visit: Visit) -> dict[str, Any]:
    place = SUBJECTS.get(alert["subject_type"])
    return {
        **alert,
        "service": service,
        "scope": f"{SCOPE_OF[service]}:write",
        "link": place + part(alert["subject_id"]) if place else None,
    }


async def acknowledge(visit: Visit, form: Form) -> Done:
    """Somebody has seen it; the first one stands."""
    service = form.text("service")
    if service not in SERVICES:
        raise refused(422, "This alert is no service's.")
    body = {"note": form.text("note")} if form.text("note") else {}
    alert = await visit.send("POST", service, f"/alerts/{part(form.needed('alert_id', 'An alert'))}/acknowledge", body)
    query = visit.request.url.query
    return Done(f"Seen by {alert['acknowledged_by']}.", "/alerts" + (f"?{query}" if query else ""))
