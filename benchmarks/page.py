"""The page: tables on a terminal, plain lines when piped; the same figures as JSON."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

NOTES = (
    "orders/s: orders fulfilled in the steady state. CPU: seconds per 1,000 orders; cores: processors that were busy.",
    "reserved, fulfilled: by Kafka from the order.submitted record's timestamp to that of stock.reserved and of",
    "order.fulfilled, with up to 2,000 orders under way, so the queue is counted in; by REST from the request",
    "(client's clock) to its answer, and to order.fulfilled, from 32 on the warehouse goes round once a second.",
    "open: orders come by chance at that share of the rate of rest 128, timed from when they were to come.",
    "WAL, tables: bytes an order, indexes counted in; messages: records an order, without order.submitted.",
)


def print_page(report: Mapping[str, Any]) -> None:
    """One page on stdout."""
    console = Console(highlight=False, soft_wrap=True)
    for line in _heading(report):
        console.print(line, markup=False)
    beside = _beside(report["limits"], report["bare"], report["idle"])
    for table in (_loads(report["loads"]), beside, _ratios(report["ratios"])):
        if table.row_count:
            console.print()
            _print(console, table)
    console.print()
    for line in NOTES:
        console.print(line, markup=False, style="dim" if console.is_terminal else "")


def _print(console: Console, table: Table) -> None:
    """On a pipe the columns stay aligned, without frames, however wide they are."""
    if console.is_terminal:
        console.print(table)
        return
    Console(width=200, highlight=False, color_system=None).print(table)


def _heading(report: Mapping[str, Any]) -> list[str]:
    machine, libraries = report["machine"], report["machine"]["libraries"]
    return [
        f"Flacon {machine['commit']}: the whole life of orders of 3 lines over 1,000 products",
        f"{machine['cores']} cores of {machine['cpu']}, {machine['memory_gib']} GiB, {machine['system']}; "
        f"load of others at the start {report['load_before']}",
        f"Python {machine['python']}, PostgreSQL {machine['postgres']}, Kafka {machine['kafka']}, "
        + ", ".join(f"{name} {version}" for name, version in libraries.items()),
        f"median of {report['runs']} alternating runs, {report['seconds']:.0f} s of steady state each",
    ]


def _table(*columns: str) -> Table:
    table = Table(box=box.SIMPLE, pad_edge=False)
    for number, column in enumerate(columns):
        table.add_column(column, justify="left" if number == 0 else "right", no_wrap=True)
    return table


def _loads(loads: Mapping[str, Any]) -> Table:
    table = _table(
        "load", "orders/s", "reserved p50", "p99 ms", "fulfilled p50", "p99 ms",
        "CPU services", "Postgres", "Kafka", "client", "cores", "WAL", "tables", "messages",
    )  # fmt: skip
    for name, one in loads.items():
        cpu, reserved, fulfilled = one["cpu"], one["reserved_ms"], one["fulfilled_ms"]
        times = (reserved["p50"], reserved["p99"], fulfilled["p50"], fulfilled["p99"])
        seconds = (cpu["services"], cpu["postgres"], cpu["kafka"], cpu["client"], one["busy"])
        table.add_row(
            name,
            f"{one['rate']:.0f}",
            *(f"{value:.0f}" for value in times),
            *(f"{value:.2f}" for value in seconds),
            *(f"{one[bytes]:,.0f}" for bytes in ("wal_bytes", "table_bytes")),
            f"{one['messages']:.2f}",
        )
    return table


def _beside(limits: Mapping[str, Any], bare: Mapping[str, Any] | None, idle: Mapping[str, Any] | None) -> Table:
    table = _table("beside the loads", "orders/s", "p50 ms", "p99 ms", "CPU Python", "Postgres", "Kafka")
    for batch, one in limits.items():
        seconds = (f"{one['cpu'][part]:.2f}" for part in ("client", "postgres", "kafka"))
        table.add_row(f"straight line, batches of {batch}", f"{one['rate']:.0f}", "", "", *seconds)
    if bare:
        took = bare["took_ms"]
        table.add_row("bare path, one at a time", "", f"{took['p50']:.1f}", f"{took['p99']:.1f}", "", "", "")
    if idle:
        share = (f"{idle['cores'][part]:.1%}" for part in ("services", "postgres", "kafka"))
        table.add_row("at rest: of one core; the next order", "", f"{idle['reserved_ms']:.1f}", "", *share)
    return table


def _ratios(found: Sequence[Mapping[str, Any]]) -> Table:
    table = _table("ratio", "median", "of the runs", "wanted", "")
    for one in found:
        rounds = " ".join(f"{value:.3g}" for value in one["rounds"])
        wanted = f"{one['bound']} {one['limit']:g}{'' if one['promised'] else ' (aim)'}"
        table.add_row(one["name"], f"{one['value']:.3g}", rounds, wanted, "yes" if one["holds"] else "no")
    return table
