"""Traces of more edges than are read at once: sent as they are read, in bounded memory and for a bounded time."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from services.inventory.views.traces import WAYS, Way, each_edge
from shared.runtime.answers import encode
from shared.runtime.database import TRANSACTION_SECONDS_MAX, Database
from shared.runtime.problems import refused

STREAMS_MAX: Final = 2
"""At once, of one instance: each has a connection of the pool, however slowly its client reads."""
SECONDS_MAX: Final = float(TRANSACTION_SECONDS_MAX)


class TraceStreams:
    """The long traces that this instance sends now."""

    def __init__(self, database: Database, seconds_max: float = SECONDS_MAX) -> None:
        self._database = database
        self._seconds_max = seconds_max
        self._under_way = 0

    def response(self, lot: dict[str, Any]) -> Response:
        """The answer for a lot, of the same shape as a short one; `503` if as many as may be are being sent."""
        return _Stream(self, self._parts(lot))

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """One of the streams that may be, for as long as one may take.

        Raises:
            Refused: there is none left.
            TimeoutError: it took too long.
        """
        if self._under_way >= STREAMS_MAX:
            raise refused("unavailable", "as many long traces are being sent as one instance sends at once")
        self._under_way += 1
        try:
            async with asyncio.timeout(self._seconds_max):
                yield
        finally:
            self._under_way -= 1

    async def _parts(self, lot: dict[str, Any]) -> AsyncGenerator[bytes, None]:
        async with (
            self._database.reading() as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),  # one snapshot for both ways
        ):
            yield b'{"lot":' + encode(lot)
            for way in WAYS:
                async for part in _edges(connection, lot, way):
                    yield part
            yield b"}"


async def _edges(connection: Any, lot: dict[str, Any], way: Way) -> AsyncGenerator[bytes, None]:
    yield b',"%s":[' % way.encode()
    comma = b""
    async for edges in each_edge(connection, lot["lot_id"], way):
        yield comma + encode(edges)[1:-1]
        comma = b","
    yield b"]"


class _Stream(StreamingResponse):
    """Ends what it reads from when it ends, however it ends: the client has all, went away, or took too long."""

    def __init__(self, streams: TraceStreams, parts: AsyncGenerator[bytes, None]) -> None:
        super().__init__(parts, media_type="application/json")
        self._streams = streams
        self._parts = parts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            async with self._streams.turn():
                await super().__call__(scope, receive, send)
        finally:
            await self._parts.aclose()
