"""The routes of orders."""

from datetime import UTC, datetime
from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from services.order.api.answers import NO_ORDER, ORDERS
from services.order.api.bodies import CancelBody, OrderBody
from services.order.api.desk import Desk
from services.order.domain.order import Policy, Status
from services.order.operations.commanding import CancelOrder, ConfirmOrder
from services.order.views.lists import Filters, count_open, list_orders
from services.order.views.orders import customer_of, list_stuck, read_history, read_orders
from shared.contracts.values import ITEM_ID_PATTERN
from shared.runtime.auth import Caller, requires
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
)
from shared.runtime.openapi import documented
from shared.runtime.problems import refused

Reads = Annotated[Caller, requires("orders:read")]
Writes = Annotated[Caller, requires("orders:write")]
Operator = Annotated[Caller, requires("operations")]
Id = Annotated[str | None, Query(pattern=ITEM_ID_PATTERN)]
CREATED: Final = {201: "Accepted, and inventory has answered"}


def routes(database: Database, policy: Policy) -> APIRouter:
    """Every route of the service."""
    router = APIRouter(prefix=ORDERS, tags=["orders"])
    desk = Desk(database, policy)
    _add_placing(router, desk, policy)
    _add_commands(router, desk)
    _add_lists(router, database)
    _add_reading(router, database)
    return router


def _add_placing(router: APIRouter, desk: Desk, policy: Policy) -> None:
    @router.post(
        "",
        **documented(OrderBody, answers=CREATED, problems=("out-of-stock", "unknown-product"), waits=True),
    )
    async def place_order(request: Request, caller: Writes) -> Response:
        """Place an order; inventory is asked for a hold."""
        given = await body(request, OrderBody)
        if caller.customer_id not in (None, given.customer_id):
            raise refused("insufficient-scope", "this token is another customer's", required_scopes=["orders:write"])
        return await desk.place(request, caller, given.draft(policy.currency))


def _add_commands(router: APIRouter, desk: Desk) -> None:
    @router.put(
        "/{order_id}/confirm",
        **documented(
            problems=("illegal-transition", "reservation-expired", "out-of-stock", "unknown-product"), waits=True
        ),
    )
    async def confirm_order(order_id: str, request: Request, caller: Writes) -> Response:
        """Confirm an order; its hold no longer expires."""
        return await desk.confirm(request, ConfirmOrder(str(id_of(order_id)), caller.customer_id))

    @router.put(
        "/{order_id}/cancel",
        **documented(CancelBody, optional=True, problems=("illegal-transition",), waits=True),
    )
    async def cancel_order(order_id: str, request: Request, caller: Writes) -> Response:
        """Cancel an order or some of its items; what is still held is released."""
        id = str(id_of(order_id))
        given = await body(request, CancelBody, optional=True)
        return await desk.cancel(request, CancelOrder(id, given.wish(caller.subject), caller.customer_id))


def _add_lists(router: APIRouter, database: Database) -> None:
    @router.get("", **documented())
    async def get_orders(
        request: Request,
        caller: Reads,
        status: Status | None = None,
        customer_id: Id = None,
        product_id: Id = None,
        source: Id = None,
        external_id: Id = None,
        created_from: datetime | None = None,
        created_to: datetime | None = None,
        stuck: bool | None = None,
    ) -> Response:
        """Orders, newest first; `created_from` is the first moment, `created_to` the first after."""
        limit, before = limit_of(request), _order_before(request)
        if caller.customer_id is not None and customer_id not in (None, caller.customer_id):
            return answered(request, page([], None))
        filters = Filters(
            status=status,
            customer_id=caller.customer_id or customer_id,
            product_id=product_id,
            source=source,
            external_id=external_id,
            created_from=_in_utc(created_from),
            created_to=_in_utc(created_to),
            stuck=stuck,
        )
        async with database.reading() as connection:
            found = await list_orders(connection, filters, before, limit + 1)
        following = make_cursor(found[limit - 1]["order_id"]) if len(found) > limit else None
        return answered(request, page(found[:limit], following))

    @router.get("/stages", **documented())
    async def count_orders(request: Request, caller: Reads) -> Response:
        """How many orders have each status that is not an end."""
        if caller.customer_id is not None:
            raise refused("insufficient-scope", "counts are not for one customer's token", required_scopes=[])
        async with database.reading() as connection:
            return answered(request, {"statuses": await count_open(connection)})

    @router.get("/stuck", tags=["operations"], **documented())
    async def get_stuck(request: Request, caller: Operator) -> Response:
        """Orders with a question that was asked again twice or more without an answer, newest first."""
        limit, before = limit_of(request), _question_before(request)
        async with database.reading() as connection:
            found = await list_stuck(connection, before, limit + 1)
        return answered(request, _stuck_page(found, limit))


def _add_reading(router: APIRouter, database: Database) -> None:
    @router.get("/{order_id}", **documented())
    async def get_order(order_id: str, request: Request, caller: Reads) -> Response:
        """One order."""
        id = id_of(order_id)
        async with database.reading() as connection:
            order = (await read_orders(connection, [id])).get(str(id))
        if order is None or caller.customer_id not in (None, order["customer_id"]):
            raise refused("not-found", NO_ORDER)
        return answered(request, order)

    @router.get("/{order_id}/history", **documented())
    async def get_history(order_id: str, request: Request, caller: Reads) -> Response:
        """Every step of the order's saga, oldest first."""
        id = id_of(order_id)
        async with database.reading() as connection:
            customer = await customer_of(connection, id)
            steps = await read_history(connection, id)
        if customer is None or caller.customer_id not in (None, customer):
            raise refused("not-found", NO_ORDER)
        return answered(request, {"items": steps})


def _in_utc(moment: datetime | None) -> datetime | None:
    """A time without a zone is UTC."""
    return moment if moment is None or moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def _order_before(request: Request) -> UUID | None:
    """The order after which a page begins."""
    values = cursor_of(request.query_params.get("cursor"), width=1)
    return None if values is None else _id_in(values[0])


def _question_before(request: Request) -> tuple[UUID, str] | None:
    values = cursor_of(request.query_params.get("cursor"), width=2)
    if values is None:
        return None
    if not isinstance(values[1], str):
        raise bad_cursor()
    return _id_in(values[0]), values[1]


def _id_in(value: Any) -> UUID:
    try:
        return UUID(value)
    except (TypeError, ValueError, AttributeError) as error:
        raise bad_cursor() from error


def _stuck_page(found: list[dict[str, Any]], limit: int) -> dict[str, Any]:
    last = found[limit - 1] if len(found) > limit else None
    shown = [{name: value for name, value in one.items() if name != "neighbour"} for one in found[:limit]]
    return page(shown, make_cursor(last["order_id"], last["neighbour"]) if last else None)
