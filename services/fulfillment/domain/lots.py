"""Which lots a line's units come from: as inventory pinned them, on the bench, gone, and reported short."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

Units = Mapping[str, int]
"""Units by lot id."""


@dataclass(frozen=True, slots=True)
class Lot:
    """`quantity`: units to be shipped from this lot in all; `expires_on` is a day as text."""

    lot_id: str
    lot_code: str
    expires_on: str | None
    quantity: int


@dataclass(frozen=True, slots=True)
class Lots:
    """One line's units by lot; units of which nobody told the lot are in none of these.

    `told` is the newest list of order, in the order in which lots leave (first expired first out). `short` holds what
    was reported and is not known to that list. `recalled` are names of lots that must not leave, ids or codes, as far
    as they matter here.
    """

    told: tuple[Lot, ...] = ()
    bench: Units = field(default_factory=dict)
    gone: Units = field(default_factory=dict)
    short: Units = field(default_factory=dict)
    recalled: frozenset[str] = frozenset()

    def is_recalled(self, name: str) -> bool:
        """Whether the lot of that id or code must not leave."""
        lot = self.known(name)
        return not self.recalled.isdisjoint((name,) if lot is None else (lot.lot_id, lot.lot_code))

    @property
    def recalled_on_bench(self) -> Units:
        """Units that were picked and must not leave, by lot."""
        return {name: n for name, n in self.bench.items() if self.recalled and self.is_recalled(name)}

    @property
    def names(self) -> list[str]:
        """Every lot that is listed or on the bench, by id."""
        return [*(lot.lot_id for lot in self.told), *self.bench]

    def known(self, name: str) -> Lot | None:
        """The listed lot with that id or that code, as a scanner reads either."""
        return next((lot for lot in self.told if name in (lot.lot_id, lot.lot_code)), None)

    def named(self, units: Units) -> list[Lot]:
        """Units by lot as lots; one that is not listed is named as it was scanned."""
        found = {lot.lot_id: lot for lot in self.told}
        return [replace(found.get(id) or Lot(id, id, None, 0), quantity=n) for id, n in units.items()]

    def left(self, lot: Lot) -> int:
        """Units of a listed lot that are still to be picked."""
        used = sum(units.get(lot.lot_id, 0) for units in (self.bench, self.gone, self.short))
        return max(0, lot.quantity - used)

    def listed(self, quantity: int) -> list[tuple[Lot | None, int]]:
        """The lots to take so many units from; None: any lot. In place of recalled ones order will name others."""
        good = [lot for lot in self.told if not self.is_recalled(lot.lot_id)]
        found: list[tuple[Lot | None, int]] = [*_from(good, self.left, quantity)]
        rest = quantity - sum(units for _, units in found) - sum(units for _, units in self.awaited(quantity))
        return [*found, (None, rest)] if rest > 0 else found

    def awaited(self, quantity: int) -> list[tuple[Lot, int]]:
        """Up to so many units that were listed of lots that are recalled by now."""
        return _from([lot for lot in self.told if self.is_recalled(lot.lot_id)], self.left, quantity)

    def picked(self, lot_id: str | None, quantity: int) -> "Lots":
        return self if lot_id is None else replace(self, bench=moved(self.bench, {lot_id: quantity}))

    def reported_short(self, lot_id: str | None, quantity: int) -> "Lots":
        return self if lot_id is None else replace(self, short=moved(self.short, {lot_id: quantity}))

    def put_back(self, lot_id: str | None, quantity: int) -> "Lots":
        """Units that are on the bench no longer: of that lot, or the last to expire."""
        taken = _taken({lot_id: self.bench.get(lot_id, 0)} if lot_id else self._bench_by_age(newest=True), quantity)
        return replace(self, bench=moved(self.bench, {lot: -n for lot, n in taken.items()}))

    def shipped(self, quantity: int) -> tuple["Lots", dict[str, int]]:
        """After so many units left the bench, first expired first; and which those were."""
        taken = _taken(self._bench_by_age(), quantity)
        bench = moved(self.bench, {lot: -n for lot, n in taken.items()})
        return replace(self, bench=bench, gone=moved(self.gone, taken)), taken

    def within(self, on_bench: int) -> "Lots":
        """Not more on the bench than there is."""
        excess = sum(self.bench.values()) - on_bench
        return self.put_back(None, excess) if excess > 0 else self

    def _bench_by_age(self, newest: bool = False) -> dict[str, int]:
        places = {lot.lot_id: place for place, lot in enumerate(self.told)}
        ids = sorted(self.bench, key=lambda id: (places.get(id, len(places)), id), reverse=newest)
        return {id: self.bench[id] for id in ids}


NO_LOTS: Final = Lots()


def _from(lots: Sequence[Lot], left: Callable[[Lot], int], quantity: int) -> list[tuple[Lot, int]]:
    """Up to so many units, from the first lots on."""
    found = []
    for lot in lots:
        taken = min(quantity, left(lot))
        quantity -= taken
        if taken:
            found.append((lot, taken))
    return found


def moved(units: Units, change: Units) -> dict[str, int]:
    """Units after a change; lots without any are left out."""
    after = {lot: units.get(lot, 0) + change.get(lot, 0) for lot in {**units, **change}}
    return {lot: n for lot, n in after.items() if n}


def _taken(units: Units, quantity: int) -> dict[str, int]:
    """Up to so many units, from the first lots on."""
    taken: dict[str, int] = {}
    for lot, there in units.items():
        taken[lot] = min(there, quantity)
        quantity -= taken[lot]
    return {lot: n for lot, n in taken.items() if n}


def told_anew(known: Lots, told: Sequence[Lot], knows_all_shorts: bool) -> Lots:
    """With the newest list of order; what it knows to be short is not looked for any more."""
    return replace(known, told=tuple(told), short={} if knows_all_shorts else known.short)
