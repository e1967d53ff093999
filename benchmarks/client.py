"""A client that costs little: HTTP/1.1 on one kept connection, so that the services have the processors."""

import asyncio
import time
from collections.abc import AsyncIterator
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import urlsplit

import orjson

ANSWER_SECONDS: Final = 30.0
LINE_END: Final = b"\r\n"
HEAD_END: Final = b"\r\n\r\n"


class Unexpected(Exception):
    """A service answered what no benchmark can go on with."""


class Connection:
    """One connection with a token of its own: rate limits are per client."""

    def __init__(self, url: str, token: str) -> None:
        parts = urlsplit(url)
        self._host, self._port = str(parts.hostname), int(parts.port or 80)
        self._common = (
            f"Host: {self._host}:{self._port}\r\nAuthorization: Bearer {token}\r\nContent-Type: application/json\r\n"
        ).encode()
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._writer is not None:
            self._writer.close()

    async def post(self, path: str, body: Any, *, wait: int | None = None) -> dict[str, Any]:
        """The answer's body.

        Raises:
            Unexpected: any other status than 200 and 201.
        """
        status, answer = await self.ask("POST", path, body, wait=wait)
        if status not in (200, 201):
            raise Unexpected(f"POST {path} was answered {status}: {answer.get('detail') or answer}")
        return answer

    async def timed_get(self, path: str) -> tuple[float, dict[str, Any]]:
        """Milliseconds of a read, and its body.

        Raises:
            Unexpected: any other status than 200.
        """
        began = time.perf_counter()
        status, answer = await self.ask("GET", path)
        if status != 200:
            raise Unexpected(f"GET {path} was answered {status}: {answer.get('detail') or answer}")
        return (time.perf_counter() - began) * 1000, answer

    async def ask(
        self, method: str, path: str, body: Any = None, *, wait: int | None = None
    ) -> tuple[int, dict[str, Any]]:
        """Status and body of the answer, within 30 s."""
        content = b"" if body is None else orjson.dumps(body)
        prefer = b"" if wait is None else b"Prefer: wait=%d\r\n" % wait
        head = b"%s %s HTTP/1.1\r\n%s%sContent-Length: %d\r\n\r\n"
        async with asyncio.timeout(ANSWER_SECONDS):
            reader, writer = await self._opened()
            writer.write(head % (method.encode(), path.encode(), self._common, prefer, len(content)) + content)
            return await _answer(reader)

    async def _opened(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A server closes what was quiet for some seconds."""
        if self._reader is None or self._writer is None or self._reader.at_eof():
            self._reader, self._writer = await asyncio.open_connection(self._host, self._port, limit=2**24)
        return self._reader, self._writer


async def _answer(reader: asyncio.StreamReader) -> tuple[int, dict[str, Any]]:
    head = await reader.readuntil(HEAD_END)
    lines = head.lower().split(b"\r\n")
    status = int(lines[0].split(b" ", 2)[1])
    if b"transfer-encoding: chunked" in lines:
        body = b"".join([chunk async for chunk in _chunks(reader)])
    else:
        length = next((int(line[15:]) for line in lines if line.startswith(b"content-length:")), 0)
        body = await reader.readexactly(length)
    return status, orjson.loads(body) if body else {}


async def _chunks(reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
    while length := int(await reader.readuntil(LINE_END), 16):
        yield await reader.readexactly(length)
        await reader.readexactly(len(LINE_END))
    await reader.readexactly(len(LINE_END))
