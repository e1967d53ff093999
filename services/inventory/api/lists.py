"""The routes of lists: reservations, the ledger, low stock, deviations."""

from datetime import datetime
from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from services.inventory.api.items import time_in_cursor
from services.inventory.views import history
from services.inventory.views import items as item_views
from services.inventory.views.reservations import Wanted, reservations_page
from shared.runtime.auth import Caller, requires
from shared.runtime.database import Database
from shared.runtime.http import answered, bad_cursor, cursor_of, limit_of, make_cursor, page
from shared.runtime.openapi import documented
from shared.runtime.problems import Refused, invalid

Reads = Annotated[Caller, requires("inventory:read")]
STATUSES: Final = ("active", "confirmed", "fulfilled", "released", "expired")


def add_lists(router: APIRouter, database: Database) -> None:
    """What has happened, and what is the matter."""
    _add_reservations(router, database)
    _add_ledger(router, database)
    _add_low_stock(router, database)
    _add_reconcile(router, database)


def _add_reservations(router: APIRouter, database: Database) -> None:
    @router.get("/reservations", **documented())
    async def list_reservations(
        request: Request,
        caller: Reads,
        order_id: Annotated[str | None, Query()] = None,
        batch_id: Annotated[str | None, Query()] = None,
        item_id: Annotated[str | None, Query(max_length=64)] = None,
        status: Annotated[str | None, Query(description=" | ".join(STATUSES))] = None,
    ) -> Response:
        """One row per order and product, or batch and material; newest first."""
        limit = limit_of(request)
        if status is not None and status not in STATUSES:
            raise Refused(invalid("`status` is unknown", (f"must be one of {', '.join(STATUSES)}", "/status")))
        wanted = Wanted(_uuid_of("order_id", order_id), _uuid_of("batch_id", batch_id), item_id, status)
        async with database.reading() as connection:
            found = await reservations_page(connection, wanted, _after_reservation(request), limit + 1)
        last = found[limit - 1] if len(found) > limit else None
        cursor = None if last is None else make_cursor(_claim_of(last), last["item_id"])
        return answered(request, page(found[:limit], cursor))


def _claim_of(row: dict[str, Any]) -> Any:
    return row.get("order_id") or row["batch_id"]


def _uuid_of(name: str, text: str | None) -> UUID | None:
    try:
        return None if text is None else UUID(text)
    except ValueError as error:
        raise Refused(invalid(f"`{name}` must be a UUID", ("must be a UUID", f"/{name}"))) from error


def _after_reservation(request: Request) -> tuple[UUID, str] | None:
    values = cursor_of(request.query_params.get("cursor"), width=2)
    try:
        return None if values is None else (UUID(values[0]), str(values[1]))
    except (ValueError, AttributeError, TypeError) as error:
        raise bad_cursor() from error


def _add_ledger(router: APIRouter, database: Database) -> None:
    @router.get("/ledger", **documented())
    async def list_ledger(
        request: Request,
        caller: Reads,
        item_id: Annotated[str | None, Query(max_length=64)] = None,
        reference: Annotated[str | None, Query(max_length=64)] = None,
        since: Annotated[datetime | None, Query(alias="from")] = None,
        until: Annotated[datetime | None, Query(alias="to")] = None,
    ) -> Response:
        """Every change of a level, newest first."""
        limit = limit_of(request)
        wanted = history.Entries(item_id, reference, _zoned("from", since), _zoned("to", until))
        async with database.reading() as connection:
            if wanted.by_version:
                found = await history.ledger_of_item(connection, wanted, _after_version(request), limit + 1)
            else:
                found = await history.ledger_by_time(connection, wanted, _after_entry(request), limit + 1)
        return answered(request, page(found[:limit], _cursor_of_ledger(wanted, found, limit)))


def _zoned(name: str, moment: datetime | None) -> datetime | None:
    if moment is not None and moment.tzinfo is None:
        raise Refused(invalid(f"`{name}` needs a time zone", ("must be RFC 3339 with a time zone", f"/{name}")))
    return moment


def _cursor_of_ledger(wanted: history.Entries, found: list[dict[str, Any]], limit: int) -> str | None:
    if len(found) <= limit:
        return None
    last = found[limit - 1]
    return (
        make_cursor(last["version"])
        if wanted.by_version
        else make_cursor(last["at"].isoformat(), last["transaction_id"])
    )


def _after_version(request: Request) -> int | None:
    values = cursor_of(request.query_params.get("cursor"), width=1)
    if values is not None and not (type(values[0]) is int and 0 <= values[0] <= history.VERSION_MAX):
        raise bad_cursor()
    return None if values is None else values[0]


def _after_entry(request: Request) -> tuple[datetime, UUID] | None:
    values = cursor_of(request.query_params.get("cursor"), width=2)
    try:
        return None if values is None else (time_in_cursor(values[0]), UUID(values[1]))
    except (ValueError, AttributeError, TypeError) as error:
        raise bad_cursor() from error


def _add_low_stock(router: APIRouter, database: Database) -> None:
    @router.get("/alerts/low-stock", **documented())
    async def list_low_stock(request: Request, caller: Reads) -> Response:
        """Items with an open alert of their level, by id, each with its gravest."""
        limit = limit_of(request)
        values = cursor_of(request.query_params.get("cursor"), width=1)
        after = "" if values is None else str(values[0])
        async with database.reading() as connection:
            found = await item_views.low_stock_page(connection, after, limit + 1)
        cursor = make_cursor(found[limit - 1]["item_id"]) if len(found) > limit else None
        return answered(request, page(found[:limit], cursor))


def _add_reconcile(router: APIRouter, database: Database) -> None:
    @router.get("/reconcile", **documented())
    async def reconcile(request: Request, caller: Reads) -> Response:
        """Levels against ledger and reservations, every item; corrects nothing."""
        async with database.reading() as connection:
            return answered(request, await history.reconcile(connection))
