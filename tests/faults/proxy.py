"""A TCP proxy on loopback that is slow when told to and cuts what goes through it."""

import asyncio
import random
from contextlib import suppress
from typing import Self

CHUNK_BYTES = 65_536


class Proxy:
    """`async with Proxy(host, port, draw) as proxy`: what connects to `proxy.port` speaks to that server."""

    def __init__(self, host: str, port: int, draw: random.Random) -> None:
        self._to = (host, port)
        self._draw = draw
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()
        self.delay_seconds_max = 0.0
        self.closed = False

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        self.cut(1.0)

    @property
    def port(self) -> int:
        assert self._server is not None
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    def cut(self, share: float) -> int:
        """Resets this share of the connections in the midst of whatever they carry; returns how many."""
        chosen = [one for one in self._open if self._draw.random() < share]
        for one in chosen:
            one.transport.abort()
        return len(chosen)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.closed:
            writer.transport.abort()
            return
        try:
            there, onward = await asyncio.open_connection(*self._to)
        except OSError:
            writer.transport.abort()
            return
        self._open |= {writer, onward}
        try:
            await asyncio.gather(self._pass(reader, onward), self._pass(there, writer))
        finally:
            self._open -= {writer, onward}
            writer.transport.abort()
            onward.transport.abort()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(CHUNK_BYTES):
                if self.delay_seconds_max:
                    await asyncio.sleep(self._draw.uniform(0, self.delay_seconds_max))
                writer.write(data)
                await writer.drain()
        writer.transport.abort()
