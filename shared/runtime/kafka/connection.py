"""What every Kafka client here shares: security, backoff, waits that can be stopped, a log that does not flood."""

import asyncio
import logging
import random
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any, Final

from aiokafka.admin import AIOKafkaAdminClient

REQUEST_TIMEOUT_MS: Final = 10_000
METADATA_MAX_AGE_MS: Final = 30_000
BACKOFF_SECONDS: Final = 0.05
BACKOFF_SECONDS_MAX: Final = 5.0
SAME_LINE_EVERY_SECONDS: Final = 30.0
UNKNOWN_TOPIC: Final = 3

_LOGGERS: Final = (
    "aiokafka",
    "aiokafka.admin.client",
    "aiokafka.cluster",
    "aiokafka.conn",
    "aiokafka.consumer.consumer",
    "aiokafka.consumer.fetcher",
    "aiokafka.consumer.group_coordinator",
    "aiokafka.consumer.subscription_state",
    "aiokafka.producer.producer",
    "aiokafka.producer.sender",
)


class Unreachable(Exception):
    """Kafka cannot be used now; the message says why, for people."""


def full_jitter(attempt: int) -> float:
    """Seconds to wait before attempt 1, 2, ...: at random up to a bound that doubles to 5 s, so that nobody marches."""
    return random.uniform(0, min(BACKOFF_SECONDS_MAX, BACKOFF_SECONDS * 2.0 ** min(attempt, 16)))


async def stopped_within(stop: asyncio.Event, seconds: float) -> bool:
    """Waits; True as soon as `stop` is set."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await stop.wait()
    return stop.is_set()


async def first_of(work: Any, stop: Any) -> bool:
    """True if `work` ended before `stop`; the other is cancelled. Raises what `work` raises."""
    tasks = [asyncio.ensure_future(work), asyncio.ensure_future(stop)]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    if tasks[0].cancelled():
        return False
    tasks[0].result()
    return True


async def missing_topics(bootstrap: str, names: Iterable[str], security: Mapping[str, Any] | None = None) -> list[str]:
    """Those of the topics that the cluster does not have.

    Raises:
        aiokafka.errors.KafkaError, OSError: Kafka does not answer.
    """
    wanted = list(names)
    admin = AIOKafkaAdminClient(
        bootstrap_servers=bootstrap, request_timeout_ms=REQUEST_TIMEOUT_MS, **dict(security or {})
    )
    try:
        await admin.start()
        described = await admin.describe_topics(wanted) if wanted else []
    finally:
        await admin.close()
    return sorted(topic["topic"] for topic in described if topic["error_code"] == UNKNOWN_TOPIC)


class _OncePerWhile(logging.Filter):
    """Lets the same line of a logger through every 30 s; an outage otherwise writes a hundred a second."""

    def __init__(self) -> None:
        super().__init__()
        self._next: dict[tuple[str, int, str], float] = {}
        self._held: dict[tuple[str, int, str], int] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        if record.levelno < logging.WARNING:
            return True
        line = (record.name, record.levelno, str(record.msg))
        now = time.monotonic()
        if now < self._next.get(line, 0.0):
            self._held[line] = self._held.get(line, 0) + 1
            return False
        self._next[line] = now + SAME_LINE_EVERY_SECONDS
        held = self._held.pop(line, 0)
        if held:
            record.msg = f"{record.msg} [and {held} times more, not shown]"
        return True


_ONCE_PER_WHILE: Final = _OncePerWhile()


def quiet_client_logs() -> None:
    """Rate-limits the client library's warnings and errors; doing it again changes nothing."""
    for name in _LOGGERS:
        logging.getLogger(name).addFilter(_ONCE_PER_WHILE)


def connected(client: Any) -> bool:
    """True if the aiokafka client holds a live connection (the library has no public way to ask)."""
    return any(connection.connected() for connection in client._conns.values())
