"""Routes of the floor's work: picking lists of many orders, what waits at each stage, and the carriers."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from services.fulfillment import views
from services.fulfillment.api import answers, bodies
from services.fulfillment.operations import MakeWave, make_waves
from shared.contracts.carriers import CARRIERS
from shared.runtime.answers import Answer
from shared.runtime.auth import Caller, requires
from shared.runtime.clock import new_id
from shared.runtime.database import Database
from shared.runtime.groups import Group
from shared.runtime.http import answered, bad_cursor, body, cursor_of, id_of, limit_of, make_cursor, page, respond
from shared.runtime.idempotency import key_of
from shared.runtime.openapi import documented
from shared.runtime.problems import refused
from shared.runtime.transaction import Transaction

Reads = Annotated[Caller, requires("fulfillment:read")]
Writes = Annotated[Caller, requires("fulfillment:write")]
Stage = Literal["pick", "pack", "ship", "late"]
PLACE_PARTS: Final = 3


def add_work(router: APIRouter, database: Database, wave_seconds: float) -> None:
    """What people on the floor ask for."""
    _add_waves(router, database, wave_seconds)
    _add_stages(router, database)
    _add_carriers(router)


async def _make(tx: Transaction, requests: Sequence[MakeWave]) -> list[Answer]:
    return [Answer(201, answers.wave_body(wave)) for wave in await make_waves(tx, requests)]


def _add_waves(router: APIRouter, database: Database, wave_seconds: float) -> None:
    making = Group(database, _make, name="fulfillment-waves")

    @router.post("/waves", **documented(bodies.WaveBody, optional=True, answers={201: "The picking list"}))
    async def make_wave(request: Request, caller: Writes) -> Response:
        """One picking list of the first orders that wait for a picker and are on no other list."""
        asked = await body(request, bodies.WaveBody, optional=True)
        wave = MakeWave(new_id(), asked.limit, caller.subject, wave_seconds)
        return respond(await making.submit(wave, key_of(request, caller)), request)

    @router.get("/waves/{id}", **documented())
    async def read_wave(request: Request, caller: Reads, id: str) -> Response:
        """What is still to be picked of a list."""
        wave_id = id_of(id)
        async with database.reading() as connection:
            wave = await views.wave_by_id(connection, wave_id)
        if wave is None:
            raise refused("not-found", answers.NOT_FOUND)
        return answered(request, answers.wave_body(wave))


def _add_stages(router: APIRouter, database: Database) -> None:
    @router.get("/stages", **documented())
    async def count_work(request: Request, caller: Reads) -> Response:
        """Orders, units and the oldest order that wait at each stage."""
        async with database.reading() as connection:
            return answered(request, await views.work_counts(connection))

    @router.get("/stages/{stage}", **documented())
    async def list_work(request: Request, caller: Reads, stage: Stage) -> Response:
        """What waits to be picked, packed or shipped, or is late; by priority, then age."""
        limit, after = limit_of(request), _place_of(request)
        async with database.reading() as connection:
            found = await views.work_page(connection, stage, after, limit + 1)
        last = found[limit - 1] if len(found) > limit else None
        more = (
            None if last is None else make_cursor(-last["priority"], last["accepted_at"].isoformat(), last["order_id"])
        )
        return answered(request, page([answers.work_body(row) for row in found[:limit]], more))


def _place_of(request: Request) -> views.Place | None:
    values = cursor_of(request.query_params.get("cursor"), width=PLACE_PARTS)
    if values is None:
        return None
    try:
        turn, at, order_id = values
        place = int(turn), datetime.fromisoformat(at), str(order_id)
    except (TypeError, ValueError) as error:
        raise bad_cursor() from error
    if place[1].tzinfo is None or "\x00" in place[2] or abs(place[0]) > 10:
        raise bad_cursor()
    return place


def _add_carriers(router: APIRouter) -> None:
    @router.get("/carriers", **documented())
    async def list_carriers(request: Request, caller: Reads) -> Response:
        """Carriers with their lead times, tracking numbers and where a parcel is followed; others may be used too."""
        found: list[dict[str, Any]] = [answers.carrier_body(carrier) for carrier in CARRIERS.values()]
        return answered(request, page(found, None))
