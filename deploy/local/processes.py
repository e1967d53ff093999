"""Processes that outlive the command that started them: spawned, found again by record, stopped, killed."""

import asyncio
import contextlib
import os
import re
import signal
import subprocess
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from io import BufferedWriter
from pathlib import Path

import orjson
import psutil  # type: ignore[import-untyped]

from deploy.local.failure import CannotRun
from deploy.local.home import ROOT, Home

LOG_BYTES_MAX = 20 * 1024 * 1024
CLOCK_SLACK_SECONDS = 2.0
POLL_SECONDS = 0.05
TELLING = re.compile(r"FATAL|ERROR|Error|Exception|error|cannot|could not|denied|in use|No space")
NOT_TELLING = re.compile(r"^(HINT|DETAIL|\s+at |Traceback)")


@dataclass(frozen=True)
class Record:
    """One process of the stack; `started` and `marker` prove that the pid is still this process."""

    name: str
    pid: int
    started: float
    marker: str
    port: int

    def alive(self) -> bool:
        """Whether the process runs and is the one that was started."""
        try:
            process = psutil.Process(self.pid)
            return (
                process.status() != psutil.STATUS_ZOMBIE
                and abs(process.create_time() - self.started) < CLOCK_SLACK_SECONDS
                and self.marker in " ".join(process.cmdline())
            )
        except psutil.Error:
            return False


class Processes:
    """The processes of one stack, by name; a record file each under `run/`."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self.spawned: list[Record] = []
        self._log_from: dict[str, int] = {}
        self._children: dict[int, subprocess.Popen[bytes]] = {}

    def spawn(
        self, name: str, command: Sequence[str | Path], *, marker: str, port: int, env: Mapping[str, str]
    ) -> Record:
        """Start a process in a session of its own; its output goes to its log file."""
        with self._open_log(name) as log:
            child = subprocess.Popen(
                [str(word) for word in command],
                cwd=ROOT,
                env=dict(env),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._children[child.pid] = child
        record = Record(name, child.pid, _start_time(child.pid), marker, port)
        self._file(name).write_bytes(orjson.dumps(asdict(record)))
        self.spawned.append(record)
        return record

    async def run(self, name: str, command: Sequence[str | Path], *, env: Mapping[str, str], seconds: float) -> None:
        """Run a step to its end; a failure names the last telling line of its log."""
        record = self.spawn(name, command, marker="", port=0, env=env)
        child = self._children[record.pid]
        try:
            await until(lambda: child.poll() is not None, seconds=seconds)
        finally:
            self.kill(record)
        if child.returncode is None or child.returncode < 0:
            raise CannotRun(f"{name} did not end within {seconds:.0f} s", look=self.home.log(name))
        if child.returncode != 0:
            raise CannotRun(f"{name} failed: {self.last_words(name)}", look=self.home.log(name))

    def find(self, name: str) -> Record | None:
        """The running process of that name."""
        record = self._read(name)
        return record if record is not None and record.alive() else None

    def recorded(self) -> list[Record]:
        """Every process that was started and not stopped, by name; some may have died since."""
        names = sorted(file.stem for file in self.home.run.glob("*.json"))
        return [record for name in names if (record := self._read(name))]

    def all(self) -> list[Record]:
        """Every running process of the stack, by name."""
        return [record for record in self.recorded() if record.alive()]

    def forget_the_dead(self) -> None:
        """Remove the records of processes that are gone."""
        for record in self.recorded():
            if not record.alive():
                self._file(record.name).unlink(missing_ok=True)

    async def stop(self, record: Record, *, seconds: float, gently: signal.Signals = signal.SIGTERM) -> None:
        """Ask the process to end, wait, and kill it if it does not."""
        if record.alive():
            with contextlib.suppress(ProcessLookupError):
                os.kill(record.pid, gently)
            await until(lambda: not self._running(record), seconds=seconds)
        self.kill(record)

    def kill(self, record: Record) -> None:
        """Kill the process and its session at once (SIGKILL) and forget it."""
        child = self._children.pop(record.pid, None)
        if self._running(record) and record.alive():
            with contextlib.suppress(ProcessLookupError):
                os.killpg(record.pid, signal.SIGKILL)
        if child is not None:
            child.wait()
        deadline = time.monotonic() + 10
        while record.alive() and time.monotonic() < deadline:
            time.sleep(POLL_SECONDS)
        self._file(record.name).unlink(missing_ok=True)

    async def ready(self, record: Record, check: Callable[[], Awaitable[bool]], *, seconds: float) -> None:
        """Wait until the process answers; one that exits or stays silent is a failure to start."""
        deadline = time.monotonic() + seconds
        log = self.home.log(record.name)
        while not await check():
            if not self._running(record):
                raise CannotRun(f"{record.name} stopped while starting: {self.last_words(record.name)}", look=log)
            if time.monotonic() > deadline:
                raise CannotRun(f"{record.name} was not ready within {seconds:.0f} s", look=log)
            await asyncio.sleep(POLL_SECONDS)

    def last_words(self, name: str) -> str:
        """The line of this start's log that tells most: the last that speaks of an error, else the last."""
        with self.home.log(name).open("rb") as log:
            log.seek(self._log_from.get(name, 0))
            lines = [line.strip() for line in log.read().decode("utf-8", "replace").splitlines()]
        said = [line for line in lines if line and not NOT_TELLING.match(line)]
        telling = [line for line in said if TELLING.search(line)]
        return (telling or said or ["it said nothing"])[-1][:300]

    def _read(self, name: str) -> Record | None:
        try:
            return Record(**orjson.loads(self._file(name).read_bytes()))
        except (OSError, TypeError, ValueError):
            return None

    def _running(self, record: Record) -> bool:
        child = self._children.get(record.pid)
        return record.alive() if child is None else child.poll() is None

    def _open_log(self, name: str) -> BufferedWriter:
        path = self.home.log(name)
        if path.exists() and path.stat().st_size > LOG_BYTES_MAX:
            path.replace(path.with_suffix(".log.1"))
        log = path.open("ab")
        self._log_from[name] = log.tell()
        return log

    def _file(self, name: str) -> Path:
        return self.home.run / f"{name}.json"


async def until(done: Callable[[], bool], *, seconds: float) -> bool:
    """Wait for a condition with a bound; whether it came true."""
    deadline = time.monotonic() + seconds
    while not done():
        if time.monotonic() > deadline:
            return False
        await asyncio.sleep(POLL_SECONDS)
    return True


def _start_time(pid: int) -> float:
    try:
        return float(psutil.Process(pid).create_time())
    except psutil.Error:
        return time.time()
