"""Waiting for the saga: one query for all who wait, none when nobody does."""

import asyncio
import time
from collections.abc import Mapping, Sequence

from shared.runtime.waiting import Waiting
from shared.runtime.wakeups import Wakeups


class Outcomes:
    """What the other services have decided so far, and how often it was read."""

    def __init__(self) -> None:
        self.views: dict[str, str] = {}
        self.reads: list[list[str]] = []
        self.fail = False
        self.takes_seconds = 0.0

    async def read(self, ids: Sequence[str]) -> Mapping[str, str]:
        self.reads.append(list(ids))
        await asyncio.sleep(self.takes_seconds)
        if self.fail:
            raise ConnectionResetError("gone")
        return {id: self.views[id] for id in ids if id in self.views}


def waiting() -> tuple[Outcomes, Wakeups, Waiting[str]]:
    outcomes, wakeups = Outcomes(), Wakeups("t", "postgresql://nobody")
    return outcomes, wakeups, Waiting(wakeups, outcomes.read)


async def test_an_outcome_that_is_there_is_answered_at_once() -> None:
    outcomes, _, wait = waiting()
    outcomes.views["a"] = "done"
    started = time.monotonic()
    assert await wait.until("a", lambda view: view == "done", 5) == "done"
    assert time.monotonic() - started < 0.3


async def test_a_commit_wakes_those_who_wait_by_one_query() -> None:
    outcomes, wakeups, wait = waiting()
    tasks = [asyncio.create_task(wait.until(f"{n}", lambda view: view == "done", 5)) for n in range(200)]
    while not any(len(read) == 200 for read in outcomes.reads):  # noqa: ASYNC110
        await asyncio.sleep(0.001)
    await asyncio.sleep(0.02)
    before = len(outcomes.reads)
    outcomes.views = {f"{n}": "done" for n in range(200)}
    started = time.monotonic()
    wakeups.committed()
    assert await asyncio.gather(*tasks) == ["done"] * 200
    assert time.monotonic() - started < 0.3
    assert [len(read) for read in outcomes.reads[before:]] == [200]


async def test_a_lost_wake_up_costs_half_a_second() -> None:
    outcomes, _, wait = waiting()
    task = asyncio.create_task(wait.until("a", lambda view: view == "done", 5))
    while not outcomes.reads:  # noqa: ASYNC110
        await asyncio.sleep(0.001)
    started = time.monotonic()
    outcomes.views["a"] = "done"
    assert await task == "done"
    assert time.monotonic() - started < 1.0


async def test_past_the_time_the_last_view_is_answered() -> None:
    outcomes, _, wait = waiting()
    outcomes.views["a"] = "asked"
    started = time.monotonic()
    assert await wait.until("a", lambda view: view == "done", 0.2) == "asked"
    assert 0.15 < time.monotonic() - started < 0.6
    assert await wait.until("unknown", lambda view: view == "done", 0.05) is None


async def test_who_does_not_want_to_wait_gets_the_present_view() -> None:
    outcomes, _, wait = waiting()
    outcomes.views["a"], outcomes.takes_seconds = "asked", 0.05
    assert await wait.until("a", lambda view: view == "done", 0) == "asked"


async def test_nothing_is_read_when_nobody_waits() -> None:
    outcomes, wakeups, wait = waiting()
    outcomes.views["a"] = "done"
    await wait.until("a", lambda view: view == "done", 1)
    assert wait._loop is not None
    await asyncio.wait_for(wait._loop, 2)
    before = len(outcomes.reads)
    wakeups.committed()
    await asyncio.sleep(0.05)
    assert len(outcomes.reads) == before


async def test_a_read_that_fails_is_tried_again() -> None:
    outcomes, wakeups, wait = waiting()
    outcomes.fail = True
    task = asyncio.create_task(wait.until("a", lambda view: view == "done", 5))
    while not outcomes.reads:  # noqa: ASYNC110
        await asyncio.sleep(0.001)
    outcomes.fail, outcomes.views = False, {"a": "done"}
    wakeups.committed()
    assert await task == "done"


async def test_more_than_may_wait_are_answered_with_what_is_known() -> None:
    outcomes, wakeups, _ = waiting()
    wait = Waiting(wakeups, outcomes.read, largest=1)
    outcomes.views["b"] = "asked"
    task = asyncio.create_task(wait.until("a", lambda view: view == "done", 0.3))
    await asyncio.sleep(0)
    started = time.monotonic()
    assert await wait.until("b", lambda view: view == "done", 5) == "asked"
    assert time.monotonic() - started < 0.2
    await task
