"""The routes of figures and trends."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from services.order.views.figures import read_figures
from services.order.views.trends import read_trends
from shared.contracts.values import ITEM_ID_PATTERN
from shared.runtime import kpis
from shared.runtime.auth import Caller, requires
from shared.runtime.database import Database
from shared.runtime.http import answered, limit_of
from shared.runtime.openapi import documented
from shared.runtime.transaction import CLOCK


def figure_routes(database: Database) -> APIRouter:
    """What the orders of a window come to."""
    router = kpis.routes("/api/orders", "orders", database, read_figures)
    _add_trends(router, database)
    return router


def _add_trends(router: APIRouter, database: Database) -> None:
    @router.get("/trends", **documented())
    async def get_trends(
        request: Request,
        caller: Annotated[Caller, requires("orders:read")],
        product_id: Annotated[str | None, Query(pattern=ITEM_ID_PATTERN)] = None,
        since: Annotated[kpis.Moment, Query(alias="from")] = None,
        until: Annotated[kpis.Moment, Query(alias="to")] = None,
    ) -> Response:
        """Demand by day, and the products asked for most (up to `limit`)."""
        kpis.refuse_customers(caller)
        limit = limit_of(request)
        async with database.reading() as connection:
            now = await connection.fetchval(CLOCK)
            window = kpis.window_of(since, until, now, kpis.TREND_DAYS_MAX)
            found = await read_trends(connection, window, product_id, limit, now)
        return answered(request, {**kpis.bounds(window), **found})
