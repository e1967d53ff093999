"""`/live`: tells an open page that what it shows has changed, as server-sent events; and how the console itself is."""

import time
from collections.abc import AsyncIterator
from typing import Final

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from console.entrance import house_of, somebody
from console.live.signals import INTERESTS_MAX, Listener
from console.visit import House

RETRY: Final = b"retry: 1000\n\n"
CHANGED: Final = b"event: changed\ndata: 1\n\n"
COMMENT: Final = b": nothing new\n\n"
ENDED: Final = b"event: ended\ndata: 1\n\n"
NAME_CHARACTERS_MAX: Final = 140


def routes() -> list[Route]:
    """The stream, and the three answers for those who run it."""
    return [Route("/live", live), Route("/livez", livez), Route("/readyz", readyz)]


async def live(request: Request) -> Response:
    """What a page is told of: `?on=orders order:ID`; the stream ends with the session."""
    person = await somebody(request)
    if person is None:
        return PlainTextResponse("sign in first", 401)
    house = house_of(request)
    if house.signals.is_full:
        return PlainTextResponse("as many pages are open as one console serves", 503, headers={"Retry-After": "10"})
    names = [name for name in request.query_params.get("on", "").split() if len(name) <= NAME_CHARACTERS_MAX]
    listener = house.signals.add(names[:INTERESTS_MAX])
    return StreamingResponse(
        _told(house, listener, person.expires_at),
        media_type="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


async def _told(house: House, listener: Listener, expires_at: float) -> AsyncIterator[bytes]:
    try:
        yield RETRY
        async for changed in listener.news():
            if time.time() > expires_at:
                yield ENDED
                return
            yield CHANGED if changed else COMMENT
    finally:
        house.signals.remove(listener)


async def livez(request: Request) -> Response:
    """The process answers."""
    return JSONResponse({"alive": True})


async def readyz(request: Request) -> Response:
    """It serves pages also while Kafka is away: they show what the services say, only not by themselves."""
    return JSONResponse({"ready": True, "checks": {"events": house_of(request).hearing.state}})
