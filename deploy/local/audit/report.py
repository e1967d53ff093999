"""How the audit's outcome is told: a table on a terminal, plain lines when piped, JSON on demand."""

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from rich.console import Console
from rich.table import Table

from deploy.local.audit.books import Books
from deploy.local.audit.deviation import Deviation
from deploy.local.audit.log import Log

SHOWN_MAX: Final = 50


@dataclass(frozen=True, slots=True)
class Report:
    """What was looked at, and what was found; `unrest` says what was still under way, if anything was."""

    counts: Mapping[str, int]
    found: Mapping[str, Sequence[Deviation]]
    unrest: str | None
    seconds: float

    @property
    def all(self) -> list[Deviation]:
        """Every deviation."""
        return [one for found in self.found.values() for one in found]

    @property
    def ok(self) -> bool:
        """True if nothing deviates."""
        return not self.all


def counts_of(books: Books, log: Log) -> dict[str, int]:
    """How much was compared."""
    return {
        "items": len(books.items),
        "ledger rows": len(books.ledger),
        "orders": len(books.orders),
        "holds": len(books.reservations),
        "shipments": len(books.shipments),
        "batches": len(books.batches),
        "records on topics": len(log.records),
        "dead letters": sum(len(mail.dead) for mail in books.mail.values()),
    }


def show_json(report: Report) -> None:
    """Prints one JSON object on stdout."""
    content = {
        "ok": report.ok,
        "counts": dict(report.counts),
        "unrest": report.unrest,
        "checks": {name: len(found) for name, found in report.found.items()},
        "deviations": [one.as_json() for one in report.all],
        "seconds": round(report.seconds, 1),
    }
    print(json.dumps(content, indent=2))


def show(report: Report) -> None:
    """Prints a table of the checks, then each deviation in a line of its own."""
    console = Console(file=sys.stdout)
    table = Table(title="Audit", min_width=60)
    table.add_column("check")
    table.add_column("deviations", justify="right")
    for name, found in report.found.items():
        table.add_row(name, str(len(found)) if found else "ok")
    console.print(table)
    looked = ", ".join(f"{count} {name}" for name, count in report.counts.items())
    _line(console, f"compared in {report.seconds:.1f} s: {looked}")
    if report.unrest:
        _line(console, f"the system did not come to rest: {report.unrest}")
    for one in report.all[:SHOWN_MAX]:
        _line(console, f"DEVIATION {one}")
    if len(report.all) > SHOWN_MAX:
        _line(console, f"... and {len(report.all) - SHOWN_MAX} more; `audit --json` tells all")
    _line(console, "everything agrees" if report.ok else f"{len(report.all)} deviations")


def _line(console: Console, text: str) -> None:
    console.print(text, markup=False, highlight=False, soft_wrap=True)
