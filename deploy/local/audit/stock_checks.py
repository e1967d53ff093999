"""Inventory's own truth: ledger, levels, holds and queues agree, and each unit ended once."""

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from itertools import groupby
from typing import Final
from uuid import UUID

from deploy.local.audit.books import Books, Item, LedgerRow, Reservation
from deploy.local.audit.deviation import Deviation, compare
from shared.runtime.clock import first_id_at

STOCK: Final = "inventory: stock"
LEDGER: Final = "inventory: ledger"
RESERVATIONS: Final = "inventory: reservations"
ENDED: Final = frozenset({"rejected", "expired", "closed", "issued", "settled"})
Levels = tuple[int, int, int]
NO_LEVELS: Final[Levels] = (0, 0, 0)
CLOCKS_APART: Final = timedelta(days=1)
"""Ids are made by other clocks than the ledger's times."""


def check_ledger(books: Books) -> Iterator[Deviation]:
    """Each item's rows are one unbroken chain from nothing to its stock row, never oversold on the way."""
    ledger = {item_id: list(rows) for item_id, rows in groupby(books.ledger, key=lambda row: row.item_id)}
    openings = _opened(books)
    for item_id in sorted(ledger.keys() | books.items.keys() | openings.keys()):
        rows, opened = ledger.get(item_id, []), openings.get(item_id, (0, NO_LEVELS))
        yield from _chain(item_id, opened, rows)
        yield from _last(item_id, opened, rows, books.items.get(item_id))


def _opened(books: Books) -> dict[str, tuple[int, Levels]]:
    """Where each item's chain begins in the database: the newest archived version, and the levels after it."""
    found: dict[str, tuple[int, Levels]] = {}
    for one in books.openings:
        version, (current, reserved, held) = found.get(one.item_id, (0, NO_LEVELS))
        levels = (current + one.current, reserved + one.reserved, held + one.held)
        found[one.item_id] = (max(version, one.version), levels)
    return found


def _chain(item_id: str, opened: tuple[int, Levels], rows: list[LedgerRow]) -> Iterator[Deviation]:
    version, levels = opened
    for row in rows:
        subject = f"{item_id} version {row.version}"
        if row.version <= version:
            yield Deviation("ledger_chain", subject, f"a version past {version}", f"version {row.version}", LEDGER)
        yield from compare("ledger_chain", subject, f"levels {levels} before", f"levels {row.before} before", LEDGER)
        current, reserved, held = row.after
        if min(row.after) < 0 or reserved + held > current:
            yield Deviation("oversold", subject, "0 <= reserved + held <= current", f"{row.after}", LEDGER)
        version, levels = row.version, row.after


def _last(item_id: str, opened: tuple[int, Levels], rows: list[LedgerRow], item: Item | None) -> Iterator[Deviation]:
    where = f"{STOCK} against {LEDGER}"
    if item is None:
        yield Deviation("stock_ledger", item_id, "a stock row", "none", where)
        return
    version, levels = (rows[-1].version, rows[-1].after) if rows else opened
    sums = tuple(opened[1][i] + sum(row.after[i] - row.before[i] for row in rows) for i in range(3))
    actual = (item.current, item.reserved, item.held)
    subject = f"{item_id} (current, reserved, held)"
    yield from compare("stock_ledger", subject, levels, actual, where + ", newest row")
    yield from compare("stock_ledger", subject, sums, actual, where + ", sum of all rows")
    if item.version < version:
        yield Deviation("stock_ledger", f"{item_id} version", f"at least {version}", f"{item.version}", where)


def check_reserved(books: Books) -> Iterator[Deviation]:
    """`reserved` is the sum of all holds, `queued` of all that is waited for; nobody waits while stock is free."""
    held, queued = Counter[str](), Counter[str]()
    for row in books.reservations:
        held[row.item_id] += row.held
        queued[row.item_id] += row.backordered
    where = f"{STOCK} against {RESERVATIONS}"
    for item_id, item in sorted(books.items.items()):
        yield from compare("reserved_holds", item_id, held[item_id], item.reserved, where)
        yield from compare("queued_holds", item_id, queued[item_id], item.queued, where)
        if queued[item_id] and item.available > item.min_stock_level:
            yield Deviation("queue_waits", item_id, "no queue while stock is free", f"{item.available} free", STOCK)


def check_reservations(books: Books) -> Iterator[Deviation]:
    """Every wanted unit is in one place, every held unit ended once, and what ended holds nothing.

    The ledger of a claim that is older than what is archived may stand in the files, so it is not looked at.
    """
    reserved, moved = _by_reference(books)
    for row in books.reservations:
        key, subject = (row.claim_id, row.item_id), f"{row.claim_id} {row.item_id}"
        places = row.held + row.backordered + row.deducted + row.cancelled
        yield from compare("hold_equation", subject, f"want {row.want}", f"want {places}", RESERVATIONS)
        held = reserved.pop(key, 0)
        if not _may_be_archived(books, row.claim_id):
            yield from _by_ledger(row, subject, held, moved)
        yield from _ended(books, row, subject)
    for (claim_id, item_id), units in sorted(reserved.items()):
        if units and not _may_be_archived(books, claim_id):
            yield Deviation("hold_ledger", f"{claim_id} {item_id}", f"held {units}", "no row", RESERVATIONS)


def _may_be_archived(books: Books, reference: str) -> bool:
    return books.archived_until is not None and UUID(reference) < first_id_at(books.archived_until + CLOCKS_APART)


def _by_ledger(row: Reservation, subject: str, held: int, moved: Counter[tuple[str, str, str]]) -> Iterator[Deviation]:
    """A reservation against the sums of its ledger rows."""
    key, where = (row.claim_id, row.item_id), f"{RESERVATIONS} against {LEDGER}"
    yield from compare("hold_ledger", f"{subject} held", held, row.held, where)
    left = moved["sale", *key] + moved["material_issue", *key]
    yield from compare("hold_ledger", f"{subject} deducted", -left, row.deducted, where)
    yield from compare("hold_ledger", f"{subject} returned", moved["material_return", *key], row.returned, where)


def _by_reference(books: Books) -> tuple[dict[tuple[str, str], int], Counter[tuple[str, str, str]]]:
    """Units reserved, and units that entered or left by type, for each reference and item."""
    reserved: dict[tuple[str, str], int] = {}
    moved: Counter[tuple[str, str, str]] = Counter()
    for row in books.ledger:
        key = (row.reference_id, row.item_id)
        reserved[key] = reserved.get(key, 0) + row.new_reserved - row.previous_reserved
        moved[row.type, row.reference_id, row.item_id] += row.new_current - row.previous_current
    return reserved, moved


def _ended(books: Books, row: Reservation, subject: str) -> Iterator[Deviation]:
    claim = books.claims.get(row.claim_id)
    if claim is None:
        yield Deviation("hold_claim", subject, "a claim", "none", "inventory: claims")
    elif claim.status in ENDED and row.held + row.backordered:
        found = f"held {row.held}, backordered {row.backordered}"
        yield Deviation("stranded_hold", subject, f"nothing, being {claim.status}", found, RESERVATIONS)


def check_arrivals(books: Books) -> Iterator[Deviation]:
    """Every receipt and every batch entered stock once."""
    for type_name, arrivals in (("receipt", books.receipts), ("batch_output", books.batches_received)):
        expected, actual = Counter[str](), Counter[str]()
        for arrival in arrivals:
            expected[arrival.item_id] += arrival.quantity
        for row in books.ledger:
            if row.type == type_name:
                actual[row.item_id] += row.new_current - row.previous_current
        for opening in books.openings:
            if opening.type == type_name:
                actual[opening.item_id] += opening.current
        for item_id in sorted(expected.keys() | actual.keys()):
            where = f"{LEDGER} against its natural keys"
            yield from compare(type_name, item_id, expected[item_id], actual[item_id], where)
