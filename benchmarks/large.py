"""`python -m benchmarks.large`: what a long past costs orders, and what a trace costs among many movements of lots."""

import asyncio
import logging
import statistics
import tempfile
import time
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, Final

import orjson
import typer
import uvloop
from aiokafka.errors import KafkaError

from benchmarks.__main__ import CHECK_FAILED, COULD_NOT_RUN, INTERRUPTED, first_of, interruptible, place
from benchmarks.client import Unexpected
from benchmarks.installation import installation, settled
from benchmarks.kpis import Kpis, measure_kpis
from benchmarks.loads import LOADS, Load, Lost
from benchmarks.meters import Meters
from benchmarks.past import give_a_past
from benchmarks.results import Figures
from benchmarks.traces import Traces, measure_traces
from deploy.local.database import with_database
from deploy.local.failure import CannotRun
from deploy.local.home import ROOT, Home
from deploy.local.screen import Screen
from deploy.local.stack import Stack
from deploy.local.starting import DATABASE

LOAD: Final[Load] = LOADS[0]
RATIO_MIN: Final = 0.8
MINUTES_MAX: Final = 60


@dataclass(frozen=True, slots=True)
class Sizes:
    """How long a past, how many alternating runs, and their seconds of steady state."""

    orders: int
    ledger_rows: int
    movements: int
    runs: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Pair:
    """One turn: the same load on the installation without a past, and right after it on the one with."""

    empty: Figures
    full: Figures

    @property
    def ratio(self) -> float:
        return self.full.rate / self.empty.rate


@dataclass(frozen=True, slots=True)
class Found:
    """All turns, how many past orders and ledger rows the one installation had, its traces and its figures."""

    pairs: list[Pair]
    orders: int
    ledger_rows: int
    traces: Traces
    kpis: Kpis

    @property
    def ratio(self) -> float:
        """The median of the turns' ratios, in which what slows the whole machine down for minutes is left out."""
        return statistics.median(pair.ratio for pair in self.pairs)

    @property
    def holds(self) -> bool:
        return self.ratio >= RATIO_MIN and self.traces.hold and self.kpis.hold

    def as_figures(self) -> dict[str, Any]:
        turns = [asdict(pair) for pair in self.pairs]
        past = {"orders": self.orders, "ledger_rows": self.ledger_rows}
        told = {"traces": self.traces.as_figures(), "kpis": self.kpis.as_figures()}
        return {"past": past, "turns": turns, "ratio": self.ratio, **told}


class Place:
    """An installation with its meters."""

    def __init__(self, name: str, home: Home, stack: Stack) -> None:
        self.name = name
        self.stack = stack
        self._meters = Meters(home, stack, with_database(stack.postgres["admin"], DATABASE))

    async def measure(self, seconds: float, turn: int, screen: Screen) -> Figures:
        """One run of the load."""
        with screen.step(f"{self.name}, turn {turn}: {LOAD.name}"):
            figures = await LOAD.measure(self.stack, self._meters, seconds, turn)
        screen.say(f"  {figures.rate:.0f} orders/s, Postgres {figures.cpu['postgres']:.2f} ms of CPU an order")
        return figures


async def measure(sizes: Sizes, screen: Screen) -> Found:
    """Start two stacks, give one of them a past, measure them in turns, remove them.

    Raises:
        TimeoutError: it takes longer than 60 minutes; everything is removed all the same.
    """
    async with asyncio.timeout(MINUTES_MAX * 60), AsyncExitStack() as life:
        empty, full = [await _opened(life, name, screen) for name in ("empty", "full")]
        for one in (empty, full):
            await one.measure(sizes.seconds, 0, screen)
        with screen.step("a past"):
            orders, ledger_rows = await give_a_past(full.stack, sizes.orders, sizes.ledger_rows, screen.say)
        kpis = await measure_kpis(full.stack, screen)
        await settled(full.stack)
        pairs = [await _pair(empty, full, turn, sizes, screen) for turn in range(1, sizes.runs + 1)]
        traces = await measure_traces(full.stack, sizes.movements, screen)
    return Found(pairs, orders, ledger_rows, traces, kpis)


async def _opened(life: AsyncExitStack, name: str, screen: Screen) -> Place:
    folder = tempfile.TemporaryDirectory(prefix=".flacon-bench-", dir=place(), ignore_cleanup_errors=True)
    home = Home(Path(life.enter_context(folder)))
    return Place(name, home, await life.enter_async_context(installation(home.path, screen)))


async def _pair(empty: Place, full: Place, turn: int, sizes: Sizes, screen: Screen) -> Pair:
    """Who is first changes from turn to turn."""
    found = {
        one.name: await one.measure(sizes.seconds, turn, screen) for one in ((empty, full), (full, empty))[turn % 2]
    }
    return Pair(found["empty"], found["full"])


def _told(found: Found) -> list[str]:
    ratios = sorted(pair.ratio for pair in found.pairs)
    verdict = "holds" if found.ratio >= RATIO_MIN else "does not hold"
    lines = [f"past: {found.orders:,} orders, {found.ledger_rows:,} ledger rows; medians of {len(ratios)} turns"]
    for name in ("empty", "full"):
        figures: list[Figures] = [getattr(pair, name) for pair in found.pairs]
        rate = statistics.median(one.rate for one in figures)
        cpu = {part: statistics.median(one.cpu[part] for one in figures) for part in ("inventory", "postgres")}
        lines.append(
            f"{name:5}  {rate:.0f} orders/s, ms of CPU an order: inventory {cpu['inventory']:.2f}, "
            f"Postgres {cpu['postgres']:.2f}"
        )
    turns = f"turns {ratios[0]:.2f} to {ratios[-1]:.2f}"
    lines.append(f"full / empty  {found.ratio:.2f} (>= {RATIO_MIN}: {verdict}; {turns})")
    return [*lines, found.kpis.told(), *found.traces.told()]


def main(
    orders: Annotated[int, typer.Option(min=1, max=10_000_000, envvar="BENCH_ORDERS", help="past orders")] = 1_000_000,
    ledger_rows: Annotated[
        int, typer.Option(min=1, max=100_000_000, envvar="BENCH_LEDGER_ROWS", help="past ledger rows")
    ] = 10_000_000,
    movements: Annotated[
        int, typer.Option(min=1, max=100_000_000, envvar="BENCH_LOT_MOVEMENTS", help="movements of lots")
    ] = 1_000_000,
    runs: Annotated[int, typer.Option(min=1, max=20, envvar="BENCH_RUNS", help="alternating runs")] = 5,
    seconds: Annotated[
        float, typer.Option(min=2, max=600, envvar="BENCH_SECONDS", help="steady state of each run")
    ] = 10.0,
    json: Annotated[Path, typer.Option(help="where all figures go")] = ROOT / "benchmarks" / "results" / "large.json",
) -> None:
    """Measure what a long past costs, with servers and data of its own on loopback, removed at the end."""
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    raise typer.Exit(_run(Sizes(orders, ledger_rows, movements, runs, seconds), json))


def _run(sizes: Sizes, json: Path) -> int:
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
    json.parent.mkdir(parents=True, exist_ok=True)
    json.write_bytes(orjson.dumps(found.as_figures(), option=orjson.OPT_INDENT_2))
    screen.say(f"measured in {time.monotonic() - began:.0f} s; all figures: {json}")
    for line in _told(found):
        typer.echo(line)
    return 0 if found.holds else CHECK_FAILED


if __name__ == "__main__":
    typer.run(main)
