"""Documents tell the truth about the house: every path they name exists, every link leads somewhere."""

import re
from functools import cache
from pathlib import Path

import pytest

from tests.structure.house import ROOT, Module

PAGES = sorted(
    path
    for pattern in ("*.md", "docs/**/*.md", "services/*/README.md", "console/*.md", "deploy/**/*.md")
    for path in ROOT.glob(pattern)
)
PATH = re.compile(r"`((?:services|shared|deploy|console|tests|docs|benchmarks|examples)/[A-Za-z0-9_./-]+)`")
TEST = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")
LINK = re.compile(r"\]\((?!https?:|#|mailto:)([^)#\s]+)")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_path_in_a_page_exists(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert [name for name in PATH.findall(text) if not (ROOT / name).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_test_that_a_page_names_exists(page: Path) -> None:
    named = TEST.findall(page.read_text(encoding="utf-8"))
    assert [f"{file}::{name}" for file, name in named if name not in _functions(file)] == []


@cache
def _functions(file: str) -> frozenset[str]:
    path = ROOT / file
    return frozenset(one.name for one in Module(path).functions()) if path.exists() else frozenset()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_in_a_page_leads_somewhere(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert [name for name in LINK.findall(text) if not (page.parent / name).exists()] == []


def test_make_targets_in_the_documents_exist() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z][a-z-]*):", makefile, re.MULTILINE))
    named = {name for page in PAGES for name in re.findall(r"`make ([a-z-]+)", page.read_text(encoding="utf-8"))}
    assert named - targets == set()
