"""`python -m benchmarks.large`: orders per second with a long past beside those of an empty installation."""

import asyncio
import logging
import statistics
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

import typer
import uvloop
from aiokafka.errors import KafkaError

from benchmarks.__main__ import CHECK_FAILED, COULD_NOT_RUN, INTERRUPTED, first_of, interruptible, place
from benchmarks.client import Unexpected
from benchmarks.installation import installation, settled
from benchmarks.loads import LOADS, Load, Lost
from benchmarks.meters import Meters
from benchmarks.past import give_a_past
from deploy.local.database import with_database
from deploy.local.failure import CannotRun
from deploy.local.home import Home
from deploy.local.screen import Screen
from deploy.local.stack import Stack
from deploy.local.starting import DATABASE

LOAD: Final[Load] = LOADS[0]
RATIO_MIN: Final = 0.8
MINUTES_MAX: Final = 45


@dataclass(frozen=True, slots=True)
class Sizes:
    """How long a past, how many runs before and after it, and their seconds of steady state."""

    orders: int
    ledger_rows: int
    runs: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Found:
    """Orders a second of each run, and how many past orders and ledger rows there were in the later ones."""

    empty: list[float]
    full: list[float]
    orders: int
    ledger_rows: int

    @property
    def ratio(self) -> float:
        return statistics.median(self.full) / statistics.median(self.empty)


async def measure(sizes: Sizes, screen: Screen) -> Found:
    """Start a stack of its own, measure, give it a past, measure again, remove it.

    Raises:
        TimeoutError: it takes longer than 45 minutes; everything is removed all the same.
    """
    async with asyncio.timeout(MINUTES_MAX * 60):
        with tempfile.TemporaryDirectory(prefix=".flacon-bench-", dir=place(), ignore_cleanup_errors=True) as folder:
            home = Home(Path(folder))
            async with installation(home.path, screen) as stack:
                meters = Meters(home, stack, with_database(stack.postgres["admin"], DATABASE))
                empty = await _rates(stack, meters, sizes, screen, "empty")
                with screen.step("a past"):
                    orders, ledger_rows = await give_a_past(stack, sizes.orders, sizes.ledger_rows, screen.say)
                    await settled(stack)
                return Found(empty, await _rates(stack, meters, sizes, screen, "full"), orders, ledger_rows)


async def _rates(stack: Stack, meters: Meters, sizes: Sizes, screen: Screen, state: str) -> list[float]:
    rates = []
    for number in range(1, sizes.runs + 1):
        with screen.step(f"{state}, run {number} of {sizes.runs}: {LOAD.name}"):
            turn = number if state == "empty" else sizes.runs + number
            rates.append((await LOAD.measure(stack, meters, sizes.seconds, turn)).rate)
        screen.say(f"  {rates[-1]:.0f} orders/s")
    return rates


def _told(found: Found) -> str:
    empty, full = statistics.median(found.empty), statistics.median(found.full)
    past = f"{found.orders:,} past orders and {found.ledger_rows:,} past ledger rows"
    verdict = "holds" if found.ratio >= RATIO_MIN else "does not hold"
    return f"{full:.0f} orders/s with {past}, {empty:.0f} without: {found.ratio:.2f} (>= {RATIO_MIN}: {verdict})"


def main(
    orders: Annotated[int, typer.Option(min=1, max=10_000_000, envvar="BENCH_ORDERS", help="past orders")] = 1_000_000,
    ledger_rows: Annotated[
        int, typer.Option(min=1, max=100_000_000, envvar="BENCH_LEDGER_ROWS", help="past ledger rows")
    ] = 10_000_000,
    runs: Annotated[int, typer.Option(min=1, max=20, envvar="BENCH_RUNS", help="runs before and after")] = 3,
    seconds: Annotated[
        float, typer.Option(min=2, max=600, envvar="BENCH_SECONDS", help="steady state of each run")
    ] = 20.0,
) -> None:
    """Measure what a long past costs, with servers and data of its own on loopback, removed at the end."""
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    raise typer.Exit(_run(Sizes(orders, ledger_rows, runs, seconds)))


def _run(sizes: Sizes) -> int:
    """The exit code: 0 it holds, 1 it does not or an order was lost, 3 could not run, 130 interrupted."""
    screen, began = Screen(), time.monotonic()
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            found: Found = runner.run(interruptible(measure(sizes, screen)))
    except (KeyboardInterrupt, asyncio.CancelledError):
        screen.say("interrupted")
        return INTERRUPTED
    except (Lost, CannotRun, Unexpected, KafkaError, OSError, ExceptionGroup) as failure:
        error = first_of(failure)
        screen.say(f"error: {error or type(error).__name__}")
        return CHECK_FAILED if isinstance(error, Lost) else COULD_NOT_RUN
    screen.say(f"measured in {time.monotonic() - began:.0f} s")
    typer.echo(_told(found))
    return 0 if found.ratio >= RATIO_MIN else CHECK_FAILED


if __name__ == "__main__":
    typer.run(main)
