"""Statements: named constants, whole by themselves, ordered locks, in the rooms that may write or read."""

import ast
import re

import pytest

from tests.structure.house import SERVICES, SQL_START, Module, modules, product_modules, room

LOCKING = re.compile(r"\bFOR\s+(NO\s+KEY\s+)?(UPDATE|SHARE)\b", re.IGNORECASE)
SQL_ROOMS = ("store", "views")


def _sql_modules() -> list[Module]:
    return [module for module in product_modules() if any(module.statements())]


@pytest.mark.parametrize("module", _sql_modules(), ids=lambda module: module.name)
def test_a_lock_names_its_order(module: Module) -> None:
    unordered = [name for name, sql in module.statements() if LOCKING.search(sql) and "ORDER BY" not in sql.upper()]
    assert unordered == []


@pytest.mark.parametrize("module", _sql_modules(), ids=lambda module: module.name)
def test_a_statement_is_an_upper_case_constant(module: Module) -> None:
    assert [name for name, _ in module.statements() if not name.isupper()] == []


@pytest.mark.parametrize("module", product_modules(), ids=lambda module: module.name)
def test_no_statement_is_put_together_from_pieces(module: Module) -> None:
    pieced = [
        node.lineno
        for node in ast.walk(module.tree)
        if isinstance(node, ast.JoinedStr)
        and node.values
        and isinstance(node.values[0], ast.Constant)
        and SQL_START.match(str(node.values[0].value))
    ]
    assert pieced == []


@pytest.mark.parametrize("service", SERVICES)
def test_only_store_and_views_of_a_service_hold_statements(service: str) -> None:
    allowed = {module.path for name in SQL_ROOMS for module in room(service, name)}
    elsewhere = [
        f"{module.name}:{name}"
        for module in modules(f"services/{service}")
        if module.path not in allowed
        for name, _ in module.statements()
    ]
    assert elsewhere == []


@pytest.mark.parametrize("service", SERVICES)
def test_views_do_not_write(service: str) -> None:
    writing = [
        name
        for module in room(service, "views")
        for name, sql in module.statements()
        if re.search(r"\b(INSERT INTO|UPDATE\s+\w+\s+SET|DELETE FROM|FOR UPDATE)\b", sql)
    ]
    assert writing == []


@pytest.mark.parametrize("module", _sql_modules(), ids=lambda module: module.name)
def test_columns_are_listed(module: Module) -> None:
    """All columns of `unnest(...) AS row (a, b)` are listed there."""
    starred = [
        name
        for name, sql in module.statements()
        if "unnest(" not in sql and re.search(r"SELECT\s+\*|,\s*\*|\w\.\*", sql)
    ]
    assert starred == []
