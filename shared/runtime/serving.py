"""`serve`: one process with one event loop, from its first signal to its last answer."""

import asyncio
import gc
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import structlog
import uvicorn
import uvloop

from shared.runtime.connections import Connection
from shared.runtime.service import Running, Service, StartFailed, http_app

REQUESTS_STOP_SECONDS: Final = 11
"""The longest wait of a client is 10 s; with the stop of the rest this stays within 25 s."""
BACKLOG: Final = 2048
INTERRUPTED: Final = 130
GARBAGE_THRESHOLDS: Final = (50_000, 20, 20)
"""A batch makes tens of thousands of objects that live as long as it does; Python's default looks at all every 700."""

_log = structlog.get_logger()


def runner() -> asyncio.Runner:
    """An event loop of uvloop."""
    return asyncio.Runner(loop_factory=uvloop.new_event_loop)


class _Server(uvicorn.Server):
    """uvicorn without its own signal handling, which ends with the signal instead of an exit code."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def serve(service: Service) -> int:
    """Runs until SIGTERM (0) or SIGINT (130); a second signal does not wait for requests under way.

    Raises:
        StartFailed: the port is taken, or Postgres does not answer or is not migrated.
    """
    received: list[int] = []
    running = Running(service)
    server = _Server(config_of(service, running))

    def stop(number: int) -> None:
        server.force_exit = bool(received)
        received.append(number)
        server.should_exit = True
        service.stopping.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop, number)
    listener = listening_socket(service.settings.host, service.settings.port)
    try:
        if await _prepared(running, service):
            _log.info("starts", url=url_of(listener))
            _collect_rarely()
            await server.serve(sockets=[listener])
    finally:
        listener.close()
    return INTERRUPTED if signal.SIGINT in received[:1] else 0


def _collect_rarely() -> None:
    """What was imported and built lives as long as the process: it is never looked through again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GARBAGE_THRESHOLDS)


async def _prepared(running: Running, service: Service) -> bool:
    """False if a signal came before Postgres did."""
    preparing = asyncio.create_task(running.prepare())
    stopping = asyncio.create_task(service.stopping.wait())
    await asyncio.wait((preparing, stopping), return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if not preparing.done():
        preparing.cancel()
        return False
    await preparing
    return True


def config_of(service: Service, running: Running) -> uvicorn.Config:
    """How HTTP is spoken; a client is the address that it connects from, whatever `X-Forwarded-For` says."""
    return uvicorn.Config(
        http_app(service, running),
        http=Connection,
        ws="none",
        lifespan="on",
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=False,
        backlog=BACKLOG,
        timeout_graceful_shutdown=REQUESTS_STOP_SECONDS,
    )


def listening_socket(host: str, port: int) -> socket.socket:
    """Bound, not yet listening, so that nobody is let in before the service is ready for it.

    Raises:
        StartFailed: the port is taken, or the address is not this machine's.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except OSError as error:
        raise StartFailed(f"cannot listen on {host}:{port}: {error.strerror or error}") from error
    return listener


def url_of(listener: socket.socket) -> str:
    """Where a client finds it."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
