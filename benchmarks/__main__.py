"""`python -m benchmarks`: how fast orders flow, beside what the same servers do without services; one page and JSON."""

import asyncio
import logging
import os
import signal
import tempfile
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, Final

import orjson
import typer
import uvloop
from aiokafka.errors import KafkaError

from benchmarks import machine
from benchmarks.bare_path import BarePath, bare_path
from benchmarks.client import Unexpected
from benchmarks.installation import installation
from benchmarks.loads import LOADS, Load, Lost
from benchmarks.meters import Meters, spent
from benchmarks.open_loop import SHARES, at_rest, open_load, open_name
from benchmarks.page import print_page
from benchmarks.results import Bare, Limit, Round, medians, percentiles, ratios
from benchmarks.straight_line import StraightLine, straight_line
from deploy.local.database import with_database
from deploy.local.failure import CannotRun
from deploy.local.home import ROOT, Home
from deploy.local.screen import Screen
from deploy.local.stack import Stack
from deploy.local.starting import DATABASE

BATCHES: Final = (250, 128, 32)
LIMIT_SECONDS: Final = 6.0
BARE_SECONDS: Final = 6.0
FASTEST: Final = LOADS[-1]
NAMES: Final = (
    *(f"limit {batch}" for batch in BATCHES),
    *("idle", "bare"),
    *(load.name for load in LOADS),
    *(open_name(percent) for percent in SHARES),
)
CHECK_FAILED, USAGE, COULD_NOT_RUN, INTERRUPTED = 1, 2, 3, 130


class Benchmark:
    """Everything that is measured on one stack, in alternation."""

    def __init__(self, stack: Stack, home: Home, only: Sequence[str], seconds: float, screen: Screen) -> None:
        self._stack = stack
        self._meters = Meters(home, stack, with_database(stack.postgres["admin"], DATABASE))
        self._only = only
        self._seconds = seconds
        self._screen = screen

    async def rounds(self, number: int) -> list[Round]:
        """That many rounds of everything, one after the other."""
        found: list[Round] = []
        async with AsyncExitStack() as life:
            script = await life.enter_async_context(straight_line(self._stack))
            path = await life.enter_async_context(bare_path(self._stack))
            for turn in range(1, number + 1):
                found.append(await self._round(script, path, f"run {turn} of {number}: ", turn))
        return found

    async def _round(self, script: StraightLine, path: BarePath, run: str, turn: int) -> Round:
        found = Round()
        for batch in BATCHES:
            if self._wanted(f"limit {batch}"):
                with self._screen.step(f"{run}straight line in batches of {batch}"):
                    found.limits[str(batch)] = await self._limit(script, batch)
        if self._wanted("bare"):
            with self._screen.step(f"{run}bare path"):
                found.bare = Bare(percentiles(await path.run(BARE_SECONDS)))
        if self._wanted("idle"):
            with self._screen.step(f"{run}a minute at rest"):
                found.idle = await at_rest(self._stack, self._meters, turn)
        shares = [percent for percent in SHARES if self._wanted(open_name(percent))]
        for load in LOADS:
            if self._wanted(load.name) or (load is FASTEST and shares):
                await self._load(load, found, run, turn)
        for percent in shares:
            await self._load(open_load(percent, found.loads[FASTEST.name].rate), found, run, turn)
        return found

    async def _load(self, load: Load, found: Round, run: str, turn: int) -> None:
        with self._screen.step(f"{run}{load.name}"):
            figures = found.loads[load.name] = await load.measure(self._stack, self._meters, self._seconds, turn)
        self._screen.say(f"  {figures.rate:.0f} orders/s")

    async def _limit(self, script: StraightLine, batch: int) -> Limit:
        await script.warm_up(batch)
        before = await self._meters.read()
        pace = await script.run(batch, LIMIT_SECONDS)
        cpu = spent(before, await self._meters.read())
        return Limit(batch, pace.rate, {part: seconds / pace.orders * 1000 for part, seconds in cpu.items()})

    def _wanted(self, name: str) -> bool:
        return not self._only or any(name.startswith(wanted) for wanted in self._only)


async def bench(only: Sequence[str], runs: int, seconds: float, screen: Screen) -> dict[str, Any]:
    """Start a stack of its own, measure, stop it; the report."""
    load_before = machine.busy_neighbours()
    with tempfile.TemporaryDirectory(prefix=".flacon-bench-", dir=place(), ignore_cleanup_errors=True) as folder:
        home = Home(Path(folder))
        async with installation(home.path, screen) as stack:
            told = await machine.describe(stack)
            rounds = await Benchmark(stack, home, only, seconds, screen).rounds(runs)
    return _report(rounds, told, {"runs": runs, "seconds": seconds, "load_before": load_before})


def place() -> str | None:
    """Where the data of the benchmark are for its time: FLACON_HOME, else the system's temporary folder."""
    home = os.environ.get("FLACON_HOME")
    if home:
        Path(home).mkdir(parents=True, exist_ok=True)
    return home or None


def _report(rounds: Sequence[Round], told: dict[str, Any], settings: dict[str, Any]) -> dict[str, Any]:
    names = dict.fromkeys(name for one in rounds for name in one.loads)
    batches = dict.fromkeys(name for one in rounds for name in one.limits)
    bare = [one.bare for one in rounds if one.bare is not None]
    idle = [one.idle for one in rounds if one.idle is not None]
    return {
        **settings,
        "machine": told,
        "loads": {name: medians([one.loads[name] for one in rounds]) for name in names},
        "limits": {name: medians([one.limits[name] for one in rounds]) for name in batches},
        "bare": medians(bare) if bare else None,
        "idle": medians(idle) if idle else None,
        "ratios": [{**asdict(ratio), "holds": ratio.holds} for ratio in ratios(rounds)],
        "rounds": [asdict(one) for one in rounds],
    }


def _run(only: Sequence[str], runs: int, seconds: float, json: Path) -> int:
    """The exit code: 0 measured, 1 an order or a unit was lost, 3 could not run, 130 interrupted."""
    screen, began = Screen(), time.monotonic()
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            report = runner.run(interruptible(bench(only, runs, seconds, screen)))
    except (KeyboardInterrupt, asyncio.CancelledError):
        screen.say("interrupted")
        return INTERRUPTED
    except (Lost, CannotRun, Unexpected, KafkaError, OSError, ExceptionGroup) as failure:
        error = first_of(failure)
        screen.say(f"error: {error or type(error).__name__}")
        return CHECK_FAILED if isinstance(error, Lost) else COULD_NOT_RUN
    json.parent.mkdir(parents=True, exist_ok=True)
    json.write_bytes(orjson.dumps(report, option=orjson.OPT_INDENT_2))
    screen.say(f"measured in {time.monotonic() - began:.0f} s; all figures: {json}")
    print_page(report)
    return 0


def first_of(error: BaseException) -> BaseException:
    """The failure that a group of tasks died of."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


async def interruptible(work: Any) -> Any:
    """SIGTERM ends it as Ctrl-C does: what was started is stopped and removed."""
    task = asyncio.ensure_future(work)
    for asked in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(asked, task.cancel)
    return await task


def main(
    only: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help=f"measure only these (repeatable): {', '.join(NAMES)}")
    ] = None,
    runs: Annotated[int, typer.Option(min=1, max=20, envvar="BENCH_RUNS", help="alternating runs")] = 3,
    seconds: Annotated[
        float, typer.Option(min=2, max=600, envvar="BENCH_SECONDS", help="steady state of each load")
    ] = 20.0,
    json: Annotated[Path, typer.Option(help="where all figures go")] = ROOT / "benchmarks" / "results" / "latest.json",
) -> None:
    """Measure Flacon on this machine, with servers and data of its own on loopback, removed at the end."""
    wrong = [name for name in only or () if not any(known.startswith(name) for known in NAMES)]
    if wrong:
        raise typer.BadParameter(f"{wrong[0]!r} is none of {', '.join(NAMES)}", param_hint="--only")
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    raise typer.Exit(_run(only or (), runs, seconds, json))


if __name__ == "__main__":
    typer.run(main)
