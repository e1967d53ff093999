"""The routes of figures and trends."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from services.inventory.views.figures import read_figures
from services.inventory.views.trends import read_cover, read_trends
from shared.contracts.values import ITEM_ID_PATTERN
from shared.runtime import kpis
from shared.runtime.auth import Caller, requires
from shared.runtime.database import Database
from shared.runtime.http import answered, bad_cursor, cursor_of, limit_of, make_cursor, page
from shared.runtime.openapi import documented
from shared.runtime.transaction import CLOCK

Reads = Annotated[Caller, requires("inventory:read")]
Item = Annotated[str | None, Query(pattern=ITEM_ID_PATTERN)]


def figure_routes(database: Database) -> APIRouter:
    """What the stock of a window comes to."""
    router = kpis.routes("/api/inventory", "inventory", database, read_figures)
    _add_trends(router, database)
    _add_cover(router, database)
    return router


def _add_trends(router: APIRouter, database: Database) -> None:
    @router.get("/trends", **documented())
    async def get_trends(
        request: Request,
        caller: Reads,
        item_id: Item = None,
        since: Annotated[kpis.Moment, Query(alias="from")] = None,
        until: Annotated[kpis.Moment, Query(alias="to")] = None,
    ) -> Response:
        """Sales and levels by day, of one item or of all products together."""
        kpis.refuse_customers(caller)
        async with database.reading() as connection:
            now = await connection.fetchval(CLOCK)
            window = kpis.window_of(since, until, now, kpis.TREND_DAYS_MAX)
            found = await read_trends(connection, window, item_id, now)
        return answered(request, {**kpis.bounds(window), **found})


def _add_cover(router: APIRouter, database: Database) -> None:
    @router.get("/cover", **documented())
    async def list_cover(request: Request, caller: Reads, item_id: Item = None) -> Response:
        """How long what is available lasts, beside what left in the last four weeks; active items by id."""
        kpis.refuse_customers(caller)
        limit, after = limit_of(request), _item_after(request)
        async with database.reading() as connection:
            now = await connection.fetchval(CLOCK)
            found = await read_cover(connection, after, item_id, limit + 1, now)
        cursor = make_cursor(found[limit - 1]["item_id"]) if len(found) > limit else None
        return answered(request, page(found[:limit], cursor))


def _item_after(request: Request) -> str:
    """The item after which a page begins."""
    values = cursor_of(request.query_params.get("cursor"), width=1)
    if values is not None and not isinstance(values[0], str):
        raise bad_cursor()
    return "" if values is None else str(values[0])
