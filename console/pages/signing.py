"""Signing in and out, and the choice between light and dark."""

from typing import Any, Final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from console.entrance import SESSION, begin_session, house_of, own_path, require_same_origin, somebody
from console.identity import ROLES, NotLetIn
from console.rendering import THEME, THEMES, show_outside
from console.services import Refusal, refused
from console.visit import Form, form_of

LOOPBACK: Final = ("127.0.0.1", "localhost", "::1")
YEAR_SECONDS: Final = 365 * 24 * 3600


def routes() -> list[Route]:
    """The door."""
    return [
        Route("/sign-in", sign_in, methods=["GET", "POST"]),
        Route("/sign-out", sign_out, methods=["POST"]),
        Route("/theme", choose_theme, methods=["POST"]),
    ]


async def sign_in(request: Request) -> Response:
    """By a token; in development also by a name and a role."""
    following = own_path(request.query_params.get("next", "/"))
    if request.method == "GET":
        return RedirectResponse(following, 303) if await somebody(request) else _door(request)
    entered = Form({})
    try:
        require_same_origin(request)
        entered = await form_of(request)
        person = await house_of(request).door.person(_token(request, entered))
    except NotLetIn as error:
        return _door(request, entered, refused(401, str(error), "Not signed in"))
    except Refusal as refusal:
        return _door(request, entered, refusal)
    response = RedirectResponse(following, 303)
    begin_session(request, response, person)
    return response


def _token(request: Request, entered: Form) -> str:
    house = house_of(request)
    if house.settings.dev_sign_in and entered.text("role"):
        # A foreign name that was made to point here would else be let in by whoever made it.
        if request.url.hostname not in LOOPBACK:
            raise NotLetIn("A role is taken on this machine only, by its own address.")
        return house.door.made_up(entered.text("name"), entered.text("role"))
    token = "".join(entered.text("token").removeprefix("Bearer ").split())
    if not token:
        raise NotLetIn("Paste a token first.")
    return token


def _door(request: Request, entered: Form | None = None, refusal: Refusal | None = None) -> Response:
    facts: dict[str, Any] = {
        "roles": ROLES.values() if house_of(request).settings.dev_sign_in else (),
        "entered": entered or Form({}),
        "refusal": refusal,
    }
    return show_outside(request, "sign_in.html", facts, refusal.status if refusal else 200)


async def sign_out(request: Request) -> Response:
    """Forgets the token in this browser."""
    response = RedirectResponse("/sign-in", 303)
    try:
        require_same_origin(request)
    except Refusal:
        return RedirectResponse("/", 303)
    response.delete_cookie(SESSION, httponly=True, samesite="strict")
    return response


async def choose_theme(request: Request) -> Response:
    """Light, dark, or as the machine has it; then back to the same page."""
    try:
        entered = await form_of(request)
    except Refusal:
        return RedirectResponse("/", 303)
    response = RedirectResponse(own_path(entered.text("back", "/")), 303)
    if entered.text("theme") in THEMES:
        response.set_cookie(THEME, entered.text("theme"), max_age=YEAR_SECONDS, httponly=True, samesite="strict")
    return response
