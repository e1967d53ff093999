"""The house as the structure tests see it: rooms, modules, functions and statements, read as text and syntax."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from shared.contracts.catalog import SERVICES

ROOT: Final = Path(__file__).resolve().parents[2]
ROOMS: Final = ("app", "settings", "api", "handlers", "jobs", "operations", "store", "views", "domain", "__main__")
SQL_START: Final = re.compile(r"^\s*(SELECT|INSERT|UPDATE|DELETE|WITH|LOCK|CREATE|MERGE|TRUNCATE)\b")


@dataclass(frozen=True)
class Module:
    """One Python file."""

    path: Path

    @property
    def name(self) -> str:
        return str(self.path.relative_to(ROOT))

    @property
    def text(self) -> str:
        return self.path.read_text(encoding="utf-8")

    @property
    def tree(self) -> ast.Module:
        return _parse(self.path)

    def imported(self) -> Iterator[str]:
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module:
                yield node.module

    def functions(self) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
        for node in ast.walk(self.tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield node

    def statements(self) -> Iterator[tuple[str, str]]:
        """The named SQL constants of the module."""
        for node in self.tree.body:
            match node:
                case ast.Assign(targets=[ast.Name(id=name)], value=ast.Constant(value=str(sql))) if SQL_START.match(
                    sql
                ):
                    yield name, sql
                case ast.AnnAssign(target=ast.Name(id=name), value=ast.Constant(value=str(sql))) if SQL_START.match(
                    sql
                ):
                    yield name, sql


@cache
def _parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def modules(*places: str) -> list[Module]:
    """Every Python file under these folders."""
    return [Module(path) for place in places for path in sorted((ROOT / place).rglob("*.py")) if "/." not in str(path)]


def room(service: str, name: str) -> list[Module]:
    """A room of a service: a file, or a folder of that name."""
    folder = ROOT / "services" / service
    single = folder / f"{name}.py"
    return [Module(single)] if single.exists() else [Module(path) for path in sorted((folder / name).rglob("*.py"))]


def product_modules() -> list[Module]:
    """Everything that is shipped."""
    return modules("services", "shared", "deploy", "console")


__all__ = ["ROOMS", "ROOT", "SERVICES", "SQL_START", "Module", "modules", "product_modules", "room"]
