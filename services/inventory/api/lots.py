"""Routes of lots: what they are, and where their units came from and went."""

from typing import Annotated, Final, get_args
from uuid import UUID

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from services.inventory.api.answers import NOT_FOUND
from services.inventory.api.traces import TraceStreams
from services.inventory.domain.lots import LotStatus
from services.inventory.views import lots
from services.inventory.views.traces import read_edges
from shared.runtime.auth import Caller, requires
from shared.runtime.database import Database
from shared.runtime.http import answered, bad_cursor, cursor_of, id_of, limit_of, make_cursor, page
from shared.runtime.openapi import documented
from shared.runtime.problems import Refused, invalid, refused

Reads = Annotated[Caller, requires("inventory:read")]
STATUSES: Final[tuple[str, ...]] = get_args(LotStatus)


def add_lots(router: APIRouter, database: Database, currency: str) -> None:
    """Lots and their genealogy."""
    streams = TraceStreams(database)

    @router.get("/lots", **documented())
    async def list_lots(
        request: Request,
        caller: Reads,
        item_id: Annotated[str | None, Query(max_length=64)] = None,
        status: Annotated[str | None, Query(description=" | ".join(STATUSES))] = None,
    ) -> Response:
        """Lots, newest first."""
        limit, before = limit_of(request), _lot_before(request)
        if status is not None and status not in STATUSES:
            raise Refused(invalid("`status` is unknown", (f"must be one of {', '.join(STATUSES)}", "/status")))
        async with database.reading() as connection:
            found = await lots.lots_page(connection, item_id, status, before, limit + 1, currency)
        cursor = make_cursor(found[limit - 1]["lot_id"]) if len(found) > limit else None
        return answered(request, page(found[:limit], cursor))

    @router.get("/lots/{lot_id}", **documented())
    async def get_lot(lot_id: str, request: Request, caller: Reads) -> Response:
        """One lot."""
        async with database.reading() as connection:
            found = await lots.read_lot(connection, id_of(lot_id), currency)
        if found is None:
            raise refused("not-found", NOT_FOUND)
        return answered(request, found)

    @router.get("/lots/{lot_id}/trace", **documented())
    async def trace_lot(lot_id: str, request: Request, caller: Reads) -> Response:
        """Suppliers' lots and batches that a lot was made of; batches, parcels and customers that got its units."""
        async with database.reading() as connection:
            lot = await lots.read_lot(connection, id_of(lot_id), currency)
            edges = None if lot is None else await read_edges(connection, lot["lot_id"])
        if lot is None:
            raise refused("not-found", NOT_FOUND)
        return streams.response(lot) if edges is None else answered(request, {"lot": lot, **edges})


def _lot_before(request: Request) -> UUID | None:
    values = cursor_of(request.query_params.get("cursor"), width=1)
    try:
        return None if values is None else UUID(values[0])
    except (ValueError, AttributeError, TypeError) as error:
        raise bad_cursor() from error
