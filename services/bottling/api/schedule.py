"""The route of the schedule."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from services.bottling.views.schedule import read_schedule
from shared.contracts.values import ITEM_ID_PATTERN
from shared.runtime.auth import Caller, requires
from shared.runtime.database import Database
from shared.runtime.http import answered, bad_cursor, cursor_of, limit_of, make_cursor, page
from shared.runtime.openapi import documented


def schedule_routes(database: Database) -> APIRouter:
    """Which batches are to come, and when."""
    router = APIRouter(prefix="/api/bottling", tags=["batches"])

    @router.get("/schedule", **documented())
    async def get_schedule(
        request: Request,
        caller: Annotated[Caller, requires("bottling:read")],
        product_id: Annotated[str | None, Query(pattern=ITEM_ID_PATTERN)] = None,
    ) -> Response:
        """Planned and running batches, the soonest expected first."""
        limit, after = limit_of(request), _place_of(request)
        async with database.reading() as connection:
            found = await read_schedule(connection, product_id, after, limit + 1)
        following = None
        if len(found) > limit:
            last = found[limit - 1]
            following = make_cursor(last["expected_completion_at"].isoformat(), last["batch_id"])
        return answered(request, page(found[:limit], following))

    return router


def _place_of(request: Request) -> tuple[datetime, UUID] | None:
    """The batch after which a page begins."""
    values = cursor_of(request.query_params.get("cursor"), width=2)
    if values is None:
        return None
    try:
        at, batch_id = datetime.fromisoformat(values[0]), UUID(values[1])
    except (TypeError, ValueError, AttributeError) as error:
        raise bad_cursor() from error
    if at.tzinfo is None:
        raise bad_cursor()
    return at, batch_id
