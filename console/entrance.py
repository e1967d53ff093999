"""Who may enter, and from where: the session, the origin of forms, refusals as pages."""

import time
from collections.abc import Awaitable, Callable
from typing import Final
from urllib.parse import quote, urlsplit

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from console.identity import NotLetIn, Person
from console.rendering import FLASH, show, show_outside
from console.services import Refusal, refused
from console.visit import Act, Done, House, Load, Visit, form_of

SESSION: Final = "flacon_session"
FLASH_CHARACTERS_MAX: Final = 500
Endpoint = Callable[[Request], Awaitable[Response]]
UNLESS_GET: Final = frozenset({"GET", "HEAD"})


def house_of(request: Request) -> House:
    """What the process stands on."""
    house: House = request.app.state.house
    return house


async def somebody(request: Request) -> Person | None:
    """Who is signed in."""
    token = request.cookies.get(SESSION)
    if not token:
        return None
    try:
        return await house_of(request).door.person(token)
    except NotLetIn:
        return None


def require_same_origin(request: Request) -> None:
    """A form of another site, or of another port of this machine, is nobody's wish here.

    Raises:
        Refusal: it is not this console's own page that sends it.
    """
    origin = request.headers.get("origin")
    if origin is None:
        own = request.headers.get("sec-fetch-site") in ("same-origin", "none")
    else:
        own = urlsplit(origin).netloc == request.headers.get("host")
    if not own:
        raise refused(403, "This form does not come from the console itself.")


def own_path(text: str) -> str:
    """Where to go on, if it is a page of the console."""
    return text if text.startswith("/") and not text.startswith(("//", "/\\")) and text.isprintable() else "/"


def sign_in_first(request: Request) -> Response:
    """To the door, and back here afterwards."""
    query = f"?{request.url.query}" if request.url.query else ""
    return RedirectResponse("/sign-in?next=" + quote(request.url.path + query, safe=""), 303)


def begin_session(request: Request, response: Response, person: Person) -> None:
    """The token itself is the session: nothing is kept here, so a restart signs nobody out."""
    response.set_cookie(
        SESSION,
        person.token,
        max_age=max(0, int(person.expires_at - time.time())),
        httponly=True,
        samesite="strict",
        secure=house_of(request).settings.secure_cookies,
    )


def say(response: Response, text: str) -> Response:
    """One sentence on the next page."""
    value = quote(text[:FLASH_CHARACTERS_MAX])
    response.set_cookie(FLASH, value, max_age=60, httponly=True, samesite="strict")
    return response


def page(template: str, load: Load, **actions: Act) -> Endpoint:
    """A view: GET shows it; POST does what its form names, or shows the form again with the refusal."""

    async def endpoint(request: Request) -> Response:
        person = await somebody(request)
        if person is None:
            return sign_in_first(request)
        visit = Visit(house_of(request), request, person)
        if request.method not in UNLESS_GET:
            try:
                return _after(request, await _act(visit, actions))
            except Refusal as refusal:
                visit.refusal = refusal
        return await _shown(visit, template, load)

    return endpoint


async def _act(visit: Visit, actions: dict[str, Act]) -> Done:
    require_same_origin(visit.request)
    visit.entered = await form_of(visit.request)
    act = actions.get(visit.entered.text("action"))
    if act is None:
        raise refused(400, "This form is not known here.")
    return await act(visit, visit.entered)


def _after(request: Request, done: Done) -> Response:
    return say(RedirectResponse(done.go_to or str(request.url.path), 303), done.words)


async def _shown(visit: Visit, template: str, load: Load) -> Response:
    try:
        facts = await load(visit)
    except Refusal as refusal:
        if refusal.status == 401:
            return sign_in_first(visit.request)
        return show(visit, "refused.html", {"refusal": refusal}, refusal.status)
    if (target := facts.get("go_to")) is not None:
        return RedirectResponse(target, 303)
    return show(visit, template, facts, visit.refusal.status if visit.refusal else 200)


async def nowhere(request: Request, error: Exception) -> Response:
    """404 for an address that is none."""
    return await _told(request, Refusal(404, "There is nothing here", f"{request.url.path} is no page of the console."))


async def broken(request: Request, error: Exception) -> Response:
    """500 for a fault of the console's own, which the log has whole."""
    return await _told(request, Refusal(500, "This page is broken", "The fault is the console's own; its log has it."))


async def _told(request: Request, refusal: Refusal) -> Response:
    person = await somebody(request)
    if person is None:
        return show_outside(request, "refused.html", {"refusal": refusal}, refusal.status)
    return show(Visit(house_of(request), request, person), "refused.html", {"refusal": refusal}, refusal.status)
