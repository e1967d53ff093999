"""Who may know whom: layers are kept by import-linter, purity by this file."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.structure.house import ROOT, SERVICES, Module, modules, room

STDLIB = sys.stdlib_module_names
CLOCKS_AND_DICE = ("datetime.now(", "utcnow(", "time.time(", "uuid4(", "uuid1(", "random.", "os.environ", "os.getenv")
OUTSIDE = {"asyncio", "io", "os", "pathlib", "random", "secrets", "socket", "subprocess", "sys", "threading", "time"}


def test_the_layers_hold() -> None:
    linter = Path(sys.executable).with_name("lint-imports")
    result = subprocess.run([linter, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout


def _pure_rooms() -> list[Module]:
    return [module for service in SERVICES for name in ("domain", "saga") for module in room(service, name)]


@pytest.mark.parametrize("module", _pure_rooms(), ids=lambda module: module.name)
def test_rules_import_only_the_standard_library(module: Module) -> None:
    own = ".".join(module.path.relative_to(ROOT).parts[:2])
    foreign = [
        name
        for name in module.imported()
        if name.split(".")[0] not in STDLIB and not name.startswith((f"{own}.domain", f"{own}.saga"))
    ]
    assert foreign == []


@pytest.mark.parametrize("module", _pure_rooms(), ids=lambda module: module.name)
def test_rules_have_no_clock_no_dice_and_no_input(module: Module) -> None:
    assert [word for word in CLOCKS_AND_DICE if word in module.text] == []
    assert OUTSIDE & {name.split(".")[0] for name in module.imported()} == set()
    assert "async def" not in module.text


@pytest.mark.parametrize("module", modules("shared/contracts"), ids=lambda module: module.name)
def test_contracts_import_pydantic_only(module: Module) -> None:
    allowed = {*STDLIB, "pydantic", "shared"}
    assert [name for name in module.imported() if name.split(".")[0] not in allowed] == []
    assert not [name for name in module.imported() if name.startswith(("shared.runtime", "services"))]


@pytest.mark.parametrize("module", modules("services"), ids=lambda module: module.name)
def test_time_ids_and_settings_are_arguments(module: Module) -> None:
    assert [word for word in CLOCKS_AND_DICE if word in module.text] == []
