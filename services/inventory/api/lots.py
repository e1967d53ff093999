"""Routes of lots: what they are, where their units came from and went, and what staff do to them."""

from collections.abc import Sequence
from typing import Annotated, Any, Final, get_args
from uuid import UUID

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from services.inventory.api.answers import NOT_FOUND
from services.inventory.api.bodies import LotReason
from services.inventory.api.traces import TraceStreams
from services.inventory.domain.lots import COMMANDS, LotCommand, LotStatus
from services.inventory.operations.lot_commands import Commanded, LotAsked, NoSuchLot, NotAllowed, command_lot
from services.inventory.operations.shelves import House
from services.inventory.views import lots
from services.inventory.views.traces import read_edges
from shared.runtime.answers import Answer
from shared.runtime.auth import Caller, requires
from shared.runtime.database import Database
from shared.runtime.groups import Group
from shared.runtime.http import answered, bad_cursor, body, cursor_of, id_of, limit_of, make_cursor, page, respond
from shared.runtime.idempotency import key_of
from shared.runtime.openapi import documented
from shared.runtime.problems import Refused, invalid, problem, refused
from shared.runtime.transaction import Transaction

Writes = Annotated[Caller, requires("inventory:write")]
PARCELS_MAX: Final = 1000
"""Parcels that the answer of a recall lists; a trace has them all."""
Reads = Annotated[Caller, requires("inventory:read")]
STATUSES: Final[tuple[str, ...]] = get_args(LotStatus)


def add_lots(router: APIRouter, database: Database, house: House) -> None:
    """Lots, their genealogy, and what is done to them."""
    _add_views(router, database, house.currency)
    _add_commands(router, database, house)


def _add_views(router: APIRouter, database: Database, currency: str) -> None:
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


def _add_commands(router: APIRouter, database: Database, house: House) -> None:
    async def run(tx: Transaction, asked: Sequence[LotAsked]) -> list[Answer]:
        return [await _answer(tx, one, await command_lot(tx, house, one), house.currency) for one in asked]

    # One at a time: each locks all that was made of its lot.
    group = Group(database, run, name="lot_commands", largest=1)
    about = documented(LotReason, problems=("illegal-transition",))

    async def command(request: Request, caller: Caller, lot_id: str, name: LotCommand) -> Response:
        asked = await body(request, LotReason)
        wish = LotAsked(id_of(lot_id), name, asked.reason, caller.subject)
        return respond(await group.submit(wish, key_of(request, caller)), request)

    @router.post("/lots/{lot_id}/hold", **about)
    async def hold_lot(lot_id: str, request: Request, caller: Writes) -> Response:
        """None of its units is sold until it is released; whoever was promised them waits for others."""
        return await command(request, caller, lot_id, "hold")

    @router.post("/lots/{lot_id}/release", **about)
    async def release_lot(lot_id: str, request: Request, caller: Writes) -> Response:
        """Its units may be sold again, and go to those that wait."""
        return await command(request, caller, lot_id, "release")

    @router.post("/lots/{lot_id}/recall", **about)
    async def recall_lot(lot_id: str, request: Request, caller: Writes) -> Response:
        """Holds what remains of it and of all that was made of it, for good, and lists who got units of them."""
        return await command(request, caller, lot_id, "recall")


async def _answer(tx: Transaction, asked: LotAsked, done: Commanded | NoSuchLot | NotAllowed, currency: str) -> Answer:
    if isinstance(done, NoSuchLot):
        return problem("not-found", NOT_FOUND)
    if isinstance(done, NotAllowed):
        allowed = sorted(name for status, name in COMMANDS if status == done.status and name != done.command)
        told: dict[str, Any] = {"from": done.status, "action": done.command, "allowed": allowed}
        return problem("illegal-transition", f"a lot that is {done.status} allows no {done.command}", **told)
    lot = await lots.read_lot(tx.connection, done.lot_id, currency)
    if asked.command != "recall":
        return Answer(200, {**(lot or {}), "taken_back": _taken(done)})
    reach = [done.lot_id, *done.reach]
    return Answer(
        200,
        {
            **(lot or {}),
            "lots": [await lots.read_lot(tx.connection, lot_id, currency) for lot_id in done.reach],
            "held_quantity": done.held_quantity,
            "taken_back": _taken(done),
            "shipments": await lots.parcels_of(tx.connection, reach, PARCELS_MAX),
        },
    )


def _taken(done: Commanded) -> list[dict[str, Any]]:
    return [{f"{kind}_id": id, "product_id": item, "quantity": units} for kind, id, item, units in done.taken]


def _lot_before(request: Request) -> UUID | None:
    values = cursor_of(request.query_params.get("cursor"), width=1)
    try:
        return None if values is None else UUID(values[0])
    except (ValueError, AttributeError, TypeError) as error:
        raise bad_cursor() from error
