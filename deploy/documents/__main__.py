"""Writes the documents that are made from the code; `--check` only compares: `python -m deploy.documents [--check]`."""

import sys
from collections.abc import Iterator
from pathlib import Path

from deploy.documents import access, configuration, interfaces
from deploy.documents.house import ROOT


def documents() -> Iterator[tuple[Path, str]]:
    """Every generated file with its content."""
    yield ROOT / "docs/configuration.md", configuration.page()
    yield ROOT / "docs/access.md", access.page()
    yield from interfaces.documents()


def differing() -> list[str]:
    """The files that are not as the code would write them now."""
    return [
        str(path.relative_to(ROOT))
        for path, text in documents()
        if not path.exists() or path.read_text(encoding="utf-8") != text
    ]


def main(arguments: list[str]) -> int:
    """0 = all as generated."""
    if "--check" in arguments:
        found = differing()
        print(*(f"{name} differs: run make documents" for name in found), sep="\n", file=sys.stderr)
        return 1 if found else 0
    for path, text in documents():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
