"""The end of the demo: one table, taken from the services and the topics themselves, and where to look further."""

import sys
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from rich.console import Console
from rich.table import Table

from deploy.local.audit.log import Place
from deploy.local.demo.client import Body, Client
from deploy.local.demo.evening import Recall, Shortage, rows_of
from deploy.local.demo.picture import RESTING
from deploy.local.demo.production import Made
from deploy.local.demo.upstream import Published
from deploy.local.orders_file.entries import OTHER_CURRENCY
from deploy.local.stack import Stack

PREFIX_OF: Final = {"order": "orders", "inventory": "inventory", "bottling": "bottling", "fulfillment": "fulfillment"}
STUCK_SHOWN_MAX: Final = 20
PLACES_SHOWN_MAX: Final = 3


@dataclass(slots=True)
class Outcome:
    """Everything the end table tells."""

    orders: list[Body]
    published: Published
    made: Made
    batches: Counter[str]
    shipments: tuple[int, int]
    customers: Counter[str]
    dead_letters: Counter[str]
    messages: Mapping[str, tuple[int, int]]
    seconds: float
    absent: list[str] = field(default_factory=list)
    shortage: Shortage | None = None
    recall: Recall | None = None

    @property
    def recall_agrees(self) -> bool:
        """Inventory's word and the raw events name the same orders."""
        return self.recall is None or self.recall.orders == self.recall.by_events

    @property
    def stuck(self) -> list[str]:
        """Orders that did not come to rest, and submissions that became no order."""
        still_open = [f"{order['order_id']} is {order['status']}" for order in self.orders if _open(order)]
        return still_open + [f"{identity} was published and is no order" for identity in self.absent]

    def units(self, *fields: str) -> int:
        """The sum over all lines of accepted orders."""
        accepted = (order for order in self.orders if order["status"] != "rejected")
        return sum(item[name] for order in accepted for item in order["items"] for name in fields)


def _open(order: Body) -> bool:
    return order["status"] not in RESTING or bool(order["stuck"])


async def orders_of(client: Client, sources: Iterable[str]) -> list[Body]:
    """Every order of these upstream systems."""
    found: list[Body] = []
    for source in sorted(sources):
        found += await client.pages("order", "/api/orders", {"source": source})
    return found


async def dead_letters(client: Client) -> Counter[str]:
    """Open dead letters by service."""
    counts: Counter[str] = Counter()
    for service, prefix in PREFIX_OF.items():
        counts[service] = len(await client.pages(service, f"/api/{prefix}/dead-letters", {"state": "open"}))
    return counts


def messages(began: Mapping[Place, int], ended: Mapping[Place, int]) -> dict[str, tuple[int, int]]:
    """Per topic: messages in all by its end offsets, and those of this run."""
    totals: dict[str, tuple[int, int]] = {}
    for (topic, partition), end in ended.items():
        total, added = totals.get(topic, (0, 0))
        totals[topic] = (total + end, added + end - began.get((topic, partition), 0))
    return totals


def show(outcome: Outcome, stack: Stack, source: str) -> None:
    """Prints the table on stdout, and where to look further."""
    console = Console(file=sys.stdout)
    console.print(_table(outcome))
    console.print(_messages(outcome.messages))
    for line in _further(stack, source):
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    for line in outcome.stuck[:STUCK_SHOWN_MAX]:
        console.print(f"STUCK: {line}", markup=False, highlight=False, soft_wrap=True)


def _table(outcome: Outcome) -> Table:
    table = Table(title="Flacon demo", show_header=False, min_width=60)
    table.add_column()
    table.add_column(justify="right")
    sections = (_orders(outcome), _units(outcome), _skipped(outcome.published), _floor(outcome), _evening(outcome))
    for section in sections:
        for name, value in section:
            table.add_row(name, str(value))
        table.add_section()
    return table


def _orders(outcome: Outcome) -> list[tuple[str, object]]:
    counts = Counter(order["status"] for order in outcome.orders)
    rows: list[tuple[str, object]] = [("orders published", outcome.published.orders)]
    rows += [("duplicates dropped (same source and external id)", outcome.published.repeats)]
    rows += [(f"orders {status}", count) for status, count in sorted(counts.items())]
    reasons = Counter(order["rejection"]["reason"] for order in outcome.orders if order.get("rejection"))
    rows += [(f"   rejected: {reason}", count) for reason, count in sorted(reasons.items())]
    return rows + [(f"customers, {answer}", count) for answer, count in sorted(outcome.customers.items())]


def _units(outcome: Outcome) -> list[tuple[str, object]]:
    return [
        ("units ordered (accepted orders)", outcome.units("quantity")),
        ("units shipped", outcome.units("shipped")),
        ("units cancelled", outcome.units("cancelled")),
        ("units still backordered", outcome.units("backordered")),
    ]


def _skipped(published: Published) -> list[tuple[str, object]]:
    rows: list[tuple[str, object]] = [("rows skipped", len(published.skipped))]
    for reason, count in sorted(published.reasons().items()):
        rows.append((f"   {reason}", count))
        places = [skip for skip in published.skipped if skip.reason == reason]
        rows += [(f"      row {one.row}, {one.column}: {one.detail[:40]}", "") for one in places[:PLACES_SHOWN_MAX]]
        if count > PLACES_SHOWN_MAX:
            rows.append((f"      ... and {count - PLACES_SHOWN_MAX} more", ""))
    if published.prices_left_out:
        rows.append((OTHER_CURRENCY, published.prices_left_out))
    return rows


def _floor(outcome: Outcome) -> list[tuple[str, object]]:
    rows: list[tuple[str, object]] = [(f"batches {status}", count) for status, count in sorted(outcome.batches.items())]
    sent, arrived = outcome.shipments
    return [
        *rows,
        ("units bottled: good / defective", f"{outcome.made.good} / {outcome.made.defective}"),
        ("deliveries of short materials", outcome.made.deliveries.total()),
        ("parcels sent / arrived", f"{sent} / {arrived}"),
    ]


def _evening(outcome: Outcome) -> list[tuple[str, object]]:
    evening = [] if outcome.shortage is None or outcome.recall is None else rows_of(outcome.shortage, outcome.recall)
    return evening + _end(outcome)


def _end(outcome: Outcome) -> list[tuple[str, object]]:
    return [
        ("messages of this run", sum(added for _, added in outcome.messages.values())),
        ("dead letters (open)", outcome.dead_letters.total()),
        ("time", f"{outcome.seconds:.1f} s"),
    ]


def _messages(totals: Mapping[str, tuple[int, int]]) -> Table:
    table = Table(title="Messages", min_width=60)
    table.add_column("topic")
    table.add_column("this run", justify="right")
    table.add_column("in all", justify="right")
    for name, (total, added) in sorted(totals.items()):
        if total:
            table.add_row(name, str(added), str(total))
    return table


def _further(stack: Stack, source: str) -> list[str]:
    orders = stack.services["order"]
    return [
        f"orders of this run    GET {orders}/api/orders?source={source}",
        "services              " + "  ".join(f"{name} {url}" for name, url in sorted(stack.services.items())),
        f"console               {stack.console}   (any name, any role)",
        "token, addresses      .flacon/stack.json",
        "logs                  python -m deploy.local logs [SERVICE] [-f]   (files: .flacon/logs)",
        "the proof, any time   python -m deploy.local audit",
    ]
