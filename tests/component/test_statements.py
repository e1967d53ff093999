"""Every named statement is one that Postgres accepts on the migrated schema."""

from collections.abc import Awaitable, Callable

import asyncpg
import pytest

from shared.contracts.catalog import SERVICES, Service
from tests.structure.house import modules, room

WITHOUT: dict[str, set[Service]] = {
    "shared/runtime/alerts.py": {"fulfillment"},
    "shared/runtime/alert_views.py": {"fulfillment", "inventory"},
}
"""Modules of the runtime that a service does not use, whose schema has no such table."""


@pytest.mark.parametrize("service", SERVICES)
async def test_postgres_prepares_every_statement(
    service: Service, fresh_database: Callable[[str], Awaitable[str]]
) -> None:
    runtime = [module for module in modules("shared/runtime") if service not in WITHOUT.get(module.name, set())]
    places = [*room(service, "store"), *room(service, "views"), *runtime]
    connection = await asyncpg.connect(await fresh_database(service))
    refused: dict[str, str] = {}
    count = 0
    try:
        for module in places:
            for name, sql in module.statements():
                count += 1
                try:
                    await connection.prepare(sql)
                except asyncpg.PostgresError as error:
                    refused[f"{module.name}:{name}"] = str(error)
    finally:
        await connection.close()
    assert refused == {}
    assert count > 30
