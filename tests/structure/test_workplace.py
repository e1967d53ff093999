"""What is committed speaks of Flacon alone: no secret, no path of anybody's machine."""

import re
import subprocess

from tests.structure.house import ROOT

SECRETS = re.compile(r"(eyJ[A-Za-z0-9_-]{20,}\.eyJ|-----BEGIN [A-Z ]*PRIVATE KEY-----|AKIA[0-9A-Z]{16})")
HOMES = re.compile(r"(/home/[a-z]+/|/Users/[A-Za-z]+/)")


def _committed() -> list[str]:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False).stdout.split()
    return [
        name
        for name in listed
        if not name.endswith(("uv.lock", ".png")) and name != "tests/structure/test_workplace.py"
    ]


def test_no_secret_is_committed() -> None:
    assert [name for name in _committed() if SECRETS.search(_text(name))] == []


def test_no_path_of_a_machine_is_committed() -> None:
    assert [name for name in _committed() if HOMES.search(_text(name))] == []


def _text(name: str) -> str:
    path = ROOT / name
    return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
