"""Migrations are applied once, in order, by whoever comes first; a changed file is refused."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import asyncpg
import pytest

from shared.runtime.migrate import MigrationError, migrate

READ_NAMES = "SELECT name FROM schema_migrations WHERE room = 'order' ORDER BY number"


@pytest.fixture
async def empty_schema(fresh_database: Callable[[str], Awaitable[str]]) -> str:
    """A role's schema with nothing in it."""
    dsn = await fresh_database("fulfillment")
    connection = await asyncpg.connect(dsn)
    await connection.execute(
        """
        DO $$ DECLARE found record; BEGIN
            FOR found IN SELECT tablename FROM pg_tables WHERE schemaname = current_schema LOOP
                EXECUTE format('DROP TABLE IF EXISTS %I CASCADE', found.tablename);
            END LOOP;
            FOR found IN SELECT sequencename FROM pg_sequences WHERE schemaname = current_schema LOOP
                EXECUTE format('DROP SEQUENCE %I', found.sequencename);
            END LOOP;
            FOR found IN SELECT p.oid::regprocedure AS f FROM pg_proc p JOIN pg_namespace n ON n.oid = pronamespace
                         WHERE nspname = current_schema LOOP
                EXECUTE format('DROP FUNCTION %s CASCADE', found.f);
            END LOOP;
        END $$
        """
    )
    await connection.close()
    return dsn


def _folder(tmp_path: Path, **files: str) -> Path:
    for name, sql in files.items():
        (tmp_path / f"{name}.sql").write_text(sql, encoding="utf-8")
    return tmp_path


async def test_five_processes_at_once_apply_each_migration_once(empty_schema: str, tmp_path: Path) -> None:
    sql = {"_0001_a": "CREATE TABLE a (x int)", "_0002_b": "INSERT INTO a VALUES (1)"}
    folder = _folder(tmp_path, **{name[1:]: text for name, text in sql.items()})
    applied = await asyncio.gather(*(migrate(empty_schema, "order", folder) for _ in range(5)))
    assert sorted(map(len, applied)) == [0, 0, 0, 0, 4]
    connection = await asyncpg.connect(empty_schema)
    assert [row["name"] for row in await connection.fetch(READ_NAMES)] == ["0001_a.sql", "0002_b.sql"]
    assert await connection.fetchval("SELECT count(*) FROM a") == 1
    await connection.close()


async def test_a_failing_migration_leaves_no_trace_and_the_one_before_stays(empty_schema: str, tmp_path: Path) -> None:
    folder = _folder(tmp_path, **{"0001_a": "CREATE TABLE a (x int)", "0002_b": "CREATE TABLE b (x int); SELECT 1 / 0"})
    with pytest.raises(asyncpg.DivisionByZeroError):
        await migrate(empty_schema, "order", folder)
    connection = await asyncpg.connect(empty_schema)
    assert await connection.fetchval("SELECT to_regclass('b')") is None
    assert [row["name"] for row in await connection.fetch(READ_NAMES)] == ["0001_a.sql"]
    await connection.close()


async def test_a_file_that_changed_after_it_was_applied_is_refused(empty_schema: str, tmp_path: Path) -> None:
    await migrate(empty_schema, "order", _folder(tmp_path, **{"0001_a": "CREATE TABLE a (x int)"}))
    with pytest.raises(MigrationError, match=r"0001_a\.sql was changed"):
        await migrate(empty_schema, "order", _folder(tmp_path, **{"0001_a": "CREATE TABLE a (y int)"}))


async def test_a_gap_in_the_numbers_is_refused(empty_schema: str, tmp_path: Path) -> None:
    with pytest.raises(MigrationError, match="0002_words"):
        await migrate(empty_schema, "order", _folder(tmp_path, **{"0001_a": "SELECT 1", "0003_c": "SELECT 1"}))
