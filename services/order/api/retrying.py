"""Asking again at once, when an operator knows that the neighbour is back."""

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Request, Response

from services.order.api.answers import ORDERS, unknown_order
from services.order.operations.asking_again import hasten
from shared.runtime.answers import Answer
from shared.runtime.auth import Caller, requires
from shared.runtime.database import Database
from shared.runtime.groups import Group
from shared.runtime.http import id_of, respond
from shared.runtime.idempotency import key_of
from shared.runtime.openapi import documented
from shared.runtime.transaction import Transaction


def retry_routes(database: Database) -> APIRouter:
    """The operator's retry."""
    router = APIRouter(prefix=ORDERS, tags=["operations"])
    group = Group(database, _hasten, name="retries")

    @router.post("/{order_id}/retry", **documented())
    async def retry_order(
        order_id: str, request: Request, caller: Annotated[Caller, requires("operations")]
    ) -> Response:
        """Ask again at once what was not answered; `asked` is empty when nothing is open."""
        return respond(await group.submit(str(id_of(order_id)), key_of(request, caller)), request)

    return router


async def _hasten(tx: Transaction, order_ids: Sequence[str]) -> list[Answer]:
    found = await hasten(tx, order_ids)
    return [
        unknown_order() if asked is None else Answer(200, {"order_id": order_id, "asked": asked})
        for order_id, asked in zip(order_ids, found, strict=True)
    ]
