"""Postgres over TLS, as `docker-compose.secure.yml` has it: its certificate is checked, authority and name.

The tests' Postgres may have been built without TLS, so a front speaks it for that server.
"""

import asyncio
import os
import ssl
import struct
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest

from deploy.local.home import ROOT
from deploy.secure.certificates import make
from shared.runtime.database import Database
from shared.runtime.wakeups import Wakeups

NOT_IN_THE_CERTIFICATE = "127.0.0.2"
ASKS_FOR_TLS = struct.pack("!II", 8, 80877103)


class Front:
    """Takes what comes by TLS on to the server, and nothing else."""

    def __init__(self, certificates: Path, upstream: tuple[str, int]) -> None:
        self._upstream = upstream
        self._context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self._context.load_cert_chain(certificates / "postgres.crt", certificates / "postgres.key")
        self.passed = 0

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, ssl.SSLError, asyncio.IncompleteReadError):
            if await reader.readexactly(8) == ASKS_FOR_TLS:
                writer.write(b"S")
                await writer.start_tls(self._context)
                behind, before = await asyncio.open_connection(*self._upstream)
                self.passed += 1
                await asyncio.gather(_pump(reader, before), _pump(behind, writer))
        writer.close()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError, ssl.SSLError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()


@pytest.fixture
def certificates(tmp_path: Path) -> Path:
    folder = tmp_path / "certificates"
    for one in (folder, tmp_path / "keys"):
        one.mkdir()
    make(folder, tmp_path / "keys")
    return folder


Reach = Callable[..., str]


@pytest.fixture
async def reach(
    certificates: Path, fresh_database: Callable[[str], Awaitable[str]]
) -> AsyncIterator[tuple[Front, Reach]]:
    """The front, and order's address behind it: `reach("verify-full", host=...)`."""
    plain = urlsplit(await fresh_database("order"))
    front = Front(certificates, (str(plain.hostname), int(plain.port or 5432)))
    server = await asyncio.start_server(front.take, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    nameless = await asyncio.start_server(front.take, NOT_IN_THE_CERTIFICATE, port)

    def address(mode: str, host: str = "localhost", ca: Path = certificates / "ca.pem") -> str:
        place = f"{plain.username}:{plain.password}@{host}:{port}"
        query = f"sslmode={mode}&sslrootcert={ca}" if mode != "disable" else "sslmode=disable"
        return urlunsplit(plain._replace(netloc=place, query=query))

    yield front, address
    server.close()
    nameless.close()


@asynccontextmanager
async def _opened(dsn: str) -> AsyncIterator[Database]:
    database = Database("order", dsn, wakeups=Wakeups("order", dsn))
    await database.open()
    try:
        yield database
    finally:
        await database.close()


async def test_a_service_works_over_tls_and_its_commands_do(reach: tuple[Front, Reach]) -> None:
    front, address = reach
    dsn = address("verify-full")
    async with _opened(dsn) as database, database.transaction() as tx:
        assert await tx.fetchval("SELECT 1") == 1
    settings = {"ORDER_POSTGRES_DSN": dsn, "ORDER_KAFKA": "127.0.0.1:1", "ORDER_JWT_SECRET": "0" * 64}
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "services.order", "migrate"],
        cwd=ROOT,
        env={**os.environ, **settings},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert front.passed >= 2


async def test_a_server_of_another_authority_or_name_is_not_spoken_to(
    reach: tuple[Front, Reach], tmp_path: Path
) -> None:
    front, address = reach
    foreign, keys = tmp_path / "foreign", tmp_path / "foreign-keys"
    for one in (foreign, keys):
        one.mkdir()
    make(foreign, keys)
    for dsn in (address("verify-full", ca=foreign / "ca.pem"), address("verify-full", host=NOT_IN_THE_CERTIFICATE)):
        with pytest.raises(ssl.SSLCertVerificationError):
            await asyncpg.connect(dsn, timeout=5)
    assert front.passed == 0


async def test_nobody_comes_in_without_tls(reach: tuple[Front, Reach]) -> None:
    front, address = reach
    with pytest.raises((OSError, asyncpg.PostgresError, asyncpg.InterfaceError)):
        await asyncpg.connect(address("disable"), timeout=5)
    assert front.passed == 0
