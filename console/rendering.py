"""Pages from templates: the frame, what the person may do, what was entered; nothing of them from another host."""

from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from console import words
from console.identity import Person
from console.visit import Form, Visit

FOLDER: Final = Path(__file__).parent
THEME: Final = "flacon_theme"
FLASH: Final = "flacon_flash"
THEMES: Final = ("auto", "light", "dark")
VIEWS: Final = (
    ("/", "Overview", ""),
    ("/orders", "Orders", "orders:read"),
    ("/stock", "Stock", "inventory:read"),
    ("/production", "Production", "bottling:read"),
    ("/fulfillment", "Fulfillment", "fulfillment:read"),
    ("/alerts", "Alerts", ""),
    ("/operations", "Operations", "operations"),
)
HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; "
    "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}


def _environment() -> Environment:
    made = Environment(
        loader=FileSystemLoader(FOLDER / "templates"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    made.filters.update(words.FILTERS)
    made.globals["figure"] = words.figure
    return made


ENVIRONMENT: Final = _environment()


def theme_of(request: Request) -> str:
    """`auto` follows the machine."""
    chosen = request.cookies.get(THEME, "auto")
    return chosen if chosen in THEMES else "auto"


def show(visit: Visit, template: str, facts: dict[str, Any], status: int = 200) -> Response:
    """A page for somebody signed in."""
    given: dict[str, Any] = {
        "visit": visit,
        "person": visit.person,
        "may": visit.person.may,
        "entered": visit.entered,
        "refusal": visit.refusal,
        "hearing": visit.house.hearing.state,
        "currency": visit.house.settings.currency,
        "live": (),
        **facts,
    }
    return _page(visit.request, template, given, status)


def show_outside(request: Request, template: str, facts: dict[str, Any], status: int = 200) -> Response:
    """A page for somebody who is not."""
    given: dict[str, Any] = {"person": None, "refusal": None, "entered": Form({}), "live": (), "hearing": "ok", **facts}
    return _page(request, template, given, status)


def _page(request: Request, template: str, facts: dict[str, Any], status: int) -> Response:
    person: Person | None = facts["person"]
    facts["views"] = [
        (path, name) for path, name, scope in VIEWS if person is not None and (not scope or person.may(scope))
    ]
    facts["here"] = "/" + request.url.path.split("/")[1]
    facts["address"] = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    facts["theme"] = theme_of(request)
    facts["flash"] = unquote(request.cookies.get(FLASH, ""))
    response = HTMLResponse(ENVIRONMENT.get_template(template).render(facts), status, headers=HEADERS)
    if facts["flash"]:
        response.delete_cookie(FLASH, httponly=True, samesite="strict")
    return response
