"""Migrations: numbered plain SQL, forward only, each in one transaction, applied once under a lock."""

import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Final
from zlib import crc32

import asyncpg

from shared.runtime.partitions import MESSAGING, Partitioned, keep_partitions
from shared.runtime.transaction import Transaction

MESSAGING_MIGRATIONS: Final = Path(__file__).parent / "migrations"
_FILE_NAME = re.compile(r"^(\d{4})_[a-z0-9_]+\.sql\Z")

MAKE_REGISTER = """
CREATE TABLE IF NOT EXISTS schema_migrations (
    room       text        NOT NULL,
    number     integer     NOT NULL,
    name       text        NOT NULL,
    checksum   text        NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (room, number)
)
"""
REGISTER_EXISTS = "SELECT to_regclass('schema_migrations') IS NOT NULL"
READ_REGISTER = "SELECT room, number, name, checksum FROM schema_migrations ORDER BY room, number"
ADD_TO_REGISTER = "INSERT INTO schema_migrations (room, number, name, checksum) VALUES ($1, $2, $3, $4)"
LOCK_MIGRATIONS = "SELECT pg_advisory_lock($1)"
UNLOCK_MIGRATIONS = "SELECT pg_advisory_unlock($1)"


class MigrationError(Exception):
    """Files and register disagree; the message says which file and what to do."""


@dataclass(frozen=True, slots=True)
class Migration:
    """One file; `room` is `runtime` or the service's name."""

    room: str
    number: int
    name: str
    sql: str

    @property
    def checksum(self) -> str:
        return sha256(self.sql.encode()).hexdigest()


def read_migrations(room: str, folder: Path) -> list[Migration]:
    """The folder's files in order.

    Raises:
        MigrationError: a name that is not `0001_words.sql`, or a number that is missing or double.
    """
    migrations = []
    for number, path in enumerate(sorted(folder.glob("*.sql")), start=1):
        match = _FILE_NAME.match(path.name)
        if match is None or int(match[1]) != number:
            raise MigrationError(f"{path.name}: migrations are named {number:04d}_words.sql here, without a gap")
        migrations.append(Migration(room, number, path.name, path.read_text(encoding="utf-8")))
    return migrations


def all_migrations(service: str, folder: Path) -> list[Migration]:
    """The runtime's migrations, then the service's."""
    return read_migrations("runtime", MESSAGING_MIGRATIONS) + read_migrations(service, folder)


async def pending(connection: Any, migrations: Sequence[Migration]) -> list[Migration]:
    """What is not applied yet.

    Raises:
        MigrationError: an applied file was changed.
    """
    if not await connection.fetchval(REGISTER_EXISTS):
        return list(migrations)
    applied = {(row["room"], row["number"]): row["checksum"] for row in await connection.fetch(READ_REGISTER)}
    for migration in migrations:
        known = applied.get((migration.room, migration.number))
        if known is not None and known != migration.checksum:
            raise MigrationError(
                f"{migration.room}/{migration.name} was changed after it was applied: add a new file instead"
            )
    return [migration for migration in migrations if (migration.room, migration.number) not in applied]


async def migrate(dsn: str, service: str, folder: Path, partitioned: Sequence[Partitioned] = ()) -> list[str]:
    """Applies what is pending, makes the partitions, returns the names applied; safe to run at the same time elsewhere.

    Raises:
        MigrationError: files and register disagree.
        OSError, asyncpg.PostgresError: Postgres does not answer, or a file fails (then it left no trace).
    """
    migrations = all_migrations(service, folder)
    connection = await asyncpg.connect(dsn, timeout=10)
    try:
        async with _locked(connection, service):
            await connection.execute(MAKE_REGISTER)
            todo = await pending(connection, migrations)
            for migration in todo:
                await _apply(connection, migration)
            async with connection.transaction():
                await keep_partitions(Transaction(connection, service, 1), (*MESSAGING, *partitioned))
    finally:
        await connection.close()
    return [f"{migration.room}/{migration.name}" for migration in todo]


@asynccontextmanager
async def _locked(connection: Any, service: str) -> AsyncIterator[None]:
    key = crc32(f"flacon-migrate-{service}".encode())
    await connection.execute(LOCK_MIGRATIONS, key)
    try:
        yield
    finally:
        await connection.execute(UNLOCK_MIGRATIONS, key)


async def _apply(connection: Any, migration: Migration) -> None:
    async with connection.transaction():
        await connection.execute(migration.sql)
        await connection.execute(ADD_TO_REGISTER, migration.room, migration.number, migration.name, migration.checksum)
