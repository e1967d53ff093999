"""Ctrl-C ends the demo also when a library has swallowed the first cancellation."""

import asyncio
import os
import signal

import pytest

from deploy.local.demo import interrupting
from deploy.local.demo.interrupting import interruptible


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("swallowed", [0, 1, 2])
def test_a_signal_ends_the_work_however_often_it_was_swallowed(
    number: signal.Signals, swallowed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(interrupting, "INSIST_SECONDS", 0.01)
    cancelled: list[int] = []

    async def work() -> str:
        os.kill(os.getpid(), number)
        for _ in range(swallowed):
            try:
                await asyncio.sleep(30)
            except asyncio.CancelledError:
                cancelled.append(1)
        await asyncio.sleep(30)
        return "done"

    with pytest.raises(KeyboardInterrupt):
        asyncio.run(interruptible(work()))
    assert len(cancelled) == swallowed


def test_without_a_signal_the_work_gives_its_result() -> None:
    async def work() -> str:
        return "done"

    assert asyncio.run(interruptible(work())) == "done"


def test_without_a_signal_the_work_raises_what_it_raises() -> None:
    async def work() -> str:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        asyncio.run(interruptible(work()))
