"""Reconciliation: levels against ledger and reservations, and the entry that would make them agree."""

from dataclasses import dataclass
from typing import Literal

from services.inventory.domain.levels import Entry, EntryType, Level, Reference

Check = Literal["current_ledger", "current_lots", "reserved_holds", "held_ledger", "held_lots"]


@dataclass(frozen=True, slots=True)
class Sums:
    """What an item's level ought to be: units and blocked units by the ledger, promised ones by the reservations, units
    and blocked ones by the lots."""

    current: int
    held: int
    reserved: int
    lots: int
    blocked: int


@dataclass(frozen=True, slots=True)
class Deviation:
    """One check that failed for one item; `quantity` = what the correcting entry has to bring."""

    item_id: str
    check: Check
    expected: int
    actual: int
    type: EntryType
    quantity: int
    note: str


def deviations(item_id: str, current: int, reserved: int, held: int, sums: Sums) -> list[Deviation]:
    """Every check that fails. The level is in force: where it differs from the ledger, the ledger lacks an entry."""
    found: list[Deviation] = []
    if current != sums.current:
        note = "the ledger gets the entry that it lacks; then count the item"
        found.append(
            Deviation(item_id, "current_ledger", sums.current, current, "adjust", current - sums.current, note)
        )
    if current != sums.lots:
        note = "the lots get the movement that they lack; then count the item"
        found.append(Deviation(item_id, "current_lots", sums.lots, current, "adjust", current - sums.lots, note))
    if reserved != sums.reserved:
        note = "the level is set to what open reservations hold"
        missing = sums.reserved - reserved
        type: EntryType = "reserve" if missing > 0 else "release"
        found.append(Deviation(item_id, "reserved_holds", sums.reserved, reserved, type, missing, note))
    if held != sums.held:
        note = "the ledger gets the entry that it lacks; then count the item"
        type = "hold" if held > sums.held else "unhold"
        found.append(Deviation(item_id, "held_ledger", sums.held, held, type, held - sums.held, note))
    if held != sums.blocked:
        note = "so many units more, or fewer, of its lots wait for a count; then count the item"
        type = "hold" if held > sums.blocked else "unhold"
        found.append(Deviation(item_id, "held_lots", sums.blocked, held, type, held - sums.blocked, note))
    return found


def correcting_entry(level: Level, sums: Sums, check: Check, quantity: int, by: Reference) -> Entry | None:
    """The proposed entry; None if this is not what is proposed, or there is no room for it."""
    found = deviations(level.item_id, level.current, level.reserved, level.held, sums)
    proposed = next((one for one in found if one.check == check and one.quantity == quantity), None)
    if proposed is None:
        return None
    if check == "current_lots":
        level.current = sums.lots
        return level.post(proposed.type, quantity, by, current=quantity)
    if check == "reserved_holds":
        if quantity > level.available:
            return None
        return level.post(proposed.type, quantity, by, reserved=quantity)
    if check == "current_ledger":
        level.current = sums.current
        return level.post(proposed.type, quantity, by, current=quantity)
    level.held = sums.blocked if check == "held_lots" else sums.held
    return level.post(proposed.type, quantity, by, held=quantity)
