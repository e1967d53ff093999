"""Lots: which units leave (first expired first out), which come back, and what each ledger row moved of them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Final, Literal
from uuid import UUID

MONEY: Final = Decimal("0.0001")
LotKind = Literal["receipt", "batch", "opening", "found"]
LotStatus = Literal["available", "quarantine", "on_hold", "recalled", "expired", "pending_count"]
LotCommand = Literal["hold", "release", "recall"]
NEVER: Final = date.max

COMMANDS: Final[Mapping[tuple[LotStatus, LotCommand], LotStatus]] = {
    ("available", "hold"): "on_hold",
    ("quarantine", "hold"): "on_hold",
    ("on_hold", "hold"): "on_hold",
    ("quarantine", "release"): "available",
    ("on_hold", "release"): "available",
    ("available", "release"): "available",
    ("expired", "release"): "available",
    ("available", "recall"): "recalled",
    ("quarantine", "recall"): "recalled",
    ("on_hold", "recall"): "recalled",
    ("expired", "recall"): "recalled",
    ("recalled", "recall"): "recalled",
}
"""What staff may do to a lot, and its status after it; anything else is refused. An expired lot is released only if it
is to be sold for longer by now."""


@dataclass(slots=True)
class Lot:
    """Units of one origin; `made` of them there were at first, at `total_cost` (None: not known).

    `pending` units were not found and wait for a count, `pinned` ones are promised to orders by name. It is sold until
    the day `sell_by`: its expiry less the days of life that a customer is to get.
    """

    lot_id: UUID
    item_id: str
    kind: LotKind
    lot_code: str
    made_at: datetime
    quantity: int = 0
    made: int = 0
    status: LotStatus = "available"
    pending: int = 0
    pinned: int = 0
    supplier_lot: str | None = None
    batch_id: UUID | None = None
    total_cost: Decimal | None = None
    produced_on: date | None = None
    expires_on: date | None = None
    sell_by: date | None = None

    @property
    def free(self) -> int:
        """Units that may be promised."""
        return self.quantity - self.pending if self.status == "available" else 0

    @property
    def blocked(self) -> int:
        """Units that count as `held`."""
        return self.quantity - self.free

    @property
    def unpinned(self) -> int:
        """Free units that no order is promised by name."""
        return max(0, self.free - self.pinned)

    @property
    def overpinned(self) -> int:
        """Units that orders were promised by name and that are not to be had."""
        return max(0, self.pinned - self.free)

    @property
    def cost(self) -> Decimal | None:
        """Of the units that are there: their share of what the lot cost, to 4 decimals, so that the parts that leave
        add up to the whole; units more than were made cost nothing."""
        if self.total_cost is None or self.made == 0:
            return None
        return (self.total_cost * min(self.quantity, self.made) / self.made).quantize(MONEY, ROUND_HALF_UP)

    @property
    def turn(self) -> tuple[date, datetime, UUID]:
        """Its place among the lots that leave: by expiry, then by age."""
        return (self.expires_on or NEVER, self.made_at, self.lot_id)

    def past(self, today: date) -> bool:
        """The one predicate of expiry: it may not be sold any more."""
        return self.sell_by is not None and self.sell_by < today

    def after(self, command: LotCommand, today: date) -> LotStatus | None:
        """Its status after a command; None: refused."""
        if command == "release" and self.past(today):
            return None
        return COMMANDS.get((self.status, command))


@dataclass(frozen=True, slots=True)
class Move:
    """Units of a lot that came or went with the ledger entry at that place of the list, and their cost (None: not
    known), both negative if they went."""

    entry: int
    lot: Lot
    quantity: int
    cost: Decimal | None


Part = tuple[Lot, int]
"""A lot and units of it."""


def _no_ids() -> Iterator[UUID]:
    number = 0
    while True:
        number += 1
        yield UUID(int=number)


@dataclass(slots=True)
class Lots:
    """The lots of the items of one transaction, as they were `today`; `issued`: units that each batch has of a lot, the
    last to leave first; `moves`: what its entries moved, in their order."""

    there: dict[str, list[Lot]] = field(default_factory=dict)
    today: date = date.min
    issued: dict[str, list[tuple[UUID, int]]] = field(default_factory=dict)
    new_ids: Iterator[UUID] = field(default_factory=_no_ids)
    born: list[Lot] = field(default_factory=list)
    moves: list[Move] = field(default_factory=list)
    changed: dict[UUID, Lot] = field(default_factory=dict)

    def of(self, item_id: str) -> list[Lot]:
        """An item's lots as they leave."""
        return sorted(self.there.get(item_id, ()), key=lambda lot: lot.turn)

    def find(self, item_id: str, lot_id: object) -> Lot | None:
        """The lot with that id (a UUID, or as text), or the only one with that code, as a scanner reads either."""
        lots = self.there.get(item_id, ())
        coded = [lot for lot in lots if lot.lot_code == lot_id]
        found = next((lot for lot in lots if lot.lot_id == lot_id or str(lot.lot_id) == lot_id), None)
        return found or (coded[0] if len(coded) == 1 else None)

    def blocked(self, item_id: str) -> int:
        return sum(lot.blocked for lot in self.there.get(item_id, ()))

    def overpinned(self) -> list[str]:
        """Items of which orders were promised units by name that are not to be had."""
        return sorted({lot.item_id for lots in self.there.values() for lot in lots if lot.overpinned})

    # what leaves

    def leaving(
        self,
        item_id: str,
        quantity: int,
        spare: int,
        seen: Iterable[tuple[object, int]] = (),
        own: Iterable[tuple[UUID, int]] = (),
    ) -> "Choice":
        """The lots that so many units leave: those that were seen to leave; then the claim's `own` by name; then, as
        far as `spare` units are nobody else's, first expired first out; then what waits for a count; then others'."""
        choice, lots = Choice(quantity), self.of(item_id)
        for lot_id, units in seen:
            if (lot := self.find(item_id, lot_id)) is not None:
                choice.take_blocked(lot, units - choice.take(lot, units))
        for lot_id, units in own:
            if (lot := self.find(item_id, lot_id)) is not None:
                choice.take(lot, units)
        spare -= choice.free
        for lot in lots:
            spare -= choice.take(lot, min(lot.unpinned, spare))
        for lot in lots:
            spare -= choice.take(lot, min(lot.free, spare))
        for lot in lots:
            choice.take_blocked(lot, lot.pending if lot.status == "available" else 0)
        for lot in lots:
            choice.take(lot, lot.free)
        for lot in lots:
            choice.take_blocked(lot, lot.blocked)
        return choice

    def set_aside(self, item_id: str, quantity: int, first: Iterable[tuple[UUID, int]]) -> list[Part]:
        """Free units that were not found wait for a count from now on: of these lots first."""
        choice = Choice(quantity)
        for lot_id, units in first:
            if (lot := self.find(item_id, lot_id)) is not None:
                choice.take(lot, units)
        for lot in self.of(item_id):
            choice.take(lot, lot.unpinned)
        for lot in self.of(item_id):
            choice.take(lot, lot.free)
        for lot, units in choice.parts:
            lot.pending += units
            self.touch(lot)
        return choice.parts

    def pending(self, item_id: str, lot_id: UUID | None = None) -> int:
        """Units of lots on sale that wait for a count, of one lot if told."""
        return sum(lot.pending for lot in self._on_sale(item_id, lot_id))

    def settle(self, item_id: str, quantity: int, lot_id: UUID | None = None) -> list[Part]:
        """Up to so many units wait for a count no more, of one lot if told."""
        parts: list[Part] = []
        for lot in self._on_sale(item_id, lot_id):
            if units := min(quantity, lot.pending):
                lot.pending -= units
                quantity -= units
                self.touch(lot)
                parts.append((lot, units))
        return parts

    def _on_sale(self, item_id: str, lot_id: UUID | None) -> list[Lot]:
        return [lot for lot in self.of(item_id) if lot.status == "available" and lot_id in (None, lot.lot_id)]

    def newest(self, item_id: str, now: datetime) -> Lot:
        """Units that nobody knows the origin of count with the newest lot; an item without any gets one."""
        known = [lot for lot in self.there.get(item_id, ()) if lot.status == "available"]
        if known:
            return max(known, key=lambda lot: (lot.made_at, lot.lot_id))
        lot = Lot(next(self.new_ids), item_id, "found", "found", now)
        self.add(lot)
        return lot

    def returning(self, item_id: str, batch_id: str, quantity: int) -> list[Part]:
        """What a batch did not use goes back to the lots it was issued from, the last first."""
        parts: list[Part] = []
        left: list[tuple[UUID, int]] = []
        for lot_id, units in self.issued.get(batch_id, ()):
            lot = self.find(item_id, lot_id)
            back = min(quantity, units) if lot is not None else 0
            if lot is not None and back > 0:
                parts.append((lot, back))
                quantity -= back
            left.append((lot_id, units - back))
        self.issued[batch_id] = left
        return parts

    # what changes

    def add(self, lot: Lot) -> None:
        self.there.setdefault(lot.item_id, []).append(lot)
        self.born.append(lot)

    def move(self, entry: int, lot: Lot, quantity: int) -> None:
        """Units of a lot come or go with an entry; one movement of a lot for each entry."""
        if quantity == 0:
            return
        before = lot.cost
        lot.quantity += quantity
        self.changed[lot.lot_id] = lot
        after = lot.cost
        cost = None if before is None or after is None else after - before
        self.moves.append(Move(entry, lot, quantity, cost))

    def touch(self, lot: Lot) -> None:
        """Its status, pending or pinned units changed."""
        self.changed[lot.lot_id] = lot


@dataclass(slots=True)
class Choice:
    """Lots chosen so far, each once, and how many units of each are blocked ones; `quantity` more are wanted."""

    quantity: int
    chosen: dict[UUID, tuple[Lot, int, int]] = field(default_factory=dict)

    @property
    def parts(self) -> list[Part]:
        return [(lot, free + blocked) for lot, free, blocked in self.chosen.values()]

    @property
    def blocked(self) -> list[Part]:
        return [(lot, blocked) for lot, _, blocked in self.chosen.values() if blocked]

    @property
    def free(self) -> int:
        return sum(free for _, free, _ in self.chosen.values())

    def take(self, lot: Lot, units: int) -> int:
        """Up to so many free units of a lot; returns how many."""
        _, free, blocked = self.chosen.get(lot.lot_id, (lot, 0, 0))
        taken = max(0, min(self.quantity, units, lot.free - free))
        return self._keep(lot, free + taken, blocked, taken)

    def take_blocked(self, lot: Lot, units: int) -> int:
        """Up to so many blocked units of a lot; returns how many."""
        _, free, blocked = self.chosen.get(lot.lot_id, (lot, 0, 0))
        taken = max(0, min(self.quantity, units, lot.blocked - blocked))
        return self._keep(lot, free, blocked + taken, taken)

    def _keep(self, lot: Lot, free: int, blocked: int, taken: int) -> int:
        if taken > 0:
            self.chosen[lot.lot_id] = (lot, free, blocked)
            self.quantity -= taken
        return taken


# pins: the lots that a confirmed order is promised by name


@dataclass(slots=True)
class Share:
    """What one line has of one lot: units promised by name, and units gone."""

    pinned: int = 0
    gone: int = 0


Shares = dict[UUID, Share]


def pin(lots: Sequence[Lot], shares: Shares, wanted: int) -> list[Lot]:
    """Makes a line's pins those of `wanted` units, first expired first out among the lots that are to be had, and
    returns the lots of which others or more are pinned now. What is pinned and can be had stays as it is."""
    known = {lot.lot_id: lot for lot in lots}
    changed: dict[UUID, Lot] = {}

    def change(lot: Lot, units: int) -> None:
        lot.pinned += units
        share = shares.setdefault(lot.lot_id, Share())
        share.pinned += units
        changed[lot.lot_id] = lot
        if share.pinned == share.gone == 0:
            del shares[lot.lot_id]

    for lot_id in list(shares):
        lot = known.get(lot_id)
        if lot is not None and (excess := min(shares[lot_id].pinned, lot.overpinned)):
            change(lot, -excess)
    missing = wanted - sum(share.pinned for share in shares.values())
    for lot in reversed(lots):
        if missing < 0 and lot.lot_id in shares and (excess := min(shares[lot.lot_id].pinned, -missing)):
            change(lot, -excess)
            missing += excess
    for lot in lots:
        if missing > 0 and (more := min(missing, lot.unpinned)):
            change(lot, more)
            missing -= more
    return list(changed.values())


def unpin(lot: Lot, shares: Shares, gone: int) -> None:
    """Units of a lot left with a parcel of the line: they are promised no more."""
    share = shares.setdefault(lot.lot_id, Share())
    kept = min(share.pinned, gone)
    share.pinned -= kept
    share.gone += gone
    lot.pinned -= kept
