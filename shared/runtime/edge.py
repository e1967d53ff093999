"""The outermost layer of the HTTP side: a request's ids, trace and metrics, and the answer to whatever goes wrong."""

import re
import time
from dataclasses import dataclass, field
from typing import Any, Final

import structlog
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import Span, Status, StatusCode
from prometheus_client import Counter, Gauge, Histogram
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.runtime.answers import Answer
from shared.runtime.clock import new_id
from shared.runtime.http import BODY_BYTES_MAX, respond, too_large
from shared.runtime.problems import Refused, problem
from shared.runtime.rate_limit import READING
from shared.runtime.telemetry import server_span

_CORRELATION_ID: Final = re.compile(r"^[A-Za-z0-9._:/+=@~-]{1,128}\Z")

PROTECTIONS: Final = {
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
}
"""What a response tells a browser, unless it says something else itself: run nothing, keep nothing, frame nothing."""

_seconds = Histogram("flacon_http_request_seconds", "Time to the end of the response", ["method", "route"])
_responses = Counter("flacon_http_responses_total", "Responses by route and status", ["method", "route", "status"])
_under_way = Gauge("flacon_http_requests_under_way", "Requests that have no response yet")
_log = structlog.get_logger()


@dataclass(slots=True)
class _Exchange:
    """One request on its way; `status` 0 = nothing was sent yet."""

    scope: Scope
    send: Send
    correlation_id: str
    status: int = 0
    started: float = field(default_factory=time.perf_counter)

    async def forward(self, message: Message) -> None:
        """Sends a message of the response, with the headers that every response has."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = MutableHeaders(scope=message)
            headers["X-Correlation-Id"] = self.correlation_id
            for name, value in PROTECTIONS.items():
                headers.setdefault(name, value)
            for name, value in self.scope["state"].get("response_headers", {}).items():
                headers[name] = value
        await self.send(message)

    @property
    def route(self) -> str:
        """The path's template: what metrics and spans may name without growing with every id."""
        return getattr(self.scope.get("route"), "path", None) or "unknown"


class Edge:
    """Pure ASGI: it costs no task and no copy of the body."""

    def __init__(self, app: ASGIApp, *, provider: TracerProvider | None = None) -> None:
        self._app = app
        self._provider = provider

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        correlation_id = correlation_id_from(headers.get("x-correlation-id"))
        scope.setdefault("state", {})["correlation_id"] = correlation_id
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(correlation_id=correlation_id)
        exchange = _Exchange(scope, send, correlation_id)
        _under_way.inc()
        try:
            with server_span(self._provider, headers.get("traceparent"), scope["method"]) as span:
                await self._handle(exchange, headers, receive)
                _finish(exchange, span)
        finally:
            _under_way.dec()
            _measure(exchange)
            _audit(exchange)

    async def _handle(self, exchange: _Exchange, headers: Headers, receive: Receive) -> None:
        try:
            if _announces_too_much(headers):
                raise Refused(too_large())
            await self._app(exchange.scope, receive, exchange.forward)
        except Refused as refusal:
            await _answer(exchange, receive, refusal.answer)
        except Exception:
            _log.exception("request failed", method=exchange.scope["method"], path=exchange.scope["path"])
            if exchange.status:
                # Half a response is out: only a broken connection tells the client.
                raise
            await _answer(exchange, receive, problem("internal-error", "something unexpected happened"))


async def _answer(exchange: _Exchange, receive: Receive, answer: Answer) -> None:
    response = respond(answer, Request(exchange.scope))
    await response(exchange.scope, receive, exchange.forward)


def correlation_id_from(given: str | None) -> str:
    """The client's id if it is 1-128 harmless characters, else a new one."""
    return given if given is not None and _CORRELATION_ID.match(given) else str(new_id())


def _announces_too_much(headers: Headers) -> bool:
    length = headers.get("content-length", "")
    return length.isascii() and length.isdigit() and int(length[:20]) > BODY_BYTES_MAX


def _finish(exchange: _Exchange, span: Span) -> None:
    if not span.is_recording():
        return
    method: Any = exchange.scope["method"]
    span.update_name(f"{method} {exchange.route}")
    span.set_attribute("http.request.method", method)
    span.set_attribute("http.route", exchange.route)
    span.set_attribute("http.response.status_code", exchange.status)
    span.set_attribute("flacon.correlation_id", exchange.correlation_id)
    if exchange.status >= 500:
        span.set_status(Status(StatusCode.ERROR))


def _audit(exchange: _Exchange) -> None:
    """Who did what: a line for each request that may change something, and for each that was not allowed.

    The books themselves name the actor of a change too; this line also tells of what was tried.
    """
    refused = exchange.status in (401, 403)
    if exchange.scope["method"] in READING and not refused:
        return
    _log.info(
        "refused" if refused else "asked",
        actor=exchange.scope["state"].get("actor"),
        method=exchange.scope["method"],
        route=exchange.route,
        path=exchange.scope["path"],
        status=exchange.status or 499,
        client=(exchange.scope.get("client") or ("unknown",))[0],
        correlation_id=exchange.correlation_id,
    )


def _measure(exchange: _Exchange) -> None:
    method, route = exchange.scope["method"], exchange.route
    # A method that no route has is the client's invention; its name must not become a series.
    method = method if route != "unknown" else "any"
    _seconds.labels(method, route).observe(time.perf_counter() - exchange.started)
    _responses.labels(method, route, exchange.status or 499).inc()
