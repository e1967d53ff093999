"""What runs, in words: the table of processes, the addresses, the logs."""

import asyncio
import os
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import orjson
from rich.console import Console
from rich.table import Table

from deploy.local.fleet import is_ready, url_of
from deploy.local.home import Home
from deploy.local.kafka import answers
from deploy.local.ports import HOST, listens
from deploy.local.processes import Processes, Record
from deploy.local.stack import Stack

FOLLOW_SECONDS = 0.3
COLOURS = {"ready": "green", "not ready": "yellow", "gone": "red"}


@dataclass(frozen=True)
class State:
    """One process of the stack as it is now."""

    name: str
    state: Literal["ready", "not ready", "gone"]
    address: str
    pid: int
    log: str


async def state_of(home: Home) -> list[State]:
    """Every process that should run; empty if no stack was started."""
    return list(await asyncio.gather(*(_state(home, record) for record in Processes(home).recorded())))


def print_status(states: Sequence[State], *, as_json: bool) -> None:
    """The table on a terminal, tab-separated lines when piped, or JSON."""
    if as_json:
        print(orjson.dumps([asdict(state) for state in states], option=orjson.OPT_INDENT_2).decode())
    elif not states:
        print("no stack is running; start one with `python -m deploy.local up`", file=sys.stderr)
    else:
        _print_rows([(s.name, s.state, s.address, str(s.pid), s.log) for s in states])


def print_addresses(stack: Stack, home: Home) -> None:
    """Where to go now."""
    for service, url in stack.services.items():
        more = len(stack.instances[service]) - 1
        print(f"{service:<12} {url}{f' and {more} more' if more else ''}")
    print(f"{'console':<12} {stack.console}")
    print(f"{'kafka':<12} {stack.kafka}")
    print(f"{'all else':<12} {home.stack}")


def print_logs(files: Sequence[Path]) -> dict[Path, int]:
    """Print the files, each line with the name of its process if there are many; how far each was read."""
    return {file: _print_from(file, 0, named=len(files) > 1) for file in files}


def follow_logs(read: Mapping[Path, int]) -> None:
    """Print what is added until interrupted."""
    offsets = dict(read)
    while True:
        for file, offset in offsets.items():
            offsets[file] = _print_from(file, offset, named=len(offsets) > 1)
        sys.stdout.flush()
        time.sleep(FOLLOW_SECONDS)


def _print_from(file: Path, offset: int, *, named: bool) -> int:
    start = f"{file.stem} | " if named else ""
    with file.open("rb") as log:
        size = os.fstat(log.fileno()).st_size
        log.seek(offset if offset <= size else 0)
        for line in log:
            sys.stdout.write(start + line.decode("utf-8", "replace").rstrip("\n") + "\n")
        return log.tell()


def _print_rows(rows: Sequence[tuple[str, ...]]) -> None:
    console = Console()
    if not console.is_terminal:
        for row in rows:
            print("\t".join(row))
        return
    table = Table("process", "state", "address", "pid", "log", box=None)
    for name, state, address, pid, log in rows:
        table.add_row(name, f"[{COLOURS[state]}]{state}[/]", address, pid, f"[dim]{log}[/]")
    console.print(table)


async def _state(home: Home, record: Record) -> State:
    address = f"{HOST}:{record.port}" if record.name in ("postgres", "kafka") else url_of(record.port)
    word: Literal["ready", "not ready", "gone"] = "gone"
    if record.alive():
        word = "ready" if await _answers(record) else "not ready"
    return State(record.name, word, address, record.pid, str(home.log(record.name)))


async def _answers(record: Record) -> bool:
    if record.name == "kafka":
        return await answers(record.port)
    if record.name == "postgres":
        return await listens(record.port)
    return await is_ready(record.port)
