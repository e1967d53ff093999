"""Lots: which units leave (first expired first out), which come back, and what each ledger row moved of them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Final, Literal
from uuid import UUID

from services.inventory.domain.levels import MONEY, Entry

LotKind = Literal["receipt", "batch", "opening", "found"]
LotStatus = Literal["available", "quarantine", "on_hold", "recalled", "expired", "pending_count"]
NEVER: Final = date.max


@dataclass(slots=True)
class Lot:
    """Units of one origin; `made` of them there were at first, at `total_cost` (None: not known)."""

    lot_id: UUID
    item_id: str
    kind: LotKind
    lot_code: str
    made_at: datetime
    quantity: int = 0
    made: int = 0
    status: LotStatus = "available"
    supplier_lot: str | None = None
    batch_id: UUID | None = None
    total_cost: Decimal | None = None
    produced_on: date | None = None
    expires_on: date | None = None

    @property
    def cost(self) -> Decimal | None:
        """Of the units that are there: their share of what the lot cost, to 4 decimals, so that the parts that leave
        add up to the whole; units more than were made cost nothing."""
        if self.total_cost is None or self.made == 0:
            return None
        return (self.total_cost * min(self.quantity, self.made) / self.made).quantize(MONEY, ROUND_HALF_UP)

    @property
    def turn(self) -> tuple[bool, date, datetime, UUID]:
        """Its place among the lots that leave: free ones, by expiry, then by age."""
        return (self.status != "available", self.expires_on or NEVER, self.made_at, self.lot_id)


@dataclass(frozen=True, slots=True)
class Move:
    """Units of a lot that came or went with the ledger entry at that place of the list, and their cost (None: not
    known), both negative if they went."""

    entry: int
    lot: Lot
    quantity: int
    cost: Decimal | None


@dataclass(slots=True)
class Lots:
    """The lots of the items that moved; `births`: what a receipt or a batch (by reference) brings is a lot of its own;
    `issued`: units that each batch has of a lot, the last to leave first."""

    now: datetime
    there: dict[str, list[Lot]]
    births: Mapping[str, Lot] = field(default_factory=dict)
    issued: Mapping[str, Sequence[tuple[UUID, int]]] = field(default_factory=dict)
    new_ids: Iterable[UUID] = ()
    born: list[Lot] = field(default_factory=list)
    moves: list[Move] = field(default_factory=list)

    def follow(self, entries: Sequence[Entry], wanted: Mapping[int, Sequence[tuple[str, int]]]) -> list[Move]:
        """The moves of all entries, in their order; `wanted` tells by entry the lots that somebody saw leave."""
        for place, entry in enumerate(entries):
            change = entry.new_current - entry.previous_current
            if change > 0:
                self._come(place, entry, change)
            elif change < 0:
                self._go(place, entry.item_id, -change, wanted.get(place, ()))
        return self.moves

    def _come(self, place: int, entry: Entry, quantity: int) -> None:
        birth = self.births.get(entry.reference.id) if entry.type in ("receipt", "batch_output") else None
        if birth is not None:
            self._add(birth)
            self._move(place, birth, quantity)
            return
        if entry.type == "material_return":
            quantity -= self._return(place, entry, quantity)
        if quantity > 0:
            self._move(place, self._newest(entry), quantity)

    def _return(self, place: int, entry: Entry, quantity: int) -> int:
        """What a batch did not use goes back to the lots it was issued from, the last first."""
        lots = {lot.lot_id: lot for lot in self.there.get(entry.item_id, ())}
        returned = 0
        for lot_id, units in self.issued.get(entry.reference.id, ()):
            if lot_id in lots:
                back = min(quantity - returned, units)
                self._move(place, lots[lot_id], back)
                returned += back
        return returned

    def _newest(self, entry: Entry) -> Lot:
        """Units that nobody knows the origin of count with the newest lot; an item without any gets one."""
        known = [lot for lot in self.there.get(entry.item_id, ()) if lot.status == "available"]
        if known:
            return max(known, key=lambda lot: (lot.made_at, lot.lot_id))
        lot = Lot(next(iter(self.new_ids)), entry.item_id, "found", "found", self.now)
        self._add(lot)
        return lot

    def _add(self, lot: Lot) -> None:
        self.there.setdefault(lot.item_id, []).append(lot)
        self.born.append(lot)

    def _go(self, place: int, item_id: str, quantity: int, wanted: Sequence[tuple[str, int]]) -> None:
        """The lots that were seen to leave, as far as they have the units, then first expired first out."""
        lots = {str(lot.lot_id): lot for lot in self.there.get(item_id, ())}
        for lot_id, units in wanted:
            if lot_id in lots:
                taken = min(quantity, units, lots[lot_id].quantity)
                self._move(place, lots[lot_id], -taken)
                quantity -= taken
        for lot in sorted(lots.values(), key=lambda lot: lot.turn):
            taken = min(quantity, lot.quantity)
            self._move(place, lot, -taken)
            quantity -= taken

    def _move(self, place: int, lot: Lot, quantity: int) -> None:
        """One movement of a lot for each entry."""
        if quantity == 0:
            return
        before = lot.cost
        lot.quantity += quantity
        after = lot.cost
        cost = None if before is None or after is None else after - before
        number = len(self.moves) - 1
        while number >= 0 and self.moves[number].entry == place:
            known = self.moves[number]
            if known.lot is lot:
                whole = None if known.cost is None or cost is None else known.cost + cost
                self.moves[number] = Move(place, lot, known.quantity + quantity, whole)
                return
            number -= 1
        self.moves.append(Move(place, lot, quantity, cost))
