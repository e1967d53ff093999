"""Writes what others read of the contracts: `schemas/*.json` and `docs/events.md`; `--check` only compares.

Run from the project's root: `python -m shared.contracts [--check]`; exit code 1 when a file differs.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

from shared.contracts.catalog import EVENTS, EventType

SCHEMAS = Path("shared/contracts/schemas")
EVENTS_PAGE = Path("docs/events.md")
_HEAD = """# Events

Generated from `shared/contracts/catalog.py` by `make contracts`; do not edit by hand.

Topic = `TOPIC_PREFIX` + event type. Records are CloudEvents 1.0 in binary mode. **P** public (it only ever grows),
**Q** question (asked again until answered), **F** fact (never refused, applied once), **C** compacted topic.

| event | | key | owner | readers | payload | what it says |
| --- | --- | --- | --- | --- | --- | --- |
"""


def schema_of(event: EventType) -> str:
    """The JSON Schema of an event's payload, as text."""
    schema = {"$id": f"urn:flacon:event:{event.name}", **event.payload.model_json_schema(mode="serialization")}
    return json.dumps(schema, indent=2, sort_keys=True) + "\n"


def events_page() -> str:
    """The table of all events in Markdown."""
    return _HEAD + "".join(_row(event) for event in EVENTS)


def _row(event: EventType) -> str:
    flags = {"P": event.public, "Q": event.question, "F": event.fact, "C": event.compacted}
    cells = (
        f"`{event.name}`",
        " ".join(mark for mark, is_set in flags.items() if is_set),
        f"`{':'.join(event.key)}`",
        event.owner,
        ", ".join(sorted(event.readers)) + (" + outside" if event.public else ""),
        f"[{event.payload.__name__}](../{SCHEMAS.as_posix()}/{event.name}.json)",
        " ".join((event.payload.__doc__ or "").split()),
    )
    return "| " + " | ".join(cells) + " |\n"


def documents() -> Iterator[tuple[Path, str]]:
    """Every generated file with its content."""
    yield EVENTS_PAGE, events_page()
    for event in EVENTS:
        yield SCHEMAS / f"{event.name}.json", schema_of(event)


def main(arguments: list[str]) -> int:
    """0 = all as generated."""
    differing = [path for path, text in documents() if not path.exists() or path.read_text(encoding="utf-8") != text]
    if "--check" in arguments:
        print(*(f"{path} differs: run make contracts" for path in differing), sep="\n", file=sys.stderr)
        return 1 if differing else 0
    for path, text in documents():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
