"""Takes orders and commands in groups, and waits for the saga's answer."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from fastapi import Request, Response

from services.order.api import answers
from services.order.domain.commands import Command
from services.order.domain.intake import Draft
from services.order.domain.order import Order, Policy
from services.order.operations.commanding import (
    CancelOrder,
    CommandResult,
    ConfirmOrder,
    cancel_orders,
    confirm_orders,
)
from services.order.operations.placing import Placed, PlaceOrder, place_orders
from services.order.saga import products_of
from services.order.views.outcomes import read_outcomes
from shared.runtime.answers import Answer
from shared.runtime.auth import Caller
from shared.runtime.clock import new_id
from shared.runtime.database import Database
from shared.runtime.groups import Group
from shared.runtime.http import prefer_of, respond
from shared.runtime.idempotency import key_of
from shared.runtime.transaction import Transaction
from shared.runtime.waiting import Waiting

Ending = Callable[[Order], Answer]
Done = Callable[[Order], bool]


class Desk:
    """Where a request meets the saga: a group's transaction, then the wait for what neighbours say."""

    def __init__(self, database: Database, policy: Policy) -> None:
        self._database = database
        self._policy = policy
        self._orders = Group(database, self._place, name="orders")
        self._confirmations = Group(database, self._confirm, name="confirmations")
        self._cancels = Group(database, self._cancel, name="cancels")
        self._waiting: Waiting[Order] = Waiting(database.wakeups, self._read, name="orders")

    async def place(self, request: Request, caller: Caller, draft: Draft) -> Response:
        """Accepts an order and waits until inventory has answered."""
        first = await self._orders.submit(PlaceOrder(str(new_id()), draft), key_of(request, caller))
        return await self._respond(request, first, answers.is_placed, answers.placed)

    async def confirm(self, request: Request, wanted: ConfirmOrder) -> Response:
        """Confirms an order and waits for inventory's judgement."""
        first = await self._confirmations.submit(wanted)
        return await self._respond(request, first, answers.is_confirmed, answers.confirmed)

    async def cancel(self, request: Request, wanted: CancelOrder) -> Response:
        """Cancels an order and waits until everything is given back."""
        first = await self._cancels.submit(wanted)
        products = products_of(wanted.wish)
        return await self._respond(
            request, first, answers.is_cancelled, lambda order: answers.cancelled(order, products)
        )

    async def _respond(self, request: Request, first: Answer, done: Done, ending: Ending) -> Response:
        prefer = prefer_of(request)
        if first.status != 202 or (prefer.wait == 0 and not first.replayed):
            return respond(first, request)
        order = await self._waiting.until(first.body["order_id"], done, prefer.wait)
        answer = first if order is None else ending(order)
        return respond(replace(answer, replayed=first.replayed), request)

    async def _read(self, order_ids: Sequence[str]) -> Mapping[str, Order]:
        async with self._database.reading() as connection:
            return await read_outcomes(connection, order_ids)

    async def _place(self, tx: Transaction, requests: Sequence[PlaceOrder]) -> list[Answer]:
        return [_placed(one) for one in await place_orders(tx, requests, self._policy)]

    async def _confirm(self, tx: Transaction, requests: Sequence[ConfirmOrder]) -> list[Answer]:
        return [_commanded(result, "confirm") for result in await confirm_orders(tx, requests, self._policy)]

    async def _cancel(self, tx: Transaction, requests: Sequence[CancelOrder]) -> list[Answer]:
        results = await cancel_orders(tx, requests, self._policy)
        return [
            _commanded(result, "cancel", products_of(request.wish))
            for request, result in zip(requests, results, strict=True)
        ]


def _placed(one: Placed) -> Answer:
    if one.errors:
        return answers.invalid_fields(one.errors)
    unknown = {"stock_reserved": None, "estimated_delivery": None, "estimated_delivery_basis": None}
    return answers.pending({"success": True, "order_id": one.order_id, "status": "created", **unknown})


def _commanded(result: CommandResult, command: Command, products: frozenset[str] | None = None) -> Answer:
    """The answer as far as the command's own transaction knows it."""
    order = result.order
    if order is None:
        return answers.unknown_order()
    if result.errors:
        return answers.invalid_fields(result.errors)
    if result.outcome == "illegal":
        return answers.illegal(order, command)
    if result.outcome == "lapsed":
        return answers.lapsed(order)
    if command == "cancel":
        return answers.cancelled(order, products)
    return answers.present_confirmation(order) if result.outcome == "told" else answers.unconfirmed(order)
