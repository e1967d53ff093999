"""Grouped writes: what came while the previous transaction ran is one transaction, each request with its own answer."""

import asyncio
import random
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import Context
from dataclasses import dataclass, field
from typing import Final, Generic, TypeVar
from uuid import UUID

import structlog
from opentelemetry import context as tracing
from prometheus_client import Counter, Gauge, Histogram

from shared.runtime import idempotency
from shared.runtime.answers import Answer as Answer
from shared.runtime.database import Database, is_transient
from shared.runtime.idempotency import IdempotencyKey, KeysInFlight
from shared.runtime.problems import problem
from shared.runtime.telemetry import requests_of
from shared.runtime.transaction import Transaction

Q = TypeVar("Q")
Operation = Callable[[Transaction, Sequence[Q]], Awaitable[Sequence[Answer]]]

PATIENCE_SECONDS: Final = 5.0
PAUSE_SECONDS: Final = 0.02
PAUSE_SECONDS_MAX: Final = 1.0

_sizes = Histogram(
    "flacon_group_requests", "Requests in one transaction", ["group"], buckets=(1, 2, 5, 10, 25, 50, 100, 250, 500)
)
_seconds = Histogram("flacon_group_seconds", "Time of one group's transaction", ["group"])
_queued = Gauge("flacon_group_queued", "Requests that wait for their transaction", ["group"])
_outcomes = Counter("flacon_group_failures_total", "Groups and requests that failed", ["group", "kind"])
_log = structlog.get_logger()


@dataclass(slots=True, eq=False)
class _Entry(Generic[Q]):
    """A request that waits for its answer, with the trace and correlation id it came with."""

    request: Q
    key: IdempotencyKey | None
    answer: "asyncio.Future[Answer]"
    trace: tracing.Context
    told: dict[str, object]
    since: float = field(default_factory=time.monotonic)

    @property
    def open(self) -> bool:
        """False once answered, or once the client went away."""
        return not self.answer.done()

    def settle(self, answer: Answer) -> None:
        if not self.answer.done():
            self.answer.set_result(answer)


class Group(Generic[Q]):
    """Runs one operation on lists of requests, one transaction at a time.

    A transaction may be tried more than once, also when the first try was committed and only the news of it was lost.
    So a request must carry every id that the operation writes, made before `submit`, and an operation that meets such
    an id again answers as if it had just written it; with an idempotency key the kept answer is given.
    """

    def __init__(
        self, database: Database, operation: Operation[Q], *, name: str, largest: int = 250, waiting: int = 2000
    ) -> None:
        self._database = database
        self._operation = operation
        self._name = name
        self._largest = largest
        self._waiting = waiting
        self._queue: deque[_Entry[Q]] = deque()
        self._runner: asyncio.Task[None] | None = None

    async def submit(self, request: Q, key: IdempotencyKey | None = None) -> Answer:
        """The answer, once committed; 503 when too many wait or Postgres stays away, 500 for poison."""
        if len(self._queue) >= self._waiting:
            _outcomes.labels(self._name, "overload").inc()
            return problem("unavailable", "too many requests wait for their turn")
        told = dict(structlog.contextvars.get_contextvars())
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._queue.append(_Entry(request, key, future, tracing.get_current(), told))
        if self._runner is None or self._runner.done():
            # A context of its own: the first request's trace is not that of the later ones.
            self._runner = asyncio.create_task(self._run(), name=f"group-{self._name}", context=Context())
        return await future

    async def _run(self) -> None:
        while entries := self._take():
            try:
                await self._handle(entries)
            finally:
                # Reached unsettled only when the runner itself is cancelled or broken.
                for entry in entries:
                    entry.settle(problem("unavailable", "the service is stopping"))

    def _take(self) -> list[_Entry[Q]]:
        """The next group: no request whose client left, and no key twice (the second finds the first's answer)."""
        taken: list[_Entry[Q]] = []
        later: list[_Entry[Q]] = []
        keys: set[tuple[str, str, str]] = set()
        while self._queue and len(taken) < self._largest:
            entry = self._queue.popleft()
            if not entry.open:
                continue
            if entry.key is not None and entry.key.identity in keys:
                later.append(entry)
                continue
            if entry.key is not None:
                keys.add(entry.key.identity)
            taken.append(entry)
        self._queue.extendleft(reversed(later))
        _queued.labels(self._name).set(len(self._queue))
        return taken

    async def _handle(self, entries: list[_Entry[Q]]) -> None:
        """Settles every entry: by its answer, 500 for poison, 503 after 5 s of faults that time should heal."""
        failures, each = 0, False
        while entries := [entry for entry in entries if entry.open]:
            try:
                answers = await self._attempt(entries, each=each)
            except KeysInFlight:
                each = True
            except Exception as error:
                if not is_transient(error):
                    await self._isolate(entries, error)
                    return
                failures += 1
                entries = self._patient(entries, error)
                await asyncio.sleep(_pause_seconds(failures))
            else:
                for entry, answer in zip(entries, answers, strict=True):
                    entry.settle(answer)

    async def _attempt(self, entries: list[_Entry[Q]], *, each: bool) -> list[Answer]:
        started = time.perf_counter()
        with _traced(entries):
            async with self._database.transaction() as tx:
                answers = await self._answered(tx, entries, each=each)
        _sizes.labels(self._name).observe(len(entries))
        _seconds.labels(self._name).observe(time.perf_counter() - started)
        return answers

    async def _answered(self, tx: Transaction, entries: list[_Entry[Q]], *, each: bool) -> list[Answer]:
        keys = [entry.key for entry in entries if entry.key is not None]
        known = await idempotency.claim(tx, keys, each=each)
        fresh = [entry for entry in entries if entry.key is None or entry.key.identity not in known]
        tx.quiet = not fresh
        made = await self._operation(tx, [entry.request for entry in fresh]) if fresh else ()
        answers = dict(zip(map(id, fresh), made, strict=True))
        await idempotency.keep(tx, [(entry.key, answers[id(entry)]) for entry in fresh if entry.key is not None])
        return [
            known[entry.key.identity] if entry.key is not None and entry.key.identity in known else answers[id(entry)]
            for entry in entries
        ]

    async def _isolate(self, entries: list[_Entry[Q]], error: Exception) -> None:
        """A group that cannot be handled is halved until the one request that breaks it stands alone."""
        if len(entries) > 1:
            middle = len(entries) // 2
            await self._handle(entries[:middle])
            await self._handle(entries[middle:])
            return
        _outcomes.labels(self._name, "poison").inc()
        _log.error("request failed", group=self._name, exc_info=error, **entries[0].told)
        entries[0].settle(problem("internal-error", "something unexpected happened"))

    def _patient(self, entries: list[_Entry[Q]], error: Exception) -> list[_Entry[Q]]:
        """Those that may be tried again; the others waited long enough and are told so."""
        _outcomes.labels(self._name, "transient").inc()
        _log.warning("group failed, tried again", group=self._name, requests=len(entries), error=repr(error))
        oldest = time.monotonic() - PATIENCE_SECONDS
        for entry in entries:
            if entry.since < oldest:
                entry.settle(problem("unavailable", "the database does not answer"))
        return [entry for entry in entries if entry.open]


@contextmanager
def _traced(entries: Sequence[_Entry[Q]]) -> Iterator[None]:
    """What a request leads to goes on in its trace, also when others share its transaction."""
    if len(entries) > 1:
        with requests_of({id: entry.trace for entry in reversed(entries) for id in _ids_of(entry.request)}):
            yield
        return
    token = tracing.attach(entries[0].trace)
    try:
        yield
    finally:
        tracing.detach(token)


def _ids_of(request: object) -> Iterator[str]:
    """What a request is about and is to write: ids that it carries, as text or as UUIDs."""
    if isinstance(request, str):
        yield request
    for name in getattr(request, "__dataclass_fields__", ()):
        value = getattr(request, name)
        if isinstance(value, UUID) or (name.endswith("_id") and isinstance(value, str)):
            yield str(value)


def _pause_seconds(failures: int) -> float:
    return random.uniform(0, min(PAUSE_SECONDS_MAX, PAUSE_SECONDS * 2 ** min(failures, 10)))
