"""Correcting what reconciliation found: one entry with a reason, and only while the deviation is still there."""

from dataclasses import dataclass
from uuid import UUID

from services.inventory.domain.deviations import Check, Sums, correcting_entry
from services.inventory.domain.levels import Reference
from services.inventory.operations.lots import correct_lots, correct_pending
from services.inventory.store import ledger
from services.inventory.store import levels as level_rows
from shared.runtime.transaction import Transaction


@dataclass(frozen=True, slots=True)
class Correction:
    """One proposed correcting entry, applied by a person."""

    correction_id: UUID
    item_id: str
    check: Check
    quantity: int
    reason: str
    actor: str


async def correct(tx: Transaction, asked: Correction) -> UUID | None:
    """Writes the entry; None if it is not, or no longer, what reconciliation proposes."""
    levels = await level_rows.lock_stock(tx, [asked.item_id])
    level = levels.get(asked.item_id)
    if level is None:
        return None
    row = await ledger.read_sums(tx, asked.item_id)
    sums = Sums(row["current"], row["held"], row["reserved"], row["lots"], row["blocked"])
    by = Reference("correction", str(asked.correction_id), asked.actor, asked.reason)
    entry = correcting_entry(level, sums, asked.check, asked.quantity, by)
    if entry is None:
        return None
    if asked.check == "current_lots":
        return await correct_lots(tx, entry, await tx.clock())
    if asked.check == "held_lots":
        return asked.correction_id if await correct_pending(tx, asked.item_id, asked.quantity) else None
    ids = await ledger.append_entries(tx, [entry], await tx.clock())
    await level_rows.update_stock(tx, [level])
    return ids[0]
