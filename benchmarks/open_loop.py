"""Orders that come at a rate of their own, whether or not the last ones are answered; and what it costs to wait."""

import asyncio
import random
import time
from typing import Final

from benchmarks.client import Connection
from benchmarks.installation import settled
from benchmarks.loads import WAVE_SECONDS, Feed, Load, Run, now_ms
from benchmarks.meters import Meters, spent
from benchmarks.orders import Book
from benchmarks.results import Idle
from deploy.local.credentials import token_for
from deploy.local.stack import Stack
from shared.contracts.catalog import SERVICES

CONNECTIONS: Final = 256
SHARES: Final = (10, 50, 80)
"""Percent of the rate that 128 clients in a closed loop reached in the same round."""
IDLE_SECONDS: Final = 60.0


def open_load(percent: int, fastest: float) -> Load:
    """Orders by REST at so many percent of `fastest` orders/s."""
    return Load(open_name(percent), "uniform", _at_rate(fastest * percent / 100), WAVE_SECONDS)


def open_name(percent: int) -> str:
    return f"open {percent} %"


def _at_rate(rate: float) -> Feed:
    """Orders come by chance, `rate` a second on average; each one's time counts from when it was to come, so that one
    that had to wait for a connection is no faster for it."""

    async def feed(stack: Stack, run: Run) -> None:
        free: asyncio.Queue[Connection] = asyncio.LifoQueue()
        for number in range(CONNECTIONS):
            token = token_for(stack.jwt_secret, subject=f"visitor-{number}")
            free.put_nowait(Connection(stack.services["order"], token))
        chance, due = random.Random(run.name), time.perf_counter()
        async with asyncio.TaskGroup() as visitors:
            while not run.stop.is_set():
                due += chance.expovariate(rate)
                await asyncio.sleep(max(0.0, due - time.perf_counter()))
                visitors.create_task(_visit(free, run, due))
        while not free.empty():
            await free.get_nowait().__aexit__(None, None, None)

    return feed


async def _visit(free: asyncio.Queue[Connection], run: Run, due: float) -> None:
    late_ms = (time.perf_counter() - due) * 1000
    came, order = now_ms() - round(late_ms), next(run.book)
    connection = await free.get()
    try:
        answer = await connection.post("/api/orders", order, wait=10)
    finally:
        free.put_nowait(connection)
    run.began[answer["order_id"]] = came
    run.answered[answer["order_id"]] = (time.perf_counter() - due) * 1000


async def at_rest(stack: Stack, meters: Meters, turn: int) -> Idle:
    """Waits until everything is done, then a minute, then places one order, which is taken back."""
    await settled(stack)
    async with Connection(stack.services["order"], token_for(stack.jwt_secret, subject="guest")) as connection:
        before = await meters.read()
        await asyncio.sleep(IDLE_SECONDS)
        after = await meters.read()
        began = time.perf_counter()
        answer = await connection.post("/api/orders", next(Book("uniform", f"idle-{turn}")), wait=10)
        took = (time.perf_counter() - began) * 1000
        await connection.ask("PUT", f"/api/orders/{answer['order_id']}/cancel", {"reason": "measured"}, wait=10)
    await settled(stack)
    seconds = spent(before, after)
    cores = {part: seconds[part] / (after.at - before.at) for part in (*SERVICES, "services", "postgres", "kafka")}
    return Idle(cores, took)
