"""Ctrl-C and SIGTERM end the demo, whatever the libraries that it waits for do with a cancellation."""

import asyncio
import signal
from collections.abc import Coroutine
from typing import Any, Final, TypeVar

T = TypeVar("T")

INSIST_SECONDS: Final = 3.0


async def interruptible(work: Coroutine[Any, Any, T]) -> T:
    """Runs to the end; a signal cancels the work, so that it puts away what it holds.

    A client that is just closing swallows a cancellation, so it is repeated until the work has ended.

    Raises:
        KeyboardInterrupt: after a signal, once the work has ended.
    """
    task, asked = asyncio.ensure_future(work), asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, asked.set)
    interrupted = asyncio.ensure_future(asked.wait())
    try:
        await asyncio.wait((task, interrupted), return_when=asyncio.FIRST_COMPLETED)
        while asked.is_set() and not task.done():
            task.cancel()
            await asyncio.wait((task,), timeout=INSIST_SECONDS)
    finally:
        interrupted.cancel()
    if asked.is_set():
        await asyncio.gather(task, return_exceptions=True)
        raise KeyboardInterrupt
    return task.result()
