"""The local commands: `up | down | status | logs | demo | reset | audit`, their exit codes and what they print."""

import asyncio
import functools
import itertools
import logging
import os
import signal
import sys
import time
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from typing import Annotated, Any, ParamSpec, TypeVar

import typer

from deploy.local.credentials import SERVICES
from deploy.local.failure import CannotRun
from deploy.local.home import ROOT, Home
from deploy.local.screen import Screen
from deploy.local.stack import Stack
from deploy.local.starting import ONE_EACH, LocalStack
from deploy.local.status import follow_logs, print_addresses, print_logs, print_status, state_of

P = ParamSpec("P")
T = TypeVar("T")
UNHEALTHY, USAGE, COULD_NOT_RUN, INTERRUPTED = 1, 2, 3, 130
INSTANCES_MAX = 16

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Flacon on this machine: PostgreSQL, Kafka, the four services and the console as processes on "
    "loopback. Data and logs are in .flacon/, or in the folder that FLACON_HOME names.",
    epilog="Exit codes: 0 done, 1 a check failed, 2 wrong usage or input, 3 could not run, 130 interrupted.",
)


def _told(command: Callable[P, int | None]) -> Callable[P, None]:
    """Turn what a command answers or raises into its exit code."""

    @functools.wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            code = command(*args, **kwargs) or 0
        except (KeyboardInterrupt, asyncio.CancelledError):
            Screen().say("interrupted")
            code = INTERRUPTED
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            code = 0
        except (CannotRun, ExceptionGroup, OSError) as error:
            Screen().say(f"error: {_first(error)}")
            code = COULD_NOT_RUN
        raise typer.Exit(code)

    return run


def _first(error: BaseException) -> BaseException:
    """The failure that a group of tasks died of."""
    while isinstance(error, BaseExceptionGroup):
        known = [one for one in error.exceptions if isinstance(one, CannotRun | BaseExceptionGroup)]
        error = (known or error.exceptions)[0]
    if isinstance(error, CannotRun | OSError):
        return error
    raise error


def _run(work: Coroutine[Any, Any, T]) -> T:
    """Run to the end; Ctrl-C and SIGTERM cancel it once, so that what cleans up after it is left in peace."""

    async def main() -> T:
        task = asyncio.ensure_future(work)
        once = itertools.chain([task.cancel], itertools.repeat(task.cancelled))
        for asked in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(asked, lambda: next(once)())
        return await task

    return asyncio.run(main())


def _home() -> Home:
    return Home(Path(os.environ.get("FLACON_HOME") or ROOT / ".flacon").absolute())


def _counts(given: list[str]) -> Mapping[str, int]:
    counts = dict(ONE_EACH)
    for text in given:
        service, _, number = text.partition("=")
        if service not in SERVICES or not number.isdigit() or not 1 <= int(number) <= INSTANCES_MAX:
            raise typer.BadParameter(
                f"{text!r} is not SERVICE=N with one of {', '.join(SERVICES)} and 1-{INSTANCES_MAX}"
            )
        counts[service] = int(number)
    return counts


@app.callback()
def _quiet() -> None:
    """Clients log each attempt to reach a server that is still starting; the commands say what matters."""
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)


@app.command()
@_told
def up(
    instances: Annotated[
        list[str] | None, typer.Option(metavar="S=N", help="how many of a service, such as inventory=2; others: 1")
    ] = None,
) -> None:
    """Start everything and return when it is ready; what runs already is left as it is."""
    counts = _counts(instances or [])
    screen = Screen()
    began = time.monotonic()
    stack = _run(LocalStack(_home(), screen).up(counts))
    screen.say(f"ready after {time.monotonic() - began:.1f} s")
    print_addresses(stack, _home())


@app.command()
@_told
def down() -> None:
    """Stop everything; the data stay."""
    stopped = _run(LocalStack(_home(), Screen()).down())
    Screen().say(f"{stopped} processes stopped; the data are in {_home().path}" if stopped else "nothing was running")


@app.command()
@_told
def status(as_json: Annotated[bool, typer.Option("--json", help="as JSON")] = False) -> int:
    """Show every process and whether it is ready; 1 if one is not."""
    states = asyncio.run(state_of(_home()))
    print_status(states, as_json=as_json)
    return 0 if states and all(state.state == "ready" for state in states) else UNHEALTHY


@app.command()
@_told
def logs(
    service: Annotated[str | None, typer.Argument(help="such as order, order-2, kafka or postgres; none: all")] = None,
    follow: Annotated[bool, typer.Option("-f", "--follow", help="go on as they grow")] = False,
) -> int:
    """Print the logs."""
    files = sorted(_home().logs.glob(f"{service}.log" if service and "-" in service else f"{service or ''}*.log"))
    if not files:
        Screen().say(f"error: there is no log of {service!r} in {_home().logs}" if service else "error: no logs yet")
        return USAGE
    sizes = print_logs(files)
    if follow:
        follow_logs(sizes)
    return 0


@app.command()
@_told
def demo(
    orders: Annotated[Path | None, typer.Option(help="an orders file, JSON lines or CSV; none: the sample")] = None,
) -> int:
    """Run a file of orders through the four services, show the figures and audit them."""
    if orders is not None and not orders.is_file():
        raise typer.BadParameter(f"{orders} is not a file that can be read", param_hint="--orders")
    from deploy.local.demo.command import demo as run_demo

    stack = _run(LocalStack(_home(), Screen()).up_or_as_it_runs())
    return run_demo(orders, stack)


@app.command()
@_told
def reset(yes: Annotated[bool, typer.Option("--yes", help="do not ask")] = False) -> int:
    """Stop everything and delete all data, logs and secrets of this stack."""
    home = _home()
    if not yes and not sys.stdin.isatty():
        Screen().say("error: reset deletes all data; say --yes where nobody can be asked")
        return USAGE
    if not yes and not typer.confirm(f"Delete all data in {home.path}?", err=True):
        return USAGE
    _run(LocalStack(home, Screen()).reset())
    Screen().say(f"the data in {home.path} are deleted")
    return 0


@app.command()
@_told
def audit(as_json: Annotated[bool, typer.Option("--json", help="as JSON")] = False) -> int:
    """Recompute every total from the tables and from the topics; 1 if anything deviates."""
    from deploy.local.audit.command import audit as run_audit

    return run_audit(Stack.load(_home().stack), as_json)
