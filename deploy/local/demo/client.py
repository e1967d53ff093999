"""The demo's REST client: staff and customers who ask again when a service is busy, and never do a thing twice."""

import asyncio
import ssl
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

import httpx

from deploy.local.failure import CannotRun
from deploy.local.stack import Stack

CONNECTIONS_MAX: Final = 24
ANSWER_SECONDS: Final = 5
TRIES_MAX: Final = 12
WAIT_SECONDS_MAX: Final = 5.0
SETTLE_SECONDS_MAX: Final = 90.0
Body = dict[str, Any]


class Refused(Exception):
    """A service answered what the demo did not expect; one line with request, status and detail."""

    def __init__(self, method: str, path: str, status: int, body: Body) -> None:
        super().__init__(f"{method} {path} was answered {status}: {body.get('detail') or body}")


@dataclass(frozen=True, slots=True)
class Reply:
    """Status and body of an answer."""

    status: int
    body: Body

    @property
    def problem(self) -> str:
        """The name of the problem, empty if there is none."""
        return str(self.body.get("type", "")).removeprefix("urn:flacon:problem:") if self.status >= 400 else ""


class Client:
    """Requests to any service, spread over its instances.

    Each connection is a client of its own: a shared pool looks through all its connections at every request, which made
    the demo slower than the services.
    """

    def __init__(self, stack: Stack) -> None:
        context = ssl.create_default_context()
        self._idle: dict[str, asyncio.LifoQueue[httpx.AsyncClient]] = {}
        self._all: list[httpx.AsyncClient] = []
        for name, url in stack.services.items():
            urls = [instance.url for instance in stack.instances.get(name, ())] or [url]
            self._idle[name] = asyncio.LifoQueue()
            for number in range(CONNECTIONS_MAX):
                one = httpx.AsyncClient(
                    base_url=urls[number % len(urls)], headers=stack.headers(), timeout=30, verify=context
                )
                self._all.append(one)
                self._idle[name].put_nowait(one)

    @asynccontextmanager
    async def _connection(self, service: str) -> AsyncIterator[httpx.AsyncClient]:
        connection = await self._idle[service].get()
        try:
            yield connection
        finally:
            self._idle[service].put_nowait(connection)

    async def _request(
        self, method: str, service: str, path: str, body: Body | None, headers: Mapping[str, str]
    ) -> httpx.Response:
        async with self._connection(service) as connection:
            return await connection.request(method, path, json=body, headers=headers)

    async def call(
        self, method: str, service: str, path: str, body: Body | None = None, *, key: str | None = None
    ) -> Reply:
        """One request, with any 4xx as a reply; a busy or absent service is asked again.

        Raises:
            CannotRun: if the service does not answer.
        """
        headers = {"Prefer": f"wait={ANSWER_SECONDS}", **({"Idempotency-Key": key} if key else {})}
        last = "no answer"
        for attempt in range(TRIES_MAX):
            try:
                answer = await self._request(method, service, path, body, headers)
            except httpx.TransportError as error:
                last = repr(error)
                await asyncio.sleep(min(WAIT_SECONDS_MAX, 0.1 * 2**attempt))
                continue
            reply = Reply(answer.status_code, _content(answer))
            if not _busy(reply):
                return reply
            last = f"{reply.status} {reply.body.get('detail', '')}"
            await asyncio.sleep(_retry_after(answer, attempt))
        raise CannotRun(
            f"{service} does not answer {method} {path}: {last}; see `python -m deploy.local logs {service}`"
        )

    async def ask(
        self,
        method: str,
        service: str,
        path: str,
        body: Body | None = None,
        *,
        key: str | None = None,
        also: tuple[int, ...] = (),
    ) -> Reply:
        """One request that must succeed, or be answered with one of the statuses in `also`.

        Raises:
            Refused: if it is answered otherwise.
        """
        reply = await self.call(method, service, path, body, key=key)
        if reply.status >= 300 and reply.status not in also:
            raise Refused(method, path, reply.status, reply.body)
        return reply

    async def settled(self, service: str, path: str, done: Callable[[Body], bool], first: Body | None = None) -> Body:
        """Reads a resource until it is as it should be: the `202` of a waiting route, followed.

        Raises:
            CannotRun: if it does not become so in time.
        """
        body = first or {}
        pause, deadline = 0.05, time.monotonic() + SETTLE_SECONDS_MAX
        while not (body and done(body)):
            if body:
                await asyncio.sleep(pause)
            if time.monotonic() > deadline:
                raise CannotRun(f"{service} left {path} as {body.get('status')} for {SETTLE_SECONDS_MAX:.0f} s")
            pause = min(1.0, pause * 1.5)
            body = (await self.ask("GET", service, path)).body
        return body

    async def pages(self, service: str, path: str, query: Mapping[str, str]) -> list[Body]:
        """Every item of a list."""
        items: list[Body] = []
        cursor: str | None = None
        while True:
            parameters = httpx.QueryParams({**query, "limit": "500", **({"cursor": cursor} if cursor else {})})
            page = (await self.ask("GET", service, f"{path}?{parameters}")).body
            items += page["items"]
            cursor = page["next_cursor"]
            if cursor is None:
                return items

    async def close(self) -> None:
        """Closes the connections."""
        await asyncio.gather(*(connection.aclose() for connection in self._all))


def _content(answer: httpx.Response) -> Body:
    try:
        content = answer.json()
    except ValueError:
        return {"detail": answer.text[:200]}
    return content if isinstance(content, dict) else {"detail": str(content)[:200]}


def _busy(reply: Reply) -> bool:
    return reply.status in (429, 503) or reply.problem == "idempotency-key-in-flight"


def _retry_after(answer: httpx.Response, attempt: int) -> float:
    text = answer.headers.get("Retry-After", "")
    return min(WAIT_SECONDS_MAX, float(text) if text.isdigit() else 0.1 * 2**attempt)
