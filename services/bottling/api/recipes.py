"""Routes of recipes."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request, Response

from services.bottling.api.answers import RECIPES, recipe_answer
from services.bottling.api.bodies import RecipeBody
from services.bottling.operations.recipes import RecipeRequest, add_versions, create_recipes
from services.bottling.settings import BottlingSettings
from services.bottling.views.recipes import list_recipes, read_recipe
from shared.contracts.values import ITEM_ID_PATTERN
from shared.runtime.answers import Answer
from shared.runtime.auth import Caller, requires
from shared.runtime.clock import new_id
from shared.runtime.database import Database
from shared.runtime.groups import Group
from shared.runtime.http import answered, bad_cursor, body, cursor_of, limit_of, make_cursor, page, respond
from shared.runtime.idempotency import key_of
from shared.runtime.openapi import documented
from shared.runtime.problems import Refused, invalid, refused
from shared.runtime.transaction import Transaction

Version = Annotated[int | None, Query(ge=1, le=2**31 - 1)]
ItemId = Annotated[str | None, Query(pattern=ITEM_ID_PATTERN)]
RecipeId = Annotated[str, Path(pattern=ITEM_ID_PATTERN)]


async def _create(tx: Transaction, requests: Sequence[RecipeRequest]) -> list[Answer]:
    return [recipe_answer(outcome) for outcome in await create_recipes(tx, requests)]


async def _add(tx: Transaction, requests: Sequence[RecipeRequest]) -> list[Answer]:
    return [recipe_answer(outcome) for outcome in await add_versions(tx, requests)]


def recipe_routes(database: Database, settings: BottlingSettings) -> APIRouter:
    """Create, version, list and read recipes."""
    router = APIRouter(prefix=RECIPES, tags=["recipes"])
    creating = Group(database, _create, name="recipes")
    adding = Group(database, _add, name="recipe-versions")
    writer, reader = requires("bottling:write"), requires("bottling:read")

    @router.post("", **documented(RecipeBody, answers={201: "The recipe"}, problems=("already-exists",)))
    async def create_recipe(request: Request, caller: Annotated[Caller, writer]) -> Response:
        """Write a recipe down as version 1."""
        given = await body(request, RecipeBody)
        wanted = RecipeRequest(given.recipe_id or str(new_id()), given.recipe(settings.currency))
        return respond(await creating.submit(wanted, key_of(request, caller)), request)

    @router.post("/{recipe_id}/versions", **documented(RecipeBody, answers={201: "The new version"}))
    async def add_version(recipe_id: RecipeId, request: Request, caller: Annotated[Caller, writer]) -> Response:
        """Add a version; batches planned before keep theirs."""
        given = await body(request, RecipeBody)
        if given.recipe_id not in (None, recipe_id):
            raise Refused(invalid("this is another recipe's path", ("must be the id in the path", "/recipe_id")))
        wanted = RecipeRequest(recipe_id, given.recipe(settings.currency))
        return respond(await adding.submit(wanted, key_of(request, caller)), request)

    @router.get("", **documented())
    async def get_recipes(
        request: Request, caller: Annotated[Caller, reader], product_id: ItemId = None, version: Version = None
    ) -> Response:
        """The newest version of each recipe, or of each the given one; what was written last comes first."""
        limit, before = limit_of(request), _place_of(request)
        async with database.reading() as connection:
            found = await list_recipes(connection, product_id, version, before, limit + 1)
        return answered(request, page(found[:limit], _next_cursor(found, limit)))

    @router.get("/{recipe_id}", **documented())
    async def get_recipe(
        recipe_id: RecipeId, request: Request, caller: Annotated[Caller, reader], version: Version = None
    ) -> Response:
        """The newest version of a recipe, or the given one."""
        async with database.reading() as connection:
            found = await read_recipe(connection, recipe_id, version)
        if found is None:
            raise refused("not-found", f"there is no such version of a recipe {recipe_id}")
        return answered(request, found)

    return router


def _place_of(request: Request) -> tuple[datetime, str] | None:
    values = cursor_of(request.query_params.get("cursor"), width=2)
    if values is None:
        return None
    try:
        at, recipe_id = datetime.fromisoformat(values[0]), values[1]
    except (TypeError, ValueError) as error:
        raise bad_cursor() from error
    if at.tzinfo is None or not isinstance(recipe_id, str) or "\x00" in recipe_id:
        raise bad_cursor()
    return at, recipe_id


def _next_cursor(found: list[dict[str, Any]], limit: int) -> str | None:
    if len(found) <= limit:
        return None
    last = found[limit - 1]
    return make_cursor(last["created_at"].isoformat(), last["recipe_id"])
