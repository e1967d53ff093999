"""Levels of items, and the ledger entry that every change of a level leaves."""

from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Final, Literal
from uuid import UUID

from services.inventory.domain.claims import Claim
from services.inventory.domain.lots import MONEY

ItemKind = Literal["product", "material"]
EntryType = Literal[
    "receipt",
    "batch_output",
    "sale",
    "material_issue",
    "material_return",
    "reserve",
    "release",
    "expire",
    "take_back",
    "adjust",
    "count",
    "count_correction",
    "found",
    "hold",
    "unhold",
    "scrap",
]
AlertKind = Literal["low_stock", "critical", "stockout"]
NeedStatus = Literal["raised", "open", "resolved"]
GRAVEST_FIRST: Final[tuple[AlertKind, ...]] = ("stockout", "critical", "low_stock")


@dataclass(frozen=True, slots=True)
class Reference:
    """What a ledger entry is about, the parcel that took the units if one did, and who did it."""

    type: str
    id: str
    actor: str
    note: str | None = None
    shipment_id: str | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """One ledger row; `quantity` is the signed change of what its type is about; `lot_id`: of that lot alone."""

    item_id: str
    version: int
    type: EntryType
    quantity: int
    previous_current: int
    new_current: int
    previous_reserved: int
    new_reserved: int
    previous_held: int
    new_held: int
    reference: Reference
    lot_id: UUID | None = None


@dataclass(slots=True)
class Level:
    """One item and its units: physical, promised, blocked, and how many more are waited for."""

    item_id: str
    kind: ItemKind
    name: str
    active: bool
    min_stock_level: int
    reorder_point: int
    current: int
    reserved: int
    held: int
    queued: int
    version: int
    lead_days: int = 14
    reorder_quantity: int | None = None
    alternatives: tuple[str, ...] = ()
    min_life_days: int = 0
    received: int = 0
    value: Decimal = Decimal(0)
    alerted: frozenset[AlertKind] = frozenset()
    needed: AlertKind | None = None
    remind: bool = False
    moved: bool = False

    @property
    def available(self) -> int:
        return self.current - self.reserved - self.held

    @property
    def alerts(self) -> frozenset[AlertKind]:
        """What the level calls for now; `alerted` is what it called for when it was loaded."""
        return alert_kinds(self.available, self.min_stock_level, self.reorder_point) if self.active else frozenset()

    @property
    def need(self) -> AlertKind | None:
        """The gravest that the level calls for; `needed` is what it was when it was loaded.

        An item without levels runs out when lines queue on it: nobody watches it, but they wait.
        """
        if self.active and self.queued > 0 and self.min_stock_level == 0 and self.reorder_point == 0:
            return "stockout"
        called = self.alerts
        return next((kind for kind in GRAVEST_FIRST if kind in called), None)

    def room_for(self, claim: Claim) -> int:
        """Units that this claim may take; the safety stock is not for those that protect it."""
        return max(0, self.available - (self.min_stock_level if claim.protected else 0))

    def post(
        self,
        type: EntryType,
        quantity: int,
        by: Reference,
        *,
        current: int = 0,
        reserved: int = 0,
        held: int = 0,
        lot_id: UUID | None = None,
    ) -> Entry:
        """Moves the level and returns the entry that says so."""
        before = (self.current, self.reserved, self.held)
        self.current += current
        self.reserved += reserved
        self.held += held
        self.version += 1
        self.moved = True
        return Entry(
            self.item_id,
            self.version,
            type,
            quantity,
            before[0],
            self.current,
            before[1],
            self.reserved,
            before[2],
            self.held,
            by,
            lot_id,
        )

    def sell_by(self, expires_on: date | None) -> date | None:
        """The last day on which whoever gets a unit has the days of its life that are promised."""
        if expires_on is None:
            return None
        return date.fromordinal(max(1, expires_on.toordinal() - self.min_life_days))

    def cost_of(self, quantity: int) -> Decimal:
        """What units cost: their number times the weighted average of all receipts, to 4 decimals."""
        if self.received == 0:
            return Decimal(0)
        return (self.value * quantity / self.received).quantize(MONEY, ROUND_HALF_UP)


def alert_kinds(available: int, min_stock_level: int, reorder_point: int) -> frozenset[AlertKind]:
    """The alerts that a level calls for; an item without levels calls for none."""
    if min_stock_level == 0 and reorder_point == 0:
        return frozenset()
    called: dict[AlertKind, bool] = {
        "low_stock": available <= reorder_point,
        "critical": available <= min_stock_level,
        "stockout": available <= 0,
    }
    return frozenset(kind for kind, true in called.items() if true)


def need_status(before: AlertKind | None, after: AlertKind | None, remind: bool) -> NeedStatus | None:
    """What is told of an item's need: that it came or grew graver, goes on, or is over; None: nothing new."""
    if after is None:
        return "resolved" if before is not None else None
    if before is None or GRAVEST_FIRST.index(after) < GRAVEST_FIRST.index(before):
        return "raised"
    return "open" if remind or after != before else None


def suggested_quantity(
    available: int, incoming: int, queued: int, reorder_point: int, reorder_quantity: int | None
) -> int:
    """What to make or buy: the item's own lot size if it has one, else up to twice the reorder point."""
    missing = 2 * reorder_point + queued - available - incoming
    return max(missing, reorder_quantity or 0) if missing > 0 else 0
