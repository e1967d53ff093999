"""The routes of inventory: what is read, and what staff change."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated, Final, TypeVar

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from services.inventory.api import answers, bodies
from services.inventory.api.items import add_items
from services.inventory.api.lists import add_lists
from services.inventory.api.lots import add_lots
from services.inventory.operations import stock
from services.inventory.operations.reconciliation import Correction, correct
from services.inventory.operations.shelves import House
from services.inventory.views import items as item_views
from shared.runtime.answers import Answer
from shared.runtime.auth import Caller, requires
from shared.runtime.clock import new_id
from shared.runtime.database import Database
from shared.runtime.groups import Group
from shared.runtime.http import answered, body, respond
from shared.runtime.idempotency import key_of
from shared.runtime.openapi import documented
from shared.runtime.problems import Refused, invalid
from shared.runtime.transaction import Transaction

PREFIX: Final = "/api/inventory"
GROUP_MAX: Final = 250

Reads = Annotated[Caller, requires("inventory:read")]
Writes = Annotated[Caller, requires("inventory:write")]
Operates = Annotated[Caller, requires("operations")]
Q = TypeVar("Q")
R = TypeVar("R")


def routes(database: Database, house: House) -> APIRouter:
    """Every route of the service."""
    router = APIRouter(prefix=PREFIX, tags=["inventory"])
    add_items(router, database)
    add_lists(router, database)
    add_lots(router, database, house)
    _add_basket(router, database)
    _add_receipts(router, database, house)
    _add_adjustments(router, database, house)
    _add_counts(router, database, house)
    _add_corrections(router, database)
    return router


def _group(
    database: Database,
    house: House,
    name: str,
    operation: Callable[[Transaction, House, Sequence[Q]], Awaitable[Sequence[R]]],
    answer: Callable[[Q, R], Answer],
) -> Group[Q]:
    """An operation whose outcomes become answers."""

    async def run(tx: Transaction, asked: Sequence[Q]) -> list[Answer]:
        outcomes = await operation(tx, house, asked)
        return [answer(one, outcome) for one, outcome in zip(asked, outcomes, strict=True)]

    return Group(database, run, name=name, largest=GROUP_MAX)


def _add_basket(router: APIRouter, database: Database) -> None:
    @router.post("/availability", **documented(bodies.Basket))
    async def check_availability(request: Request, caller: Reads) -> Response:
        """What of a basket is available now; nothing is held."""
        asked = await body(request, bodies.Basket)
        lines: dict[str, int] = {}
        for line in asked.items:
            lines[line.product_id] = lines.get(line.product_id, 0) + line.quantity
        async with database.reading() as connection:
            found = await item_views.basket(connection, list(lines))
        return answered(request, answers.availability(lines, found))


def _add_receipts(router: APIRouter, database: Database, house: House) -> None:
    group = _group(database, house, "receipts", stock.receive, answers.received)

    @router.post("/receipts", **documented(bodies.NewReceipt, answers={201: "Received"}))
    async def receive(request: Request, caller: Writes) -> Response:
        """Units enter stock and go to those that wait."""
        asked = await body(request, bodies.NewReceipt)
        if asked.unit_cost.currency != house.currency:
            told = f"costs are in {house.currency}"
            raise Refused(invalid(told, (told, "/unit_cost/currency")))
        receipt = stock.Receipt(
            new_id(),
            new_id(),
            asked.item_id,
            asked.quantity,
            asked.supplier_lot,
            asked.unit_cost.amount,
            asked.expires_on,
            asked.note,
            caller.subject,
        )
        return respond(await group.submit(receipt, key_of(request, caller)), request)


def _add_adjustments(router: APIRouter, database: Database, house: House) -> None:
    group = _group(database, house, "adjustments", stock.adjust, answers.adjusted)

    @router.post(
        "/adjustments",
        **documented(bodies.NewAdjustment, answers={201: "Adjusted"}, problems=("illegal-transition",)),
    )
    async def adjust(request: Request, caller: Writes) -> Response:
        """Moves `current` by hand, never below what is promised."""
        asked = await body(request, bodies.NewAdjustment)
        adjustment = stock.Adjustment(
            new_id(), asked.item_id, asked.quantity, asked.reason, caller.subject, asked.lot_id
        )
        return respond(await group.submit(adjustment, key_of(request, caller)), request)


def _add_counts(router: APIRouter, database: Database, house: House) -> None:
    group = _group(database, house, "counts", stock.count, answers.counted)

    @router.post("/counts", **documented(bodies.NewCount, answers={201: "Counted"}))
    async def count(request: Request, caller: Writes) -> Response:
        """The books follow the count of shelf and bench; movements since the version stand."""
        asked = await body(request, bodies.NewCount)
        counted = stock.Count(
            new_id(),
            asked.item_id,
            asked.counted,
            asked.version,
            asked.reason,
            caller.subject,
            asked.counted_at,
            asked.lot_id,
        )
        return respond(await group.submit(counted, key_of(request, caller)), request)


def _add_corrections(router: APIRouter, database: Database) -> None:
    async def run(tx: Transaction, asked: Sequence[Correction]) -> list[Answer]:
        return [answers.corrected(await correct(tx, one)) for one in asked]

    # One at a time: each looks at the whole ledger of its item.
    group = Group(database, run, name="corrections", largest=1)

    @router.post(
        "/reconcile/corrections",
        **documented(bodies.NewCorrection, answers={201: "Corrected"}, problems=("illegal-transition",)),
    )
    async def correct_deviation(request: Request, caller: Operates) -> Response:
        """Writes one correcting entry that `GET reconcile` proposes."""
        asked = await body(request, bodies.NewCorrection)
        correction = Correction(new_id(), asked.item_id, asked.check, asked.quantity, asked.reason, caller.subject)
        return respond(await group.submit(correction, key_of(request, caller)), request)
