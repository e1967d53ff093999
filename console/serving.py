"""`serve`: the console as a process, from its first signal to its last page."""

import asyncio
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import structlog
import uvicorn

from console.app import build
from console.settings import ConsoleSettings
from shared.runtime.connections import Connection
from shared.runtime.serving import INTERRUPTED, listening_socket, url_of

STOP_SECONDS: Final = 5
_log = structlog.get_logger()


class _Server(uvicorn.Server):
    """uvicorn without its own signal handling, which ends with the signal instead of an exit code."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def serve(settings: ConsoleSettings) -> int:
    """Runs until SIGTERM (0) or SIGINT (130).

    Raises:
        StartFailed: the port is taken.
    """
    app = build(settings)
    received: list[int] = []
    server = _Server(
        uvicorn.Config(
            app,
            http=Connection,
            lifespan="on",
            ws="none",
            access_log=False,
            log_config=None,
            server_header=False,
            timeout_graceful_shutdown=STOP_SECONDS,
        )
    )

    def stop(number: int) -> None:
        server.force_exit = bool(received)
        received.append(number)
        server.should_exit = True
        app.state.house.signals.end()

    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop, number)
    listener = listening_socket(settings.host, settings.port)
    try:
        _log.info("starts", url=url_of(listener))
        await server.serve(sockets=[listener])
    finally:
        listener.close()
    return INTERRUPTED if signal.SIGINT in received[:1] else 0
