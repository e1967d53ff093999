"""The house: the same rooms in every service, nothing too large, no drawer for odds and ends."""

import ast
from statistics import median

import pytest

from tests.structure.house import ROOMS, ROOT, SERVICES, Module, modules, product_modules, room

FORBIDDEN_NAMES = {"utils", "util", "helpers", "helper", "common", "misc", "base", "manager", "managers"}
EXTRA_ROOMS = {"order": {"saga"}}
FILE_LINES_MAX = 420
FUNCTION_LINES_MAX = 50


@pytest.mark.parametrize("service", SERVICES)
def test_every_service_has_the_same_rooms(service: str) -> None:
    missing = [name for name in ROOMS if not room(service, name)]
    assert missing == []
    found = {path.stem for path in (ROOT / "services" / service).iterdir() if path.suffix == ".py" or path.is_dir()}
    allowed = {*ROOMS, *EXTRA_ROOMS.get(service, set()), "__init__", "migrations", "__pycache__"}
    assert found - allowed == set()


@pytest.mark.parametrize("service", SERVICES)
def test_every_service_says_what_it_is(service: str) -> None:
    folder = ROOT / "services" / service
    assert (folder / "README.md").read_text(encoding="utf-8").startswith("# ")
    assert (folder / "schema.sql").exists()
    assert not (ROOT / "services" / "__init__.py").exists()


@pytest.mark.parametrize("module", product_modules(), ids=lambda module: module.name)
def test_a_module_opens_with_one_sentence(module: Module) -> None:
    if module.text.strip():
        assert ast.get_docstring(module.tree), f"{module.name} has no docstring"


@pytest.mark.parametrize(
    "module", [*product_modules(), *modules("tests", "benchmarks")], ids=lambda module: module.name
)
def test_no_module_is_a_drawer_for_odds_and_ends(module: Module) -> None:
    assert not FORBIDDEN_NAMES & set(module.path.relative_to(ROOT).with_suffix("").parts)


@pytest.mark.parametrize("module", product_modules(), ids=lambda module: module.name)
def test_no_room_outgrows_a_reader(module: Module) -> None:
    assert len(module.text.splitlines()) <= FILE_LINES_MAX, "make it a folder of the same name with rooms inside"


def _length(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of code, without the docstring."""
    first = function.body[1] if ast.get_docstring(function) and len(function.body) > 1 else function.body[0]
    return (function.end_lineno or 0) - first.lineno + 1


def test_functions_are_small() -> None:
    lengths = {
        f"{module.name}:{function.name}": _length(function)
        for module in product_modules()
        for function in module.functions()
    }
    assert {name: length for name, length in lengths.items() if length > FUNCTION_LINES_MAX} == {}
    assert median(lengths.values()) <= 10


def test_nothing_is_left_undone() -> None:
    marks = ("TO" + "DO", "FIX" + "ME", "XX" + "X", "NotImplemented" + "Error")
    texts = {module.name: module.text for module in [*product_modules(), *modules("tests", "benchmarks")]}
    assert [(name, mark) for name, text in texts.items() for mark in marks if mark in text] == []
