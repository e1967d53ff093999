"""A whole service in one process: HTTP side, consumer, relay, timers; started in order, stopped in order."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import asyncpg
import structlog
from fastapi import APIRouter, FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from shared.contracts.catalog import published_by, read_by
from shared.runtime import asyncapi, health, openapi, operations_api, relay
from shared.runtime.auth import Guard
from shared.runtime.database import Database
from shared.runtime.edge import Edge
from shared.runtime.figures import dead_letters_job
from shared.runtime.health import Health
from shared.runtime.http import answered, respond, validation_problem
from shared.runtime.idempotency import purge_job
from shared.runtime.jobs import Errand, Job, run_jobs
from shared.runtime.kafka.consumer import Consumer
from shared.runtime.migrate import MigrationError, all_migrations, pending
from shared.runtime.partitions import MESSAGING, Partitioned, partition_job
from shared.runtime.problems import Refused, problem
from shared.runtime.rate_limit import RateLimit
from shared.runtime.settings import ServiceSettings
from shared.runtime.subscriptions import Subscription
from shared.runtime.supervision import Supervised
from shared.runtime.telemetry import configure_traces
from shared.runtime.wakeups import Wakeups

VERSION: Final = "0.1.0"
POSTGRES_SECONDS_MAX: Final = 30.0
CONSUMER_STOP_SECONDS: Final = 6.5
RELAY_STOP_SECONDS: Final = 5.5
REST_STOP_SECONDS: Final = 1.0

_log = structlog.get_logger()


class StartFailed(Exception):
    """The service could not start; one line says why and what to do."""


@dataclass
class Service:
    """What a service is made of, put together by its `app.build`.

    `path` is where its routes stand (`/api/inventory`); without it, where its first route stands. `stopping` is set
    when the stop begins: a response without end (server-sent events) ends then.
    """

    name: str
    settings: ServiceSettings
    database: Database
    wakeups: Wakeups
    subscriptions: tuple[Subscription, ...]
    jobs: tuple[Job | Errand, ...]
    routers: tuple[APIRouter, ...]
    migrations: Path
    partitions: tuple[Partitioned, ...] = ()
    path: str | None = None
    stopping: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def api_path(self) -> str:
        """`/api/inventory`."""
        if self.path is not None:
            return self.path
        first = next(route for router in self.routers for route in router.routes if isinstance(route, APIRoute))
        return "/".join(first.path.split("/")[:3])


class Running:
    """A started service: its connections and background tasks."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.health = Health(stopping=service.stopping)
        self.tokens = service.settings.tokens()
        self._supervised: dict[str, Supervised] = {}
        self._prepared = False

    async def prepare(self) -> None:
        """Opens the pool and checks the schema; done again, it changes nothing.

        Raises:
            StartFailed: Postgres does not answer within 30 s, refuses, or is not migrated.
        """
        if self._prepared:
            return
        await self._open()
        await self._check_schema()
        self.health.saw_postgres(None)
        self.health.migrations = health.OK
        self._prepared = True

    async def start(self) -> None:
        """Starts what runs beside the requests; Kafka may be away."""
        await self.prepare()
        service, settings = self.service, self.service.settings
        consumer = Consumer(
            service=service.name,
            database=service.database,
            subscriptions=service.subscriptions,
            bootstrap=settings.kafka,
            prefix=settings.topic_prefix,
            security=settings.kafka_security(),
        )
        sender = relay.Relay(
            service=service.name,
            database=service.database,
            dsn=settings.postgres_dsn,
            bootstrap=settings.kafka,
            prefix=settings.topic_prefix,
            shards=settings.outbox_shards,
            wakeups=service.wakeups,
            security=settings.kafka_security(),
        )
        self.health.kafka, self.health.consumers = sender.state, consumer.state
        self._supervise("health", self._watch)
        if self.tokens.keys is not None:
            self._supervise("keys", self.tokens.keys.run)
        self._supervise("wakeups", service.wakeups.run)
        self._supervise("relay", sender.run)
        self._supervise("consumer", consumer.run)
        self._supervise("jobs", lambda stop: run_jobs(service.database, self._jobs(), stop))

    async def stop(self) -> None:
        """After the last response: consumers drain, the relay sends the rest, the pool closes; 14 s at most."""
        self.service.stopping.set()
        await asyncio.gather(*(self._stop(name, CONSUMER_STOP_SECONDS) for name in ("consumer", "jobs")))
        await self._stop("relay", RELAY_STOP_SECONDS)
        await asyncio.gather(*(self._stop(name, REST_STOP_SECONDS) for name in ("wakeups", "health", "keys")))
        try:
            async with asyncio.timeout(REST_STOP_SECONDS / 2):
                await self.service.database.close()
        except TimeoutError:
            _log.warning("connections did not close in time")
        _log.info("stopped")

    def _jobs(self) -> tuple[Job | Errand, ...]:
        own = self.service.jobs
        return (
            *own,
            dead_letters_job(self.service.name),
            purge_job(),
            partition_job((*MESSAGING, *self.service.partitions)),
        )

    async def _watch(self, stop: asyncio.Event) -> None:
        unsent = partial(relay.measured_unsent, self.service.name)
        await health.watch(self.health, self.service.settings.postgres_dsn, unsent, stop)

    def _supervise(self, name: str, run: Callable[[asyncio.Event], Any]) -> None:
        self._supervised[name] = Supervised(name, run, self.health.broken)
        self._supervised[name].start()

    async def _stop(self, name: str, seconds: float) -> None:
        if name in self._supervised:
            await self._supervised[name].stop(seconds)

    async def _open(self) -> None:
        loop = asyncio.get_running_loop()
        until = loop.time() + POSTGRES_SECONDS_MAX
        while True:
            try:
                await self.service.database.open()
                return
            except asyncpg.InvalidAuthorizationSpecificationError as error:
                raise StartFailed(f"Postgres at {self._place()} refuses: {error}") from error
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError) as error:
                if loop.time() >= until:
                    told = f"{type(error).__name__}: {error}".rstrip(": ")
                    raise StartFailed(f"Postgres at {self._place()} does not answer: {told}") from error
                await asyncio.sleep(0.25)

    def _place(self) -> str:
        parts = urlsplit(self.service.settings.postgres_dsn)
        return f"{parts.hostname}:{parts.port or 5432}{parts.path}"

    async def _check_schema(self) -> None:
        try:
            async with self.service.database.reading() as connection:
                missing = await pending(connection, all_migrations(self.service.name, self.service.migrations))
        except MigrationError as error:
            raise StartFailed(str(error)) from error
        if missing:
            first = f"{missing[0].room}/{missing[0].name}"
            raise StartFailed(
                f"the schema is not migrated ({first} is pending): run `python -m services.{self.service.name} migrate`"
            )


def http_app(service: Service, running: Running | None = None) -> FastAPI:
    """The service's HTTP side; its lifespan runs all the rest."""
    run = running or Running(service)
    provider = configure_traces(service.name, service.settings.otlp_endpoint)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        await run.start()
        try:
            yield
        finally:
            await run.stop()
            if provider is not None:
                await asyncio.to_thread(provider.force_flush, 1000)

    app = _bare_app(service, lifespan)
    app.add_middleware(Edge, provider=provider)
    app.state.guard = Guard(run.tokens, RateLimit(service.settings.rate_limit))
    app.state.require_idempotency_key = service.settings.require_idempotency_key
    app.state.service = service
    app.state.running = run
    _add_routes(app, service, run)
    return app


def _bare_app(service: Service, lifespan: Any) -> FastAPI:
    """FastAPI without its own pages, which load from other hosts, its redirects and its telemetry."""
    return FastAPI(
        title=f"Flacon {service.name}",
        version=VERSION,
        description="Errors are `application/problem+json` (RFC 9457).",
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=lifespan,
        telemetry={"tracing": False, "metrics": False, "logs": False},
        generate_unique_id_function=lambda route: route.name,
        exception_handlers={
            Refused: _refused,
            HTTPException: _http_exception,
            RequestValidationError: _unreadable_parameters,
        },
    )


def _add_routes(app: FastAPI, service: Service, running: Running) -> None:
    settings = service.settings
    app.include_router(health.routes(running.health))
    app.include_router(documents(app, service))
    app.include_router(
        operations_api.routes(service.api_path, service.database, service.subscriptions, settings.topic_prefix)
    )
    for router in service.routers:
        app.include_router(router)


def documents(app: FastAPI, service: Service) -> APIRouter:
    """`/openapi.json` and `/asyncapi.json`; public."""
    router = APIRouter(tags=["documents"])
    app.openapi = lambda: openapi.document(app)  # type: ignore[method-assign]

    @router.get("/openapi.json", summary="This document")
    async def openapi_document(request: Request) -> Response:
        return answered(request, openapi.document(app))

    @router.get("/asyncapi.json", summary="The events of this service (AsyncAPI 3)")
    async def asyncapi_document(request: Request) -> Response:
        return answered(request, events_document(service))

    return router


def events_document(service: Service) -> dict[str, Any]:
    """The AsyncAPI document."""
    return asyncapi.document(
        service.name,
        version=VERSION,
        published=published_by(service.name),  # type: ignore[arg-type]
        read=read_by(service.name),  # type: ignore[arg-type]
        prefix=service.settings.topic_prefix,
        partitions=service.settings.topic_partitions,
    )


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, Refused)
    return respond(error.answer, request)


async def _http_exception(request: Request, error: Exception) -> Response:
    """What the router itself refuses."""
    assert isinstance(error, HTTPException)
    if error.status_code == 405:
        allowed = ", ".join(sorted(allowed_methods(request.app, request.scope["path"])))
        answer = problem("method-not-allowed", f"{request.method} is not for this path", headers={"Allow": allowed})
    elif error.status_code == 404:
        answer = problem("not-found", "there is nothing at this path")
    elif error.status_code < 500:
        answer = problem("malformed-request", str(error.detail))
    else:
        answer = problem("internal-error", "something unexpected happened")
    return respond(answer, request)


async def _unreadable_parameters(request: Request, error: Exception) -> Response:
    """Parameters that FastAPI reads: in a path a wrong one names nothing, elsewhere it is 422."""
    assert isinstance(error, RequestValidationError)
    errors = error.errors()
    if any(found["loc"][0] == "path" for found in errors):
        return respond(problem("not-found", "there is nothing at this path"), request)
    told = [{**found, "loc": found["loc"][1:]} for found in errors]
    return respond(validation_problem(told, {}), request)


def allowed_methods(app: FastAPI, path: str) -> set[str]:
    """Every method that some route has for this path."""
    return {method for route in _routes(app) if route.path_regex.match(path) for method in route.methods or ()}


def _routes(app: FastAPI) -> list[Any]:
    """Every route, also of routers that FastAPI keeps as they were included."""
    found: list[Any] = []
    for route in app.routes:
        contexts = getattr(route, "effective_route_contexts", None)
        found += contexts() if contexts is not None else [route]
    return [route for route in found if getattr(route, "path_regex", None) is not None]
