"""What happens inside a service of the fault tests: it dies at named steps, loses news of commits, has a wrong clock.

All of it is put around the runtime from outside, by the entry point of these tests; the services carry none of it.
"""

import os
import random
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import asyncpg
import orjson
from aiokafka.errors import KafkaConnectionError

from shared.contracts.envelope import Event
from shared.runtime import inbox, jobs
from shared.runtime import subscriptions as delivering
from shared.runtime.database import Database
from shared.runtime.jobs import Job
from shared.runtime.kafka import batches
from shared.runtime.kafka.batches import Batches, Outcome
from shared.runtime.kafka.publisher import Publisher, Sendable
from shared.runtime.subscriptions import Subscription
from shared.runtime.transaction import Transaction

TOLD: Final = "FLACON_FAULTS"


@dataclass(frozen=True)
class Faults:
    """What one process suffers; `fired` is the file in which its deaths are written down."""

    seed: int = 0
    points: tuple[str, ...] = ()
    fired: str = ""
    lost_news: float = 0.0
    clock_seconds: float = 0.0
    prefix: str = ""

    def as_text(self) -> str:
        return orjson.dumps(vars(self)).decode()

    @classmethod
    def from_text(cls, text: str) -> "Faults":
        told = orjson.loads(text)
        return cls(**{**told, "points": tuple(told["points"])})


def fired(path: Path) -> list[str]:
    """The points at which somebody died, in order."""
    return path.read_text(encoding="utf-8").split() if path.exists() else []


class Dying:
    """Kills its own process, as a power cut would, the first time that an armed point is passed."""

    def __init__(self, faults: Faults) -> None:
        self._path = Path(faults.fired)
        self._armed = set(faults.points) - set(fired(self._path))

    def passes(self, step: str, names: Sequence[str]) -> None:
        for name in names:
            if (point := f"{step}:{name}") in self._armed:
                with self._path.open("a", encoding="utf-8") as file:
                    file.write(f"{point}\n")
                os.kill(os.getpid(), signal.SIGKILL)


def install(faults: Faults) -> None:
    """Puts the faults around the runtime of this process."""
    dying, draw = Dying(faults), random.Random(faults.seed)
    _around_transactions(dying, draw, faults.lost_news)
    _around_handlers(dying)
    _around_sending(dying, draw, faults)
    _around_timers(dying)
    if faults.clock_seconds:
        _move_clock(faults.clock_seconds)


def _around_transactions(dying: Dying, draw: random.Random, lost_news: float) -> None:
    flush, transaction = Transaction.flush, Database.transaction

    async def flush_and_die(tx: Transaction) -> None:
        told = [outgoing.type for outgoing in tx._outgoing]
        await flush(tx)
        tx.__dict__["told"] = told
        dying.passes("hearing", [event.type for event in tx.__dict__.get("first", ())])
        dying.passes("telling", told)

    @asynccontextmanager
    async def commit_and_die(database: Database) -> AsyncIterator[Transaction]:
        async with transaction(database) as tx:
            yield tx
        dying.passes("told", tx.__dict__.get("told", ()))
        if tx.__dict__.get("told") and draw.random() < lost_news:
            raise asyncpg.ConnectionDoesNotExistError("the news of a commit was lost")

    Transaction.flush = flush_and_die  # type: ignore[method-assign,assignment]
    Database.transaction = commit_and_die  # type: ignore[method-assign,assignment]


def _around_handlers(dying: Dying) -> None:
    handle, first_seen = Batches.handle, inbox.first_seen

    async def remember_and_die(tx: Transaction, events: Sequence[Event[Any]]) -> list[Event[Any]]:
        first = await first_seen(tx, events)
        tx.__dict__["first"] = first
        dying.passes("heard", [event.type for event in first])
        return first

    deliver = delivering.deliver

    async def deliver_and_die(
        tx: Transaction, subscriptions: Sequence[Subscription], events: Sequence[Event[Any]]
    ) -> list[Event[Any]]:
        return await deliver(tx, [Subscription(one.types, _dying(dying, one.handle)) for one in subscriptions], events)

    async def handle_and_die(self: Batches, records: Sequence[Any], **options: Any) -> Outcome:
        outcome = await handle(self, records, **options)
        dying.passes("acknowledging", [record.topic.removeprefix(self._prefix) for record in records])
        return outcome

    delivering.first_seen = remember_and_die  # type: ignore[attr-defined]
    batches.deliver = deliver_and_die  # type: ignore[attr-defined]
    Batches.handle = handle_and_die  # type: ignore[method-assign]


Handle = Callable[[Transaction, Sequence[Event[Any]]], Awaitable[None]]


def _dying(dying: Dying, handle: Handle) -> Handle:
    async def handle_and_die(tx: Transaction, events: Sequence[Event[Any]]) -> None:
        await handle(tx, events)
        dying.passes("handled", [event.type for event in events])

    return handle_and_die


def _around_sending(dying: Dying, draw: random.Random, faults: Faults) -> None:
    send = Publisher.send

    async def send_and_die(self: Publisher, records: Sequence[Sendable]) -> None:
        await send(self, records)
        dying.passes("sent", [record.topic.removeprefix(faults.prefix) for record in records])
        if draw.random() < faults.lost_news:
            raise KafkaConnectionError("the news of an acknowledgement was lost")

    Publisher.send = send_and_die  # type: ignore[method-assign]


def _around_timers(dying: Dying) -> None:
    tick_once = jobs.tick_once

    async def tick_and_die(database: Database, job: Job) -> int:
        done = await tick_once(database, job)
        if done:
            dying.passes("ticked", [job.name])
        return done

    jobs.tick_once = tick_and_die


def _move_clock(seconds: float) -> None:
    """Of this process only: ids are made by it, and nothing may be decided by it."""
    now, now_ns = time.time, time.time_ns
    time.time = lambda: now() + seconds
    time.time_ns = lambda: now_ns() + int(seconds * 1e9)
