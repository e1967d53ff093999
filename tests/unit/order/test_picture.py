"""`docs/saga.md` shows the saga as it is, and every way back in it names its tests; `make saga` draws it anew."""

import os
import re
from pathlib import Path

from services.order.domain.order import STATUSES
from services.order.saga import RULES, STEPS
from tests.structure.house import ROOT, Module
from tests.unit.order.picture import statuses_picture, steps_picture, with_parts

PAGE = ROOT / "docs" / "saga.md"
TEST = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")
DIALOGUES, SYSTEM = ("tests/unit/",), ("tests/system/",)


def test_the_page_shows_the_saga_as_it_is() -> None:
    if os.environ.get("FLACON_WRITE_SAGA") == "1":
        PAGE.write_text(with_parts(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    page = PAGE.read_text(encoding="utf-8")
    assert with_parts(page) == page, "run `make saga`"


def test_the_pictures_have_every_step_rule_and_status() -> None:
    steps, statuses = steps_picture(), statuses_picture()
    assert all(step.asks in steps and all(answer in steps for answer in step.answered_by) for step in STEPS)
    assert set(re.findall(r"--> (\w+)", statuses)) == set(STATUSES)
    assert all(f"`{event}`" in PAGE.read_text(encoding="utf-8") for event, _ in RULES)


def _rows() -> list[list[str]]:
    section = PAGE.read_text(encoding="utf-8").partition("## Every way back")[2]
    return [line.strip("| ").split(" | ") for line in section.splitlines() if line.startswith("| ")][2:]


def test_every_way_back_names_a_dialogue_and_a_system_test_that_exist() -> None:
    assert len(_rows()) > 30
    for path, dialogues, system in _rows():
        for cell, places in ((dialogues, DIALOGUES), (system, SYSTEM)):
            named = TEST.findall(cell)
            assert named, f"{path}: no test in {cell}"
            assert all(file.startswith(places) for file, _ in named), path
            assert [test for test in named if not _exists(*test)] == [], path


def test_every_system_test_of_a_way_back_is_in_the_table() -> None:
    page = PAGE.read_text(encoding="utf-8")
    files = [path for path in sorted((ROOT / "tests/system").glob("test_back_*.py")) if "disorder" not in path.name]
    missing = [
        f"{path.name}::{function.name}"
        for path in files
        for function in Module(path).functions()
        if function.name.startswith("test_") and f"{path.relative_to(ROOT)}::{function.name}`" not in page
    ]
    assert missing == []


def _exists(file: str, name: str) -> bool:
    path = Path(ROOT / file)
    return path.exists() and any(function.name == name for function in Module(path).functions())
