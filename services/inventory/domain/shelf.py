"""The shelf: levels, claims and queues of one transaction, and the only moves that change them."""

from bisect import insort
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Literal

from services.inventory.domain.claims import Claim, Line, QueueKey, holders, waiting
from services.inventory.domain.levels import Entry, EntryType, Level, Reference
from services.inventory.domain.lots import Lot, Lots, Part, unpin

ShortfallReason = Literal["count", "recall", "lot_hold", "lot_expired", "short_pick", "shipped"]


CLOCK: Final = "inventory"
"""The actor of what nobody did: what time, or an order's question, brought about."""


class UnknownItem(LookupError):
    """A fact, or a batch's question, names an item that inventory has never heard of."""


@dataclass(frozen=True, slots=True)
class Terms:
    """How long holds last."""

    hold_seconds: int = 900
    late_confirm_seconds: int = 86_400
    confirmed_seconds: int = 604_800


@dataclass(frozen=True, slots=True)
class Deduction:
    """One shipment of an order: units by product."""

    shipment_id: str
    quantities: tuple[tuple[str, int], ...]
    cause: str | None


@dataclass(slots=True)
class Telling:
    """What one claim is to be told when the transaction ends; the snapshot says the rest."""

    answers: str | None = None
    retaken: bool = False
    newly_held: int = 0
    cause: str | None = None
    released: dict[str, int] = field(default_factory=dict)
    expired: bool = False
    taken: ShortfallReason | None = None
    deductions: list[Deduction] = field(default_factory=list)
    unheld: bool = False
    dated: bool = False
    repinned: bool = False

    @property
    def tells(self) -> bool:
        """Whether its lots are told of with something else."""
        return self.answers is not None or self.expired or self.taken is not None or bool(self.deductions)


@dataclass(slots=True)
class Shelf:
    """All that one decision sees. `horizons`: the last place of a queue that was loaded, where more may follow."""

    now: datetime
    terms: Terms
    levels: dict[str, Level]
    claims: dict[str, Claim] = field(default_factory=dict)
    horizons: Mapping[str, QueueKey | None] = field(default_factory=dict)
    entries: list[Entry] = field(default_factory=list)
    tellings: dict[str, Telling] = field(default_factory=dict)
    touched: dict[str, Claim] = field(default_factory=dict)
    loaded: Mapping[tuple[str, str], tuple[object, ...]] = field(default_factory=dict)
    cause: str | None = None
    lots: Lots = field(default_factory=Lots)
    _queues: dict[str, list[QueueKey]] | None = None

    def level(self, item_id: str) -> Level:
        level = self.levels.get(item_id)
        if level is None:
            raise UnknownItem(item_id)
        return level

    def telling(self, claim: Claim) -> Telling:
        """The claim's telling; its row is written."""
        self.touched[claim.id] = claim
        told = self.tellings.get(claim.id)
        if told is None:
            told = self.tellings[claim.id] = Telling(cause=self.cause)
        return told

    def room(self, level: Level, claim: Claim) -> int:
        """Units that a newcomer may take; none while others, of whom not all were loaded, wait for what is there."""
        return 0 if level.item_id in self.horizons else level.room_for(claim)

    def post(
        self,
        level: Level,
        type: EntryType,
        quantity: int,
        by: Reference,
        *,
        current: int = 0,
        reserved: int = 0,
        held: int = 0,
        parts: Sequence[Part] = (),
    ) -> None:
        """Moves a level, with the entry that says so; `parts`: the lots it is about. What changes `current` moves them,
        and units that come to a blocked lot are held."""
        if current > 0:
            held += sum(units for lot, units in parts if lot.status != "available")
        only = parts[0][0].lot_id if len(parts) == 1 else None
        self.entries.append(level.post(type, quantity, by, current=current, reserved=reserved, held=held, lot_id=only))
        if current:
            for lot, units in parts:
                self.lots.move(len(self.entries) - 1, lot, units if current > 0 else -units)

    # moves of one line

    def join_queue(self, claim: Claim, line: Line, quantity: int) -> None:
        """Units more are waited for, at the claim's age."""
        if quantity <= 0:
            return
        queue = self.queue(line.item_id)
        if line.backordered == 0:
            insort(queue, claim.key)
        self._wait(claim, line, quantity)

    def leave_queue(self, claim: Claim, line: Line, quantity: int) -> int:
        """At most so many units are waited for no more; returns how many."""
        leaving = min(quantity, line.backordered)
        if leaving > 0:
            self._wait(claim, line, -leaving)
            queue = self.queue(line.item_id)
            if line.backordered == 0 and claim.key in queue:
                queue.remove(claim.key)
        return leaving

    def _wait(self, claim: Claim, line: Line, change: int) -> None:
        level = self.level(line.item_id)
        line.backordered += change
        level.queued += change
        level.moved = True
        self.touched[claim.id] = claim

    def hold(self, claim: Claim, line: Line, quantity: int, note: str | None = None) -> None:
        """Units that are available become the claim's."""
        by = Reference(claim.kind, claim.id, "inventory", note)
        self.post(self.level(line.item_id), "reserve", quantity, by, reserved=quantity)
        line.held += quantity
        self.telling(claim).newly_held += quantity

    def give_back(self, claim: Claim, line: Line, quantity: int, type: EntryType, note: str | None = None) -> None:
        """Units that the claim holds become available again."""
        if quantity <= 0:
            return
        by = Reference(claim.kind, claim.id, "inventory", note)
        self.post(self.level(line.item_id), type, -quantity, by, reserved=-quantity)
        line.held -= quantity
        told = self.telling(claim)
        if type != "take_back":
            told.released[line.item_id] = told.released.get(line.item_id, 0) + quantity

    def charge(self) -> None:
        """Batches pay for the units that were issued to them, by lots, and get back what they returned; of a lot whose
        cost is not known, the average of all receipts."""
        for move in self.lots.moves:
            entry = self.entries[move.entry]
            if entry.type in ("material_issue", "material_return"):
                line = self.claims[entry.reference.id].lines[entry.item_id]
                line.cost -= self.level(entry.item_id).cost_of(move.quantity) if move.cost is None else move.cost

    def lots_of(self, shipment_id: str, item_id: str) -> list[Part]:
        """The lots of a product that left with a parcel, and how many units of each."""
        return [
            (move.lot, -move.quantity)
            for move in self.lots.moves
            if move.lot.item_id == item_id
            and self.entries[move.entry].type == "sale"
            and self.entries[move.entry].reference.shipment_id == shipment_id
        ]

    # rule 5: the queue

    def queue(self, item_id: str) -> list[QueueKey]:
        """The item's queue as far as it was loaded, with those that joined since."""
        if self._queues is None:
            self._queues = waiting(self.claims)
        return self._queues.setdefault(item_id, [])

    def fill(self, item_id: str) -> None:
        """Gives what is available to those that wait, in order; what lies beyond the horizon is left to a job."""
        level = self.level(item_id)
        if level.available <= 0:
            return
        queue = self.queue(item_id)
        left: list[QueueKey] = []
        for position, key in enumerate(queue):
            if level.available <= 0 or self._beyond(item_id, key):
                left += queue[position:]
                break
            if not self._fill_line(level, self.claims[key[2]]):
                left.append(key)
        queue[:] = left

    def _fill_line(self, level: Level, claim: Claim) -> bool:
        line = claim.lines[level.item_id]
        quantity = min(line.backordered, level.room_for(claim))
        if quantity > 0:
            self._wait(claim, line, -quantity)
            self.hold(claim, line, quantity)
        return line.backordered == 0

    def _beyond(self, item_id: str, key: QueueKey) -> bool:
        if item_id not in self.horizons:
            return False
        horizon = self.horizons[item_id]
        return horizon is None or key > horizon

    def fill_all(self, item_ids: Iterable[str]) -> None:
        """Of these items those that are locked: nothing was freed of another, as of one that shipped by mistake."""
        for item_id in item_ids:
            if item_id in self.levels:
                self.fill(item_id)

    def serve_first(self, item_ids: Iterable[str]) -> None:
        """Fills what was loaded whole, before it is asked what a newcomer may take; elsewhere there is no `room`."""
        self.fill_all(item_id for item_id in item_ids if item_id not in self.horizons)

    # rule 8: expiry

    def expire(self, claim: Claim) -> None:
        """The whole order lapses, queue rows included; nothing of it is cancelled, so it may be confirmed anew."""
        self.telling(claim).expired = True
        for line in claim.lines.values():
            self.leave_queue(claim, line, line.backordered)
            self.give_back(claim, line, line.held, "expire")
            line.balance()
        claim.status = "expired"
        self.fill_all(claim.lines)

    def expire_lapsed(self, item_id: str, but: Claim) -> None:
        """Holds on an item whose time is over end now, whether or not the sweeper has come by.

        Only those of which every item is locked: one that lapsed since the plan was made is left to the sweeper.
        """
        for claim in list(self.claims.values()):
            if claim is not but and item_id in claim.lines and claim.lapsed(self.now) and self._covers(claim):
                self.expire(claim)

    def _covers(self, claim: Claim) -> bool:
        return claim.lines.keys() <= self.levels.keys()

    def date_batches(self) -> None:
        """A batch whose materials are all held since its last change is to be started by a date; it never lapses."""
        for claim in self.touched.values():
            if claim.kind == "batch" and claim.status == "confirmed":
                by = claim.expires_at or self.now + timedelta(seconds=self.terms.confirmed_seconds)
                claim.expires_at = by if claim.whole else None

    def date_anew(self, causes: Mapping[str, str | None]) -> None:
        """Orders that wait for these items, as far as their queues were loaded, are told by when they can be had."""
        for claim in self.claims.values() if causes else ():
            waits = [line.item_id for line in claim.lines.values() if line.backordered > 0 and line.item_id in causes]
            if waits and claim.kind == "order":
                self.cause = causes[waits[0]]
                self.telling(claim).dated = True

    # rule 4: facts

    def remove(
        self,
        level: Level,
        quantity: int,
        type: EntryType,
        by: Reference,
        reason: ShortfallReason,
        *,
        own: int = 0,
        but: Claim | None = None,
        seen: Iterable[tuple[object, int]] = (),
        parcel: bool = False,
    ) -> None:
        """Units left stock: `own` of them were held by the claim, whatever must give gives the rest. `seen`: the lots
        that somebody saw them leave; `parcel`: the claim got them."""
        shares = {} if but is None else but.lines[level.item_id].lots
        pinned = [(lot_id, share.pinned) for lot_id, share in shares.items()]
        choice = self.lots.leaving(level.item_id, quantity, own + max(0, level.available), seen, pinned)
        for lot, units in choice.blocked:
            self._unblock(level, lot, units, by)
        found = self._make_room(level, quantity - own, by, reason, but)
        parts, rest = choice.parts, min(found, choice.quantity)
        if rest > 0:
            parts = _added(parts, self.lots.newest(level.item_id, self.now), rest)
        self.post(level, type, -quantity, by, current=-quantity, reserved=-own, parts=parts)
        for lot, units in parts if parcel else ():
            unpin(lot, shares, units)
            self.lots.touch(lot)

    def _unblock(self, level: Level, lot: Lot, units: int, by: Reference) -> None:
        """Units that were held are about to leave."""
        lot.pending -= min(lot.pending, units)
        self.lots.touch(lot)
        self.post(level, "unhold", -units, by, held=-units, parts=[(lot, units)])

    def _make_room(
        self, level: Level, quantity: int, by: Reference, reason: ShortfallReason, but: Claim | None = None
    ) -> int:
        """Makes units available that have left already: pending a count, then others' holds, then found ones; returns
        how many were found."""
        missing = quantity - level.available
        pending = min(missing, level.held - self.lots.blocked(level.item_id))
        if pending > 0:
            self.post(level, "unhold", -pending, by, held=-pending)
            missing -= pending
        missing -= self.take_holds_back(level, missing, reason, but)
        if missing <= 0:
            return 0
        self.post(
            level, "found", missing, by, current=missing, parts=[(self.lots.newest(level.item_id, self.now), missing)]
        )
        return missing

    def take_holds_back(self, level: Level, units: int, reason: ShortfallReason, but: Claim | None = None) -> int:
        """Up to so many units, of the lowest priority and newest first; returns how many were taken."""
        taken = 0
        for claim in holders(self.claims, level.item_id) if units > 0 else ():
            taken += 0 if claim is but else self._take_back(claim, level, units - taken, reason)
        return taken

    def _take_back(self, claim: Claim, level: Level, quantity: int, reason: ShortfallReason) -> int:
        line = claim.lines[level.item_id]
        taken = min(quantity, line.held)
        if taken > 0:
            self.give_back(claim, line, taken, "take_back", reason)
            self.telling(claim).taken = reason
            if claim.live:
                self.join_queue(claim, line, taken)
            else:
                line.cancelled += taken
        return taken

    def arrive(
        self, item_id: str, type: EntryType, quantity: int, by: Reference, parts: Sequence[Part] | None = None
    ) -> None:
        """Units enter stock and go to those that wait; without `parts` they count with the newest lot."""
        level = self.level(item_id)
        self.post(level, type, quantity, by, current=quantity, parts=self.arriving(item_id, quantity, parts or ()))
        self.fill(item_id)

    def arriving(self, item_id: str, quantity: int, parts: Sequence[Part]) -> Sequence[Part]:
        """These lots, and the newest for the units that are of none of them."""
        rest = quantity - sum(units for _, units in parts)
        return _added(parts, self.lots.newest(item_id, self.now), rest) if rest > 0 else parts

    def bring(self, lot: Lot, type: EntryType, quantity: int, by: Reference) -> None:
        """A new lot enters stock; one that is past its date already is never sold."""
        if lot.status == "available" and lot.past(self.now.date()):
            lot.status = "expired"
        self.lots.add(lot)
        self.arrive(lot.item_id, type, quantity, by, [(lot, quantity)])

    def depart(
        self,
        claim: Claim,
        line: Line,
        quantity: int,
        type: EntryType,
        by: Reference,
        reason: ShortfallReason,
        seen: Iterable[tuple[object, int]] = (),
    ) -> int:
        """Units left for a claim: its own hold first, then whatever must give; returns those it did not hold."""
        own = min(quantity, line.held)
        parcel = claim.kind == "order"
        self.remove(self.level(line.item_id), quantity, type, by, reason, own=own, but=claim, seen=seen, parcel=parcel)
        line.held -= own
        unheld = quantity - own
        still = unheld - self.leave_queue(claim, line, unheld)
        line.cancelled -= min(still, line.cancelled)
        self.telling(claim)
        return unheld


def _added(parts: Sequence[Part], lot: Lot, units: int) -> list[Part]:
    """Units of one lot more, each lot once."""
    others = [(other, number) for other, number in parts if other is not lot]
    known = sum(number for other, number in parts if other is lot)
    return [*others, (lot, known + units)]
