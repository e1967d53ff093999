"""A client's connection before anybody knows who asks: the head of a request is read within bounds of time and size."""

import asyncio
from http import HTTPStatus
from typing import Any, Final

import orjson
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_BYTES_MAX: Final = 64 * 1024
"""Of request line and headers together, as far as they came without being complete."""
HEAD_SECONDS_MAX: Final = 15.0
"""From the connection, or from the first byte of a further request, to the end of its headers."""


class Connection(HttpToolsProtocol):
    """uvicorn reads heads of any size for as long as they take; this one answers `431` and `408` and hangs up.

    A head that comes in one piece costs no timer.
    """

    _head_bytes = 0
    _in_head = False
    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn does
        super().connection_made(transport)
        self._wait_for_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._head_is_there()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.transport.is_closing():
            return
        if self._in_head:
            self._head_bytes += len(data)
            if self._head_bytes > HEAD_BYTES_MAX:
                self._hang_up(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, f"a head has {HEAD_BYTES_MAX} bytes at most")
                return
        if self._in_head or self._is_answered():
            self._wait_for_head()

    def on_message_begin(self) -> None:
        self._in_head, self._head_bytes = True, 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._in_head = False
        self._head_is_there()
        super().on_headers_complete()

    def _is_answered(self) -> bool:
        """Whatever comes now belongs to no request: the rest of a body that was refused, or nothing at all."""
        return self.cycle is None or self.cycle.response_complete

    def _wait_for_head(self) -> None:
        if self._deadline is None:
            self._deadline = self.loop.call_later(HEAD_SECONDS_MAX, self._waited)

    def _head_is_there(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _waited(self) -> None:
        self._deadline = None
        if not self.transport.is_closing():
            self._hang_up(HTTPStatus.REQUEST_TIMEOUT, f"a head takes {HEAD_SECONDS_MAX:g} s at most")

    def _hang_up(self, status: HTTPStatus, detail: str) -> None:
        """Says why, unless an answer is under way or nothing was asked."""
        self._head_is_there()
        if self._in_head and self._is_answered():
            self.transport.write(_problem(status, detail))
        self.transport.close()


def _problem(status: HTTPStatus, detail: str) -> bytes:
    told: dict[str, Any] = {"type": "about:blank", "title": status.phrase, "status": int(status), "detail": detail}
    content = orjson.dumps(told)
    head = (
        f"HTTP/1.1 {int(status)} {status.phrase}\r\nContent-Type: application/problem+json\r\n"
        f"Content-Length: {len(content)}\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + content
