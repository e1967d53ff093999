"""A tiny service that keeps notes: enough to see the runtime at work, in this process or as one of its own."""

import asyncio
import logging
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex
from typing import Annotated, Any
from uuid import UUID

import asyncpg
import httpx
import structlog
import uvicorn
from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field
from pydantic_settings import SettingsConfigDict
from starlette.responses import StreamingResponse

from shared.contracts.envelope import Event
from shared.contracts.values import Text
from shared.runtime.auth import Caller, make_token, requires
from shared.runtime.clock import new_id
from shared.runtime.command import command
from shared.runtime.database import Database
from shared.runtime.groups import Answer, Group
from shared.runtime.http import answered, body, id_of, limit_of, page, prefer_of, respond
from shared.runtime.idempotency import key_of
from shared.runtime.migrate import migrate
from shared.runtime.openapi import documented
from shared.runtime.problems import problem, refused
from shared.runtime.service import Running, Service
from shared.runtime.serving import config_of, listening_socket, url_of
from shared.runtime.settings import ServiceSettings
from shared.runtime.subscriptions import Subscription
from shared.runtime.telemetry import configure_logs
from shared.runtime.transaction import Transaction
from shared.runtime.waiting import Waiting
from tests.servers import Servers

NAME = "fulfillment"
SECRET = "a secret of the tests, long enough"
MIGRATIONS = Path(__file__).parent / "sample_migrations"
TOKEN = make_token(SECRET, "tester", ("fulfillment:read", "fulfillment:write", "operations"))


class Settings(ServiceSettings):
    model_config = SettingsConfigDict(env_prefix="SAMPLE_")

    slow_seconds: float = 0.0


class Place(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    shelf: int = Field(ge=1)


class NewNote(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    text: Text
    places: tuple[Place, ...] = ()
    free: dict[str, Any] = Field(default_factory=dict)


@dataclass(frozen=True)
class WriteNote:
    note_id: UUID
    text: str


INSERT_NOTES = """
INSERT INTO notes (note_id, text)
SELECT note_id, text FROM unnest($1::uuid[], $2::text[]) AS new (note_id, text)
ON CONFLICT DO NOTHING
"""


async def write_notes(tx: Transaction, requests: Sequence[WriteNote]) -> list[Answer]:
    """`poison` fails, `refuse` is a 409 that is kept, `invalid` a 422 that is not."""
    if any(request.text == "poison" for request in requests):
        raise ValueError("poison among the requests")
    good = [request for request in requests if request.text not in ("refuse", "invalid")]
    await tx.execute(INSERT_NOTES, [request.note_id for request in good], [request.text for request in good])
    return [_answer(request) for request in requests]


def _answer(request: WriteNote) -> Answer:
    if request.text == "refuse":
        return problem("illegal-transition", "not now", action="write", allowed=[])
    if request.text == "invalid":
        return problem("invalid-request", "not so", errors=[])
    where = {"Location": f"/api/fulfillment/notes/{request.note_id}"}
    return Answer(201, {"note_id": request.note_id, "text": request.text, "answered": None}, where)


READ_NOTES = "SELECT note_id::text AS note_id, answered FROM notes WHERE note_id = ANY ($1::uuid[])"


def routes(service: Service, notes: Group[WriteNote], waiting: Waiting[dict[str, Any]]) -> APIRouter:
    router = APIRouter(prefix="/api/fulfillment")
    Reader = Annotated[Caller, requires("fulfillment:read")]
    Writer = Annotated[Caller, requires("fulfillment:write")]

    @router.post(
        "/notes", **documented(NewNote, answers={201: "Written"}, problems=("illegal-transition",), waits=True)
    )
    async def write_note(request: Request, caller: Writer) -> Response:
        prefer = prefer_of(request)
        note = await body(request, NewNote)
        first = await notes.submit(WriteNote(new_id(), note.text), key_of(request, caller))
        if first.is_problem or request.query_params.get("wait") is None:
            return respond(first, request)
        view = await waiting.until(str(first.body["note_id"]), lambda seen: bool(seen["answered"]), prefer.wait)
        done = view is not None and view["answered"]
        return respond(
            Answer(201 if done else 202, {**first.body, **(view or {})}, first.headers, first.replayed), request
        )

    @router.get("/notes", **documented())
    async def list_notes(request: Request, caller: Reader) -> Response:
        return answered(request, page([{"limit": limit_of(request)}], None))

    @router.get("/notes/stream", **documented())
    async def stream(request: Request, caller: Reader) -> Response:
        async def events() -> AsyncIterator[bytes]:
            yield b": open\n\n"
            await service.stopping.wait()

        return StreamingResponse(events(), media_type="text/event-stream")

    @router.get("/notes/{note_id}", **documented())
    async def get_note(request: Request, note_id: str, caller: Reader) -> Response:
        async with service.database.reading() as connection:
            rows = await connection.fetch(READ_NOTES, [id_of(note_id)])
        if not rows:
            raise refused("not-found", "there is no such note")
        return answered(request, dict(rows[0]))

    @router.put("/notes/{note_id}/broken", **documented())
    async def broken(request: Request, note_id: int, caller: Writer) -> Response:
        raise RuntimeError("a secret of the inside")

    @router.post("/slow", **documented())
    async def slow(request: Request, caller: Writer) -> Response:
        await asyncio.sleep(service.settings.slow_seconds)  # type: ignore[attr-defined]
        return answered(request, {"slept": True})

    return router


async def hear(tx: Transaction, events: Sequence[Event[Any]]) -> None:
    """An event whose correlation names a note answers it."""
    await tx.execute("UPDATE notes SET answered = true WHERE note_id::text = ANY ($1)", [e.subject for e in events])


def build(settings: Settings) -> Service:
    database = Database(NAME, settings.postgres_dsn, largest=settings.pool_size)
    service = Service(
        name=NAME,
        settings=settings,
        database=database,
        wakeups=database.wakeups,
        subscriptions=(Subscription(("order.ready",), hear),),
        jobs=(),
        routers=(),
        migrations=MIGRATIONS,
    )

    async def read(ids: Sequence[str]) -> dict[str, dict[str, Any]]:
        async with database.reading() as connection:
            return {row["note_id"]: dict(row) for row in await connection.fetch(READ_NOTES, [UUID(id) for id in ids])}

    group = Group(database, write_notes, name="notes")
    service.routers = (routes(service, group, Waiting(database.wakeups, read)),)
    return service


@contextmanager
def plain_logs() -> Iterator[None]:
    """The logs that a service writes; structlog's own tracebacks show every local and take seconds."""
    handlers, level = logging.root.handlers[:], logging.root.level
    configure_logs(NAME, "error", sys.stderr)
    try:
        yield
    finally:
        structlog.reset_defaults()
        logging.root.handlers, logging.root.level = handlers, level


@asynccontextmanager
async def fresh_dsn(servers: Servers) -> AsyncIterator[str]:
    """A database of its own in which the sample is migrated; also by its command line's settings."""
    name = f"sample_{token_hex(6)}"
    admin = await asyncpg.connect(servers.postgres_admin_dsn)
    await admin.execute(f"CREATE DATABASE {name}")
    try:
        dsn = servers.postgres_admin_dsn.rsplit("/", 1)[0] + f"/{name}"
        await migrate(dsn, NAME, MIGRATIONS)
        with plain_logs():
            yield dsn
    finally:
        await admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
        await admin.close()


@asynccontextmanager
async def fresh_database(servers: Servers) -> AsyncIterator[Database]:
    """An open one."""
    async with fresh_dsn(servers) as dsn:
        database = Database(NAME, dsn)
        await database.open()
        try:
            yield database
        finally:
            await database.close()


async def until(condition: Callable[[], Awaitable[Any]], seconds: float = 10.0) -> None:
    """Waits until the condition is true."""
    async with asyncio.timeout(seconds):
        while not await condition():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


@asynccontextmanager
async def served(service: Service) -> AsyncIterator[httpx.AsyncClient]:
    """The service behind a real server on a free port of this machine, and a client with a token."""
    running = Running(service)
    await running.prepare()
    listener = listening_socket("127.0.0.1", 0)
    server = uvicorn.Server(config_of(service, running))
    task = asyncio.create_task(server._serve([listener]))
    try:
        while not server.started:
            assert not task.done(), task.exception()
            await asyncio.sleep(0.01)
        headers = {"Authorization": f"Bearer {TOKEN}"}
        async with httpx.AsyncClient(base_url=url_of(listener), headers=headers, timeout=15) as client:
            yield client
    finally:
        service.stopping.set()
        server.should_exit = True
        await task
        listener.close()


if __name__ == "__main__":
    sys.exit(command("sample", Settings, build)())
