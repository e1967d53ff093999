"""Databases, roles and passwords, prepared by the superuser before any service starts."""

from collections.abc import Mapping
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from deploy.local.home import ROOT

ROLES = ROOT / "deploy" / "postgres" / "roles.sql"
PREPARING = 0x666C61636F6E


def with_database(dsn: str, database: str, *, user: str | None = None, password: str | None = None) -> str:
    """The same server's DSN for another database, and for another user if one is given."""
    parts = urlsplit(dsn)
    host = f"{parts.hostname}:{parts.port or 5432}"
    login = parts.netloc.rpartition("@")[0] if user is None else f"{user}:{password}"
    return urlunsplit((parts.scheme, f"{login}@{host}" if login else host, f"/{database}", parts.query, ""))


def role_of(service: str) -> str:
    """The role and schema of a service."""
    return f"{service}_service"


async def prepare(admin_dsn: str, database: str, passwords: Mapping[str, str]) -> dict[str, str]:
    """Make the database, the roles and the schemas where they are missing; each service's DSN."""
    server = await asyncpg.connect(admin_dsn)
    try:
        async with server.transaction():
            await lock_preparing(server)
            await _make_roles(with_database(admin_dsn, database), server, database, passwords)
    finally:
        await server.close()
    return service_dsns(admin_dsn, database, passwords)


def service_dsns(admin_dsn: str, database: str, passwords: Mapping[str, str]) -> dict[str, str]:
    """The DSN of each service in that database."""
    return {
        service: with_database(admin_dsn, database, user=role_of(service), password=password)
        for service, password in passwords.items()
    }


LOCK_PREPARING = "SELECT pg_advisory_xact_lock($1)"


async def lock_preparing(server: asyncpg.Connection) -> None:
    """Roles belong to the whole server: two preparations at once would trip over each other."""
    await server.execute(LOCK_PREPARING, PREPARING)


DATABASE_EXISTS = "SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)"
CREATE_DATABASE_STATEMENT = "SELECT format('CREATE DATABASE %I', $1::text)"
CREATE_CLONE_STATEMENT = "SELECT format('CREATE DATABASE %I TEMPLATE %I', $1::text, $2::text)"
DROP_DATABASE_STATEMENT = "SELECT format('DROP DATABASE IF EXISTS %I WITH (FORCE)', $1::text)"


async def create_database(admin_dsn: str, database: str, *, template: str | None = None) -> None:
    """Make a database if it is missing, as a copy of `template` if one is given."""
    server = await asyncpg.connect(admin_dsn)
    try:
        if await server.fetchval(DATABASE_EXISTS, database):
            return
        if template is None:
            statement = await server.fetchval(CREATE_DATABASE_STATEMENT, database)
        else:
            statement = await server.fetchval(CREATE_CLONE_STATEMENT, database, template)
        await server.execute(statement)
    finally:
        await server.close()


async def drop_database(admin_dsn: str, database: str) -> None:
    """Drop a database and whoever is still connected to it."""
    server = await asyncpg.connect(admin_dsn)
    try:
        await server.execute(await server.fetchval(DROP_DATABASE_STATEMENT, database))
    finally:
        await server.close()


PASSWORD_STATEMENT = "SELECT format('ALTER ROLE %I PASSWORD %L', $1::text, $2::text)"


async def _make_roles(dsn: str, server: asyncpg.Connection, database: str, passwords: Mapping[str, str]) -> None:
    if not await server.fetchval(DATABASE_EXISTS, database):
        await create_database(with_database(dsn, "postgres"), database)
    inside = await asyncpg.connect(dsn)
    try:
        await inside.execute(ROLES.read_text(encoding="utf-8"))
        for service, password in passwords.items():
            await inside.execute(await inside.fetchval(PASSWORD_STATEMENT, role_of(service), password))
    finally:
        await inside.close()
