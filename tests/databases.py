"""Databases for the tests: a template is migrated once, every test gets a copy of its own."""

import asyncio
import contextlib
import hashlib
import secrets
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import asyncpg

from deploy.local.credentials import SERVICES
from deploy.local.database import ROLES, create_database, drop_database, prepare, service_dsns, with_database
from deploy.local.fleet import Surroundings
from deploy.local.home import ROOT

PASSWORDS = dict.fromkeys(SERVICES, "flacon-test")
MAKING_TEMPLATES = 0x74656D706C617465
LOCK_MAKING = "SELECT pg_advisory_lock($1)"
EXISTS = "SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)"
RENAME_STATEMENT = "SELECT format('ALTER DATABASE %I RENAME TO %I', $1::text, $2::text)"


async def clone(admin_dsn: str, services: Sequence[str]) -> str:
    """The name of a new database in which these services' schemas are migrated."""
    name = f"test_{'_'.join(services) if len(services) == 1 else 'all'}_{secrets.token_hex(6)}"
    await create_database(admin_dsn, name, template=await _template(admin_dsn, services))
    return name


async def drop(admin_dsn: str, name: str) -> None:
    """Drop a copy."""
    await drop_database(admin_dsn, name)


def dsns_of(admin_dsn: str, name: str) -> dict[str, str]:
    """Each service's DSN in that database."""
    return service_dsns(admin_dsn, name, PASSWORDS)


async def _template(admin_dsn: str, services: Sequence[str]) -> str:
    name = f"template_{services[0] if len(services) == 1 else 'all'}_{_version(services)}"
    async with _alone(admin_dsn) as server:
        if not await server.fetchval(EXISTS, name):
            await drop_database(admin_dsn, f"{name}_new")
            dsns = await prepare(admin_dsn, f"{name}_new", PASSWORDS)
            for service in services:
                await asyncio.to_thread(migrate, service, dsns)
            await server.execute(await server.fetchval(RENAME_STATEMENT, f"{name}_new", name))
    return name


def migrate(service: str, dsns: dict[str, str]) -> None:
    """Run a service's own migrate command."""
    environment = Surroundings(dsns, "127.0.0.1:1", "0" * 64).environment(service, 0)
    command = [sys.executable, "-m", f"services.{service}", "migrate"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, f"{' '.join(command[1:])} failed: {done.stdout[-2000:]}{done.stderr[-2000:]}"


@contextlib.asynccontextmanager
async def _alone(admin_dsn: str) -> AsyncIterator[asyncpg.Connection]:
    """Other workers, and other runs on the same server, wait for the template instead of making it too."""
    server = await asyncpg.connect(with_database(admin_dsn, "postgres"))
    try:
        await server.execute(LOCK_MAKING, MAKING_TEMPLATES)
        yield server
    finally:
        await server.close()


def _version(services: Sequence[str]) -> str:
    rooms = [ROOT / "shared" / "runtime" / "migrations", *(ROOT / "services" / one / "migrations" for one in services)]
    files: list[Path] = [ROLES, ROOT / "shared" / "runtime" / "migrate.py"]
    files += [file for room in rooms for file in sorted(room.glob("*.sql"))]
    return hashlib.sha256(b"\0".join(file.read_bytes() for file in files)).hexdigest()[:12]
