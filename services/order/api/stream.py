"""`GET /api/orders/stream`: what happens to orders, as server-sent events."""

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated, Final
from uuid import UUID

import orjson
from fastapi import APIRouter, Request, Response
from starlette.responses import StreamingResponse

from services.order.api.answers import ORDERS
from services.order.api.feed import Feed, News
from services.order.domain.order import Status
from services.order.views.steps import Interest, Step
from shared.contracts.values import rfc3339
from shared.runtime.auth import Caller, requires
from shared.runtime.database import Database
from shared.runtime.openapi import documented
from shared.runtime.problems import refused

COMMENT_SECONDS: Final = 15.0
RETRY: Final = b"retry: 1000\n\n"
COMMENT: Final = b": nothing new\n\n"
MEDIA_TYPE: Final = "text/event-stream"
RESUME: Final = {
    "name": "Last-Event-ID",
    "in": "header",
    "required": False,
    "description": "The `id` of the last event seen: what came after it is sent first, some of it perhaps again",
    "schema": {"type": "string"},
}
DOCUMENTED: Final = documented(answers={200: "Server-sent events, until the client goes"})
DOCUMENTED["responses"][200]["content"] = {MEDIA_TYPE: {"schema": {"type": "string"}}}
DOCUMENTED["openapi_extra"]["parameters"] = [RESUME]


def stream_routes(database: Database, stopping: asyncio.Event, comment_seconds: float = COMMENT_SECONDS) -> APIRouter:
    """The stream; it ends when the service stops."""
    router = APIRouter(prefix=ORDERS, tags=["orders"])
    feed = Feed(database, stopping)

    @router.get("/stream", **DOCUMENTED, response_class=StreamingResponse)
    async def stream_orders(
        request: Request,
        caller: Annotated[Caller, requires("orders:read")],
        order_id: UUID | None = None,
        status: Status | None = None,
    ) -> Response:
        """Every step of every order, of one, or of those that came to a status; `status` events when that changes."""
        interest = Interest(None if order_id is None else str(order_id), status, caller.customer_id)
        if feed.is_full:
            raise refused("unavailable", "as many clients listen as one instance serves")
        return StreamingResponse(
            _events(feed.listen(interest, _since(request), comment_seconds)), media_type=MEDIA_TYPE
        )

    return router


async def _events(heard: AsyncIterator[News | None]) -> AsyncIterator[bytes]:
    yield RETRY
    async for news in heard:
        if news is None:
            yield COMMENT
        else:
            step, resume = news
            yield frames(step, resume)


def frames(step: Step, resume: int) -> bytes:
    """What a client gets of a step; only its last frame tells the id, so that a break between them loses neither."""
    told = {"order_id": step.order_id, "status": step.to_status, "version": step.version, "at": rfc3339(step.at)}
    data = orjson.dumps(told)
    status = b"event: status\ndata: %s\n\n" % data if step.from_status != step.to_status else b""
    return b"%sid: %d\nevent: %s\ndata: %s\n\n" % (status, resume, step.event.encode(), data)


def _since(request: Request) -> int | None:
    """The number from which a client resumes."""
    given = request.headers.get("last-event-id")
    if not given:
        return None
    if not (given.isascii() and given.isdigit() and len(given) <= 18):
        raise refused("malformed-request", "`Last-Event-ID` is none that this stream gave")
    return int(given)
