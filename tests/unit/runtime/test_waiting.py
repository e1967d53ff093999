"""Waiting for an outcome: everybody gets a view, whatever others wait for."""

import asyncio
from collections.abc import Mapping, Sequence

from shared.runtime.waiting import Waiting


class Wakes:
    """Commits that nobody makes until the test does."""

    def __init__(self) -> None:
        self.event = asyncio.Event()

    async def wait(self, who: str, seconds: float) -> None:
        await self.event.wait()
        self.event.clear()


def _waiting(wakes: Wakes, reads: list[list[str]]) -> Waiting[str]:
    async def read(ids: Sequence[str]) -> Mapping[str, str]:
        reads.append(list(ids))
        return {id: f"view of {id}" for id in ids}

    return Waiting(wakes, read)


async def test_one_that_does_not_wait_gets_its_view_at_once_while_another_waits() -> None:
    wakes = Wakes()
    reads: list[list[str]] = []
    waiting = _waiting(wakes, reads)
    other = asyncio.create_task(waiting.until("other", lambda view: False, 30))
    while not reads:  # noqa: ASYNC110
        await asyncio.sleep(0)
    async with asyncio.timeout(3):
        for number in range(20):
            assert await waiting.until(f"id-{number}", lambda view: False, 0) == f"view of id-{number}"
    assert not other.done()
    other.cancel()
    await asyncio.gather(other, return_exceptions=True)


async def test_the_first_view_that_is_the_outcome_ends_the_waiting() -> None:
    wakes = Wakes()
    views = iter(["open", "open", "done", "done"])
    looked = asyncio.Event()

    async def read(ids: Sequence[str]) -> Mapping[str, str]:
        looked.set()
        return {"a": next(views)}

    waiting: Waiting[str] = Waiting(wakes, read)
    asked = asyncio.create_task(waiting.until("a", lambda view: view == "done", 30))
    for _ in range(2):
        await looked.wait()
        looked.clear()
        wakes.event.set()
    async with asyncio.timeout(3):
        assert await asked == "done"
