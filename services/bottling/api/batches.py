"""Routes of batches: planned and commanded here, answered once inventory has."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from services.bottling.api.answers import BATCHES, command_answer, pending, plan_answer, planned, present, started
from services.bottling.api.bodies import (
    CancelBody,
    ConsumptionBody,
    FailBody,
    InspectionBody,
    PlanBody,
    consumed_of,
)
from services.bottling.domain.batch import Status
from services.bottling.domain.commands import Cancel, Command, Complete, Consume, Fail, Start
from services.bottling.operations.batches import BatchCommand, PlanRequest, command_batches, plan_batches
from services.bottling.operations.questions import hasten
from services.bottling.settings import BottlingSettings
from services.bottling.views.batches import BatchView, list_batches, read_batches
from services.bottling.views.questions import list_stuck
from shared.contracts.values import ITEM_ID_PATTERN
from shared.runtime.answers import Answer
from shared.runtime.auth import Caller, requires
from shared.runtime.clock import new_id
from shared.runtime.database import Database
from shared.runtime.groups import Group
from shared.runtime.http import (
    answered,
    bad_cursor,
    body,
    cursor_of,
    id_of,
    limit_of,
    make_cursor,
    page,
    prefer_of,
    respond,
)
from shared.runtime.idempotency import key_of
from shared.runtime.openapi import documented
from shared.runtime.problems import Refused, invalid, problem, refused
from shared.runtime.transaction import Transaction
from shared.runtime.waiting import Waiting

Ending = Callable[[BatchView], Answer]
CHECKED = {201: "The batch"}
ILLEGAL = ("illegal-transition",)


async def _hasten(tx: Transaction, batch_ids: Sequence[UUID]) -> list[Answer]:
    found = await hasten(tx, batch_ids)
    return [
        problem("not-found", f"there is no batch {id}")
        if asked is None
        else Answer(200, {"batch_id": str(id), "asked": asked})
        for id, asked in zip(batch_ids, found, strict=True)
    ]


class Desk:
    """Takes requests about batches in groups, and waits for inventory where a route does."""

    def __init__(self, database: Database, settings: BottlingSettings) -> None:
        self._database = database
        self._delays = settings.delays()
        self._percent_min = settings.quality_percent_min
        self._plans = Group(database, self._plan, name="plans")
        self._commands = Group(database, self._command, name="batch-commands")
        self._retries = Group(database, _hasten, name="retries")
        self._waiting: Waiting[BatchView] = Waiting(database.wakeups, self._read, name="batches")

    async def _plan(self, tx: Transaction, requests: Sequence[PlanRequest]) -> list[Answer]:
        return [plan_answer(outcome) for outcome in await plan_batches(tx, requests, self._delays)]

    async def _command(self, tx: Transaction, requests: Sequence[BatchCommand]) -> list[Answer]:
        outcomes = await command_batches(tx, requests, self._delays, self._percent_min)
        return [command_answer(request, outcome) for request, outcome in zip(requests, outcomes, strict=True)]

    async def retry(self, request: Request, caller: Caller, batch_id: str) -> Response:
        """Has the batch's open question told again at once."""
        return respond(await self._retries.submit(id_of(batch_id), key_of(request, caller)), request)

    async def _read(self, ids: Sequence[str]) -> Mapping[str, BatchView]:
        async with self._database.reading() as connection:
            return await read_batches(connection, [UUID(id) for id in ids])

    async def plan(self, request: Request, caller: Caller, wanted: PlanRequest) -> Response:
        """Plans a batch and waits until its materials are held or known to be short."""
        first = await self._plans.submit(wanted, key_of(request, caller))
        return await self._respond(request, first, planned)

    async def command(
        self, request: Request, caller: Caller, batch_id: str, command: Command, ending: Ending = present
    ) -> Response:
        """Carries a command out; one that asks inventory waits for the answer."""
        wanted = BatchCommand(id_of(batch_id), command, caller.subject, new_id())
        first = await self._commands.submit(wanted, key_of(request, caller))
        return await self._respond(request, first, ending)

    async def _respond(self, request: Request, first: Answer, ending: Ending) -> Response:
        if first.status != 202:
            return respond(first, request)
        seconds = prefer_of(request).wait
        view = await self._waiting.until(first.body["batch_id"], lambda seen: seen.answered, seconds)
        if view is None:
            return respond(first, request)
        answer = ending(view) if view.answered else pending(view)
        return respond(replace(answer, replayed=first.replayed), request)


def batch_routes(database: Database, settings: BottlingSettings) -> APIRouter:
    """Plan, command, list and read batches."""
    router = APIRouter(prefix=BATCHES, tags=["batches"])
    desk = Desk(database, settings)
    _add_commands(router, desk, settings)
    _add_production(router, desk)
    _add_reading(router, database)
    return router


def _add_commands(router: APIRouter, desk: Desk, settings: BottlingSettings) -> None:
    writer = requires("bottling:write")

    @router.post("", **documented(PlanBody, answers={201: "The batch, `ready` or `short`"}, waits=True))
    async def plan_batch(request: Request, caller: Annotated[Caller, writer]) -> Response:
        """Plan a batch: what it needs is calculated and claimed."""
        given = await body(request, PlanBody)
        if given.quantity > settings.batch_quantity_max:
            detail = f"must be at most {settings.batch_quantity_max}"
            raise Refused(invalid(f"quantity {detail}", (detail, "/quantity")))
        wanted = PlanRequest(new_id(), given.product_id, given.recipe_id, given.quantity)
        return await desk.plan(request, caller, wanted)

    @router.post("/{batch_id}/start", **documented(problems=(*ILLEGAL, "out-of-stock"), waits=True))
    async def start_batch(batch_id: str, request: Request, caller: Annotated[Caller, writer]) -> Response:
        """Start production: the materials are issued."""
        return await desk.command(request, caller, batch_id, Start(), started)

    @router.post("/{batch_id}/cancel", **documented(CancelBody, problems=ILLEGAL, waits=True))
    async def cancel_batch(batch_id: str, request: Request, caller: Annotated[Caller, writer]) -> Response:
        """Give a batch up before its materials are issued; they are released."""
        given = await body(request, CancelBody)
        return await desk.command(request, caller, batch_id, Cancel(given.reason))

    @router.post("/{batch_id}/retry", tags=["operations"], **documented())
    async def retry_batch(
        batch_id: str, request: Request, caller: Annotated[Caller, requires("operations")]
    ) -> Response:
        """Ask inventory again at once; `asked` is empty when nothing is open."""
        return await desk.retry(request, caller, batch_id)

    @router.post("/{batch_id}/fail", **documented(FailBody, problems=ILLEGAL, waits=True))
    async def fail_batch(batch_id: str, request: Request, caller: Annotated[Caller, writer]) -> Response:
        """Give a batch up after that; what it used is written off, the rest returns."""
        given = await body(request, FailBody)
        command = Fail(given.reason, consumed_of(given.consumed, "consumed"))
        return await desk.command(request, caller, batch_id, command)


def _add_production(router: APIRouter, desk: Desk) -> None:
    writer = requires("bottling:write")

    @router.post(
        "/{batch_id}/quality-checks", **documented(InspectionBody, answers={201: "The batch"}, problems=ILLEGAL)
    )
    async def check_quality(batch_id: str, request: Request, caller: Annotated[Caller, writer]) -> Response:
        """Report one inspection of produced units."""
        given = await body(request, InspectionBody)
        return await desk.command(request, caller, batch_id, given.command())

    @router.post("/{batch_id}/consumption", **documented(ConsumptionBody, optional=True, problems=ILLEGAL, waits=True))
    async def report_consumption(batch_id: str, request: Request, caller: Annotated[Caller, writer]) -> Response:
        """Report what was used: extra is issued, the rest returned, the cost settled."""
        given = await body(request, ConsumptionBody, optional=True)
        command = Consume(consumed_of(given.materials, "materials"))
        return await desk.command(request, caller, batch_id, command)

    @router.post("/{batch_id}/complete", **documented(problems=ILLEGAL))
    async def complete_batch(batch_id: str, request: Request, caller: Annotated[Caller, writer]) -> Response:
        """End a batch: its good units enter stock, its cost is frozen."""
        return await desk.command(request, caller, batch_id, Complete())


def _add_reading(router: APIRouter, database: Database) -> None:
    reader = requires("bottling:read")

    @router.get("", **documented())
    async def get_batches(
        request: Request,
        caller: Annotated[Caller, reader],
        status: Status | None = None,
        product_id: Annotated[str | None, Query(pattern=ITEM_ID_PATTERN)] = None,
    ) -> Response:
        """Batches, newest first."""
        limit, before = limit_of(request), _place_of(request)
        async with database.reading() as connection:
            found = await list_batches(connection, status, product_id, before, limit + 1)
        return answered(request, _page_of(found, limit))

    @router.get("/{batch_id}", **documented())
    async def get_batch(batch_id: str, request: Request, caller: Annotated[Caller, reader]) -> Response:
        """One batch."""
        id = id_of(batch_id)
        async with database.reading() as connection:
            found = await read_batches(connection, [id])
        if str(id) not in found:
            raise refused("not-found", f"there is no batch {batch_id}")
        return answered(request, found[str(id)].body)


def stuck_routes(database: Database) -> APIRouter:
    """Batches that inventory leaves without an answer."""
    router = APIRouter(prefix="/api/bottling", tags=["operations"])

    @router.get("/stuck", **documented())
    async def get_stuck(request: Request, caller: Annotated[Caller, requires("operations")]) -> Response:
        """Questions that were asked again twice or more, the newest batch first."""
        limit, before = limit_of(request), _place_of(request)
        async with database.reading() as connection:
            found = await list_stuck(connection, before, limit + 1)
        return answered(request, _page_of(found, limit))

    return router


def _page_of(found: list[dict[str, Any]], limit: int) -> dict[str, Any]:
    """A page of `limit` from one row more, which tells whether there is another page."""
    following = make_cursor(found[limit - 1]["batch_id"]) if len(found) > limit else None
    return page(found[:limit], following)


def _place_of(request: Request) -> UUID | None:
    """The batch after which a page begins."""
    values = cursor_of(request.query_params.get("cursor"), width=1)
    if values is None:
        return None
    try:
        return UUID(values[0])
    except (TypeError, ValueError, AttributeError) as error:
        raise bad_cursor() from error
