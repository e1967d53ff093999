"""Alive, ready and measured: the three public routes that say how a service is."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final

import asyncpg
from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, Gauge, generate_latest

from shared.runtime.database import BY_INDEX
from shared.runtime.http import answered

NOT_WRITABLE_SECONDS_MAX: Final = 5.0
LOOK_EVERY_SECONDS: Final = 1.0
LOOK_SECONDS_MAX: Final = 2.0
OUTBOX_EVERY_SECONDS: Final = 5.0
OUTBOX_OLD_SECONDS: Final = 30.0
OK: Final = "ok"
PLAIN: Final[dict[int | str, dict[str, Any]]] = {
    200: {"description": "Prometheus text", "content": {"text/plain": {"schema": {"type": "string"}}}}
}
NOT_READY: Final[dict[int | str, dict[str, Any]]] = {
    503: {"description": "Not ready: the same body", "content": {"application/json": {"schema": {"type": "object"}}}}
}

IS_WRITABLE = "SELECT NOT pg_is_in_recovery() AND current_setting('transaction_read_only') = 'off'"

_checks = Gauge("flacon_check_ok", "1 while a check of /readyz is ok, else 0", ["check"])

Unsent = Callable[[Any], Awaitable[tuple[int, float | None]]]


@dataclass(slots=True)
class Health:
    """What was seen last; `/readyz` shows it without asking anybody, so asking it often costs nothing."""

    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    postgres: str = "not looked at yet"
    migrations: str = "not looked at yet"
    outbox: str = "not looked at yet"
    kafka: Callable[[], str] = lambda: "not started yet"
    consumers: Callable[[], str] = lambda: "not started yet"
    broken: dict[str, str] = field(default_factory=dict)
    writable_at: float = field(default_factory=time.monotonic)

    def saw_postgres(self, fault: str | None) -> None:
        """Takes the outcome of one look: None if Postgres can be written."""
        if fault is None:
            self.postgres, self.writable_at = OK, time.monotonic()
        else:
            self.postgres = fault

    @property
    def ready(self) -> bool:
        """False only while stopping, and when Postgres has not been writable for 5 s."""
        writable = time.monotonic() - self.writable_at < NOT_WRITABLE_SECONDS_MAX
        return writable and not self.stopping.is_set()

    def checks(self) -> dict[str, str]:
        """Each check: `ok`, or why not."""
        return {
            "postgres": "stopping" if self.stopping.is_set() else self.postgres,
            "migrations": self.migrations,
            "kafka": self.broken.get("relay") or self.kafka(),
            "consumers": self.broken.get("consumer") or self.consumers(),
            "outbox": self.outbox,
        }


async def watch(health: Health, dsn: str, unsent: Unsent, stop: asyncio.Event) -> None:
    """Looks at Postgres every second until `stop`, on a connection that no load can take away."""
    while not stop.is_set():
        try:
            async with asyncio.timeout(LOOK_SECONDS_MAX):
                connection = await asyncpg.connect(
                    dsn, server_settings={"application_name": "flacon-health", **BY_INDEX}
                )
            await _look_on(health, connection, unsent, stop)
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError) as error:
            health.saw_postgres(f"{type(error).__name__}: {error}".rstrip(": "))
            await _pause(stop)


async def _look_on(health: Health, connection: Any, unsent: Unsent, stop: asyncio.Event) -> None:
    outbox_at = 0.0
    try:
        while not stop.is_set():
            async with asyncio.timeout(LOOK_SECONDS_MAX):
                writable = await connection.fetchval(IS_WRITABLE)
                health.saw_postgres(None if writable else "read-only")
                if time.monotonic() >= outbox_at:
                    health.outbox = told_unsent(*await unsent(connection))
                    outbox_at = time.monotonic() + OUTBOX_EVERY_SECONDS
            await _pause(stop)
    finally:
        connection.terminate()


def told_unsent(unsent: int, oldest_seconds: float | None) -> str:
    """`ok`, or how much waits and for how long."""
    if oldest_seconds is None or oldest_seconds < OUTBOX_OLD_SECONDS:
        return OK
    return f"{unsent} unsent, the oldest for {oldest_seconds:.0f} s"


async def _pause(stop: asyncio.Event) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(LOOK_EVERY_SECONDS):
            await stop.wait()


def routes(health: Health) -> APIRouter:
    """`/livez`, `/readyz`, `/metrics`; public."""
    router = APIRouter(tags=["health"])

    @router.get("/livez", summary="The process answers")
    async def livez(request: Request) -> Response:
        return answered(request, {"alive": True})

    @router.get("/readyz", summary="Whether it can take requests, and how its parts are", responses=NOT_READY)
    async def readyz(request: Request) -> Response:
        ready = health.ready
        told = {"ready": ready, "checks": health.checks()}
        return ready_response(request, told, ready)

    @router.get("/metrics", summary="Figures for Prometheus", responses=PLAIN, response_class=Response)
    async def metrics() -> Response:
        for name, told in health.checks().items():
            _checks.labels(name).set(told == OK)
        return Response(await asyncio.to_thread(generate_latest), media_type=CONTENT_TYPE_LATEST)

    return router


def ready_response(request: Request, told: dict[str, Any], ready: bool) -> Response:
    """`/readyz` is no problem document, also when it is 503."""
    response = answered(request, told)
    response.status_code = 200 if ready else 503
    return response
