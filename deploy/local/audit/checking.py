"""All checks, in the order in which they are shown."""

from collections.abc import Callable, Iterator, Mapping
from typing import Final

from deploy.local.audit import (
    delivery_checks,
    event_checks,
    figure_checks,
    order_checks,
    recall_checks,
    stock_checks,
)
from deploy.local.audit.books import Books
from deploy.local.audit.deviation import Deviation
from deploy.local.audit.log import Log

Check = Callable[[Books, Log, str], Iterator[Deviation]]


def _of_books(check: Callable[[Books], Iterator[Deviation]]) -> Check:
    return lambda books, log, prefix: check(books)


def _of_both(check: Callable[[Books, Log], Iterator[Deviation]]) -> Check:
    return lambda books, log, prefix: check(books, log)


CHECKS: Final[Mapping[str, Check]] = {
    "ledger: one chain per item, ends at the stock row, never oversold": _of_books(stock_checks.check_ledger),
    "stock: reserved and queued are the sums of the holds": _of_books(stock_checks.check_reserved),
    "holds: each unit in one place, ended once, nothing stranded": _of_books(stock_checks.check_reservations),
    "arrivals: receipts and batches entered stock once": _of_books(stock_checks.check_arrivals),
    "orders: status against lines": _of_books(order_checks.check_status),
    "orders against holds": _of_books(order_checks.check_holds),
    "orders against fulfillments": _of_books(order_checks.check_fulfillments),
    "shipments: fulfillment, inventory and order": _of_books(order_checks.check_shipments),
    "batches: units, stock and materials": _of_books(order_checks.check_batches),
    "topics: no record is missing": _of_both(delivery_checks.check_offsets),
    "outboxes: every event is on its topic": _of_both(delivery_checks.check_outboxes),
    "inboxes: every record was handled or is a dead letter": delivery_checks.check_inboxes,
    "versions: no gap, up to the tables' own": _of_both(delivery_checks.check_versions),
    "versions: in their order on each topic": _of_both(delivery_checks.check_order),
    "events: orders": _of_both(event_checks.check_orders),
    "events: holds": _of_both(event_checks.check_holds),
    "events: batches and materials": _of_both(event_checks.check_materials),
    "events: shipments and deductions": _of_both(event_checks.check_shipments),
    "events: levels, told and implied": _of_both(event_checks.check_levels),
    "recalls: who got units of a recalled lot": _of_both(recall_checks.check_recalls),
    "totals: units that left, five accounts": _of_both(event_checks.check_totals),
    "figures: from the topics and from the services": _of_both(figure_checks.check_figures),
}


def deviations(books: Books, log: Log, prefix: str = "") -> dict[str, list[Deviation]]:
    """Every check with what it found, sorted; empty lists are what one hopes for."""
    return {name: sorted(set(check(books, log, prefix))) for name, check in CHECKS.items()}
