"""The routes of fulfillment."""

import re
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Final, get_args
from uuid import UUID

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from services.fulfillment import views
from services.fulfillment.api import answers, bodies
from services.fulfillment.api.floor import DELIVER, PACK, PICK, SHIP, Floor
from services.fulfillment.api.work import add_work
from services.fulfillment.domain.state import Fulfillment, Status
from shared.contracts.values import ITEM_ID_PATTERN
from shared.runtime.auth import Caller, requires
from shared.runtime.clock import new_id
from shared.runtime.database import Database
from shared.runtime.http import (
    answered,
    bad_cursor,
    body,
    cursor_of,
    id_of,
    limit_of,
    make_cursor,
    page,
    respond,
)
from shared.runtime.idempotency import key_of
from shared.runtime.openapi import documented
from shared.runtime.problems import Refused, invalid, refused

PREFIX: Final = "/api/fulfillment"
STATUSES: Final[tuple[str, ...]] = get_args(Status)

Reads = Annotated[Caller, requires("fulfillment:read")]
Writes = Annotated[Caller, requires("fulfillment:write")]
Handler = Callable[..., Awaitable[Response]]


def routes(database: Database, wave_seconds: float) -> APIRouter:
    """Every route of the service."""
    router = APIRouter(prefix=PREFIX, tags=["fulfillment"])
    _add_views(router, database)
    _add_command(router, "/fulfillments/{id}/pick", Floor(database, PICK), {200: "The fulfillment"})
    _add_command(router, "/fulfillments/{id}/pack", Floor(database, PACK), {200: "The fulfillment"})
    shipped = {200: "Shipped before under this carrier and number", 201: "Shipped"}
    _add_command(router, "/fulfillments/{id}/ship", Floor(database, SHIP), shipped)
    _add_command(router, "/shipments/{id}/deliver", Floor(database, DELIVER), {200: "The shipment"})
    add_work(router, database, wave_seconds)
    return router


def _add_views(router: APIRouter, database: Database) -> None:
    @router.get("/fulfillments", summary="Fulfillments, newest first", **documented())
    async def list_fulfillments(
        request: Request,
        caller: Reads,
        status: Annotated[str | None, Query(description=" | ".join(STATUSES))] = None,
        order_id: Annotated[str | None, Query()] = None,
        late: Annotated[str | None, Query(description="true: open after the requested day")] = None,
    ) -> Response:
        return await _list(request, database, _status_of(status), _id_of(order_id), _flag_of(late))

    @router.get("/fulfillments/{id}", summary="One fulfillment", **documented())
    async def read_fulfillment(request: Request, caller: Reads, id: str) -> Response:
        return answered(request, answers.fulfillment_body(await _found(database, id)))

    @router.get("/fulfillments/{id}/picking-list", summary="What is still to be picked", **documented())
    async def read_picking_list(request: Request, caller: Reads, id: str) -> Response:
        return answered(request, answers.picking_list_body(await _found(database, id)))


async def _list(
    request: Request, database: Database, status: str | None, order_id: str | None, late: bool | None
) -> Response:
    limit = limit_of(request)
    before = _before(request)
    async with database.reading() as connection:
        found = await views.fulfillments_page(
            connection, status=status, order_id=order_id, late=late, before=before, limit=limit + 1
        )
    shown = [answers.fulfillment_body(fulfillment) for fulfillment in found[:limit]]
    more = make_cursor(found[limit - 1].fulfillment_id) if len(found) > limit else None
    return answered(request, page(shown, more))


def _before(request: Request) -> UUID | None:
    values = cursor_of(request.query_params.get("cursor"), width=1)
    try:
        return None if values is None else UUID(values[0])
    except (ValueError, AttributeError, TypeError) as error:
        raise bad_cursor() from error


def _status_of(text: str | None) -> str | None:
    if text is not None and text not in STATUSES:
        raise Refused(invalid("`status` is unknown", (f"must be one of {', '.join(STATUSES)}", "/status")))
    return text


def _id_of(text: str | None) -> str | None:
    if text is not None and re.fullmatch(ITEM_ID_PATTERN, text) is None:
        raise Refused(invalid("`order_id` is not an id", ("must be an id", "/order_id")))
    return text


def _flag_of(text: str | None) -> bool | None:
    if text not in (None, "true", "false"):
        raise Refused(invalid("`late` must be true or false", ("must be true or false", "/late")))
    return None if text is None else text == "true"


async def _found(database: Database, text: str) -> Fulfillment:
    fulfillment_id = id_of(text)
    async with database.reading() as connection:
        found = await views.fulfillment_by_id(connection, fulfillment_id)
    if found is None:
        raise refused("not-found", answers.NOT_FOUND)
    return found


def _add_command(router: APIRouter, path: str, floor: Floor[Any], told: dict[int, str]) -> None:
    kind = floor.kind
    name, optional = kind.name, kind is not SHIP
    problems = ("illegal-transition",) if optional else ("illegal-transition", "already-exists")
    documents = documented(kind.body, optional=optional, answers=told, problems=problems)
    router.post(path, name=name, summary=f"{name.capitalize()} one", **documents)(_single(floor, optional))
    several = f"{name.capitalize()} up to 500; a bad item fails alone"
    router.post(f"/bulk/{name}", name=f"bulk_{name}", summary=several, **documented(kind.bulk))(_several(floor))


def _single(floor: Floor[Any], optional: bool) -> Handler:
    async def handle(request: Request, caller: Writes, id: str) -> Response:
        subject = id_of(id)
        asked = await body(request, floor.kind.body, optional=optional)
        command = asked.command(subject, new_id(), caller.subject)
        return respond(await floor.submit(command, key_of(request, caller)), request)

    return handle


def _several(floor: Floor[Any]) -> Handler:
    async def handle(request: Request, caller: Writes) -> Response:
        asked = await body(request, bodies.Bulk)
        several = floor.several(asked.items, caller.subject)
        return respond(await floor.submit_several(several, key_of(request, caller)), request)

    return handle
