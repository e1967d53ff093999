"""A warehouse in memory, for dialogues: what neighbours ask and what happens, each as one short call."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any
from uuid import UUID

from services.inventory.domain.batches import decide_batch_question
from services.inventory.domain.blocking import block, expire_lots, free, pin_claims
from services.inventory.domain.claims import Asked, BatchQuestion, Claim, Need, OrderQuestion
from services.inventory.domain.facts import (
    Counted,
    Shipment,
    Short,
    ShortPick,
    decide_count,
    decide_shipments,
    decide_short_picks,
)
from services.inventory.domain.levels import Level, Reference
from services.inventory.domain.lots import Lot, Lots
from services.inventory.domain.orders import decide_question
from services.inventory.domain.shelf import Shelf, Telling, Terms

START = datetime(2026, 1, 31, 12, tzinfo=UTC)
TERMS = Terms(hold_seconds=900, late_confirm_seconds=86_400, confirmed_seconds=604_800)
BY = Reference("test", "t", "ann")


class Warehouse:
    """Levels, claims and lots; every call is one transaction, whose shelf is kept."""

    def __init__(self, **stock: int) -> None:
        self.now = START
        self.levels = {item_id: level(item_id, units) for item_id, units in stock.items()}
        self.claims: dict[str, Claim] = {}
        self.lots: dict[str, list[Lot]] = {}
        self.lot_ids = (UUID(int=number) for number in count(1))
        self.shelf = Shelf(START, TERMS, self.levels, self.claims)

    def asks(self, order_id: str, version: int, *lines: Asked, type: Any = "created", **terms: Any) -> Telling | None:
        """Order asks about one order; returns how it is answered."""
        asked = {"policy": "reject", "priority": 0, "protected": False, "confirm": False, "closed": False, **terms}
        age = asked.pop("accepted_at", START)
        question = OrderQuestion(order_id, version, f"order.{type}", accepted_at=age, lines=lines, **asked)  # type: ignore[arg-type]
        return self._do(order_id, lambda shelf: decide_question(shelf, question))

    def closes(self, order_id: str, version: int, *lines: Asked) -> Telling | None:
        """Order tells that one order ended."""
        return self.asks(order_id, version, *lines, type="cancelled", closed=True)

    def batch(self, type: Any, version: int, **needs: tuple[int, int | None]) -> Telling | None:
        """Bottling asks about batch `b`; a need is what is required, and what was consumed."""
        found = tuple(Need(item_id, required, consumed) for item_id, (required, consumed) in needs.items())
        question = BatchQuestion("b", version, f"batch.{type}", START, found)  # type: ignore[arg-type]
        return self._do("b", lambda shelf: decide_batch_question(shelf, question))

    def ships(self, order_id: str, *seen: tuple[str, int], **units: int) -> Telling | None:
        """`seen`: lots of the (only) product that the floor saw leave."""
        lots = dict.fromkeys(units, seen) if seen else {}
        shipment = Shipment("s", order_id, tuple(units.items()), START, lots=lots)
        return self._do(order_id, lambda shelf: decide_shipments(shelf, [shipment]))

    def misses(
        self, order_id: str, item_id: str, quantity: int, reason: Any = "missing", lot: str | None = None
    ) -> Telling | None:
        pick = ShortPick("p", order_id, (Short(item_id, quantity, reason, lot),))
        return self._do(order_id, lambda shelf: decide_short_picks(shelf, [pick]))

    def counts(self, item_id: str, counted: int, books: tuple[int, int] | None = None) -> None:
        """`books`: units in stock and held for a count when it was counted, if not as now."""
        known = self.levels[item_id]
        current, held = books or (known.current, known.held)
        count = Counted("c", item_id, counted, current, held, "ann", "cycle")
        self._do("", lambda shelf: decide_count(shelf, count))

    def later(self, **time: int) -> None:
        self.now += timedelta(**time)

    def _do(self, claim_id: str, decide: Callable[[Shelf], None]) -> Telling | None:
        lots = Lots(self.lots, self.now.date(), new_ids=self.lot_ids)
        self.shelf = Shelf(self.now, TERMS, self.levels, self.claims, lots=lots)
        expire_lots(self.shelf)
        decide(self.shelf)
        pin_claims(self.shelf)
        return self.shelf.tellings.get(claim_id)

    # lots

    def brings(self, item_id: str, code: str, units: int, expires_on: date | None = None) -> Lot:
        """A supplier's lot enters stock."""
        lot = Lot(next(self.lot_ids), item_id, "receipt", code, self.now, made=units, total_cost=Decimal(units))
        lot.expires_on = lot.sell_by = expires_on
        self._do("", lambda shelf: shelf.bring(lot, "receipt", units, BY))
        return lot

    def blocks(self, lot: Lot, status: Any = "on_hold", reason: Any = "lot_hold") -> None:
        self._do("", lambda shelf: block(shelf, lot, status, BY, reason))

    def frees(self, lot: Lot) -> None:
        self._do("", lambda shelf: free(shelf, lot, BY))

    def passes(self) -> None:
        """Somebody locks the items and asks for nothing."""
        self._do("", lambda shelf: None)

    def promised(self, claim_id: str, item_id: str) -> dict[str, int]:
        """Units by the code of the lot that the order is promised by name, or got."""
        codes = {lot.lot_id: lot.lot_code for lot in self.lots[item_id]}
        shares = self.claims[claim_id].lines[item_id].lots
        return {codes[lot_id]: share.pinned + share.gone for lot_id, share in shares.items()}

    def on_hand(self, item_id: str) -> dict[str, tuple[int, int]]:
        """Units by the code of the lot: there, and blocked."""
        return {lot.lot_code: (lot.quantity, lot.blocked) for lot in self.lots[item_id]}

    def line(self, claim_id: str, item_id: str) -> tuple[int, int, int, int]:
        """Units held, queued, deducted, cancelled."""
        line = self.claims[claim_id].lines[item_id]
        return line.held, line.backordered, line.deducted, line.cancelled

    def stock(self, item_id: str) -> tuple[int, int, int, int]:
        """Units in stock, promised, held for a count, waited for."""
        found = self.levels[item_id]
        return found.current, found.reserved, found.held, found.queued

    def posted(self) -> list[tuple[str, int]]:
        """The ledger entries of the last transaction."""
        return [(entry.type, entry.quantity) for entry in self.shelf.entries]


def level(item_id: str, current: int, min_stock_level: int = 0) -> Level:
    """A product; every unit was received for 2.50."""
    found = Level(item_id, "product", item_id, True, min_stock_level, 0, current, 0, 0, 0, 0)
    found.received, found.value = 10, Decimal(25)
    return found
