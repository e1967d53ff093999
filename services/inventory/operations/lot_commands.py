"""What staff and time do to lots: hold, release, recall with all that was made of them, expiry, other promises."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

from services.inventory.domain.blocking import block, free
from services.inventory.domain.claims import Claim
from services.inventory.domain.levels import Reference
from services.inventory.domain.lots import Lot, LotCommand, LotStatus
from services.inventory.domain.shelf import Shelf
from services.inventory.operations.shelves import House, Scope, load, save
from services.inventory.store import lots as lot_rows
from services.inventory.store import recalls
from shared.contracts.inventory import LotRecalled
from shared.runtime.transaction import Transaction

PAST_MAX: Final = 200
"""Lots past their date that one transaction holds."""


@dataclass(frozen=True, slots=True)
class LotAsked:
    """One command on one lot."""

    lot_id: UUID
    command: LotCommand
    reason: str
    actor: str


@dataclass(frozen=True, slots=True)
class NoSuchLot:
    """There is no lot with this id."""


@dataclass(frozen=True, slots=True)
class NotAllowed:
    """The lot's status does not allow it."""

    status: LotStatus
    command: LotCommand


@dataclass(frozen=True, slots=True)
class Commanded:
    """What a command did: the lot, those made of it that are recalled too, and whose holds had to give (kind, id, item,
    units)."""

    lot_id: UUID
    command: LotCommand
    reach: tuple[UUID, ...]
    held_quantity: int
    taken: list[tuple[str, str, str, int]] = field(default_factory=list)


async def command_lot(tx: Transaction, house: House, asked: LotAsked) -> Commanded | NoSuchLot | NotAllowed:
    """Holds, releases or recalls a lot; the same again changes nothing."""
    named = await lot_rows.read_named(tx, [asked.lot_id])
    if not named:
        return NoSuchLot()
    item_id = named[0]["item_id"]
    made = await recalls.find_made_of(tx, [asked.lot_id]) if asked.command == "recall" else {}
    items, lots = {item_id, *made.values()}, {asked.lot_id, *made}
    blocking = set() if asked.command == "release" else lots
    shelf = await load(tx, house, Scope(items=items, freeing=set(items), lots=lots, blocking=blocking))
    lot = shelf.lots.find(item_id, asked.lot_id)
    if lot is None:
        return NoSuchLot()
    done: Commanded | NotAllowed = NotAllowed(lot.status, asked.command)
    if (status := lot.after(asked.command, shelf.lots.today)) is not None:
        reach = [lot, *_found(shelf, made)]
        done = await _act(tx, shelf, asked, status, reach)
    await save(tx, house, shelf)
    if made or asked.command == "recall":
        await _look_again(tx, asked.lot_id, lots)
    return done


def _found(shelf: Shelf, made: dict[UUID, str]) -> list[Lot]:
    lots = (shelf.lots.find(item_id, lot_id) for lot_id, item_id in made.items())
    return [lot for lot in lots if lot is not None]


async def _act(tx: Transaction, shelf: Shelf, asked: LotAsked, status: LotStatus, reach: Sequence[Lot]) -> Commanded:
    start, lot = len(shelf.entries), reach[0]
    by = Reference("lot", str(lot.lot_id), asked.actor, asked.reason)
    if asked.command == "hold":
        block(shelf, lot, status, by, "lot_hold")
    elif asked.command == "release":
        free(shelf, lot, by)
    else:
        await _recall(tx, shelf, reach, asked)
    taken = [
        (one.reference.type, one.reference.id, one.item_id, -one.quantity)
        for one in shelf.entries[start:]
        if one.type == "take_back"
    ]
    held = sum(one.blocked for one in reach)
    return Commanded(lot.lot_id, asked.command, tuple(one.lot_id for one in reach[1:]), held, taken)


async def _recall(tx: Transaction, shelf: Shelf, lots: Iterable[Lot], asked: LotAsked) -> None:
    """Holds what remains of these lots, of which the first is named and the others were made of it."""
    fresh = [lot for lot in lots if lot.status != "recalled"]
    for lot in fresh:
        block(shelf, lot, "recalled", Reference("lot", str(lot.lot_id), asked.actor, asked.reason), "recall")
    await tell_recalls(tx, shelf, fresh, asked)


async def tell_recalls(tx: Transaction, shelf: Shelf, lots: Sequence[Lot], asked: LotAsked) -> None:
    """Keeps and tells of each of these lots that it is recalled, since `asked` recalls it or what it was made of."""
    for lot in lots:
        tx.publish(_recalled(shelf, lot, asked), version=1)
    rows = [(lot.lot_id, _cause(lot, asked), asked.reason, asked.actor) for lot in lots]
    await recalls.insert_recalls(tx, rows, shelf.now)


def _cause(lot: Lot, asked: LotAsked) -> UUID | None:
    return None if lot.lot_id == asked.lot_id else asked.lot_id


def _recalled(shelf: Shelf, lot: Lot, asked: LotAsked) -> LotRecalled:
    cause = _cause(lot, asked)
    return LotRecalled(
        occurred_at=shelf.now,
        lot_id=str(lot.lot_id),
        item_id=lot.item_id,
        item_kind=shelf.level(lot.item_id).kind,
        lot_code=lot.lot_code,
        reason=asked.reason,
        cause_lot_id=None if cause is None else str(cause),
        held_quantity=lot.quantity,
    )


async def _look_again(tx: Transaction, lot_id: UUID, reached: set[UUID]) -> None:
    """A batch that ended while this waited for its materials' locks may have made more of the lot: a job goes on."""
    made = await recalls.find_made_of(tx, [lot_id])
    await recalls.set_due(tx, [lot_id], due=bool(made.keys() - reached))


async def recalls_of(tx: Transaction, used: Iterable[Any]) -> dict[str, LotAsked]:
    """Of batches the recalls that what they made falls under: `used` are the lots that they used, read while these
    lots' items were locked."""
    spoiled = {row["reference_id"]: row["lot_id"] for row in used if row["status"] == "recalled"}
    known = await recalls.read_recalled(tx, sorted(set(spoiled.values()))) if spoiled else {}
    return {batch_id: _follows(known[lot_id]) for batch_id, lot_id in spoiled.items() if lot_id in known}


def _follows(recall: Any) -> LotAsked:
    return LotAsked(recall["cause_lot_id"] or recall["lot_id"], "recall", recall["reason"], recall["actor"])


# timers


async def expire_lots(tx: Transaction, house: House) -> int:
    """Holds lots that are past their last day of sale; returns of how many items."""
    items = await lot_rows.find_past(tx, PAST_MAX)
    if items:
        await save(tx, house, await load(tx, house, Scope(items=set(items))))
    return len(items)


async def promise_other_lots(tx: Transaction, house: House) -> int:
    """Orders that were promised units of lots that are not to be had are promised others; returns how many were."""
    items = set(await lot_rows.take_pins_due(tx))
    if not items:
        return 0
    shelf = await load(tx, house, Scope(items=items, repinning=items))
    short = {lot.lot_id for lots in shelf.lots.there.values() for lot in lots if lot.overpinned}
    claims = [claim for claim in shelf.claims.values() if _is_promised(claim, short)]
    shelf.touched.update({claim.id: claim for claim in claims})
    await save(tx, house, shelf)
    return len(claims)


def _is_promised(claim: Claim, lots: set[UUID]) -> bool:
    shares = (share for line in claim.lines.values() for share in line.lots.items())
    return any(share.pinned and lot_id in lots for lot_id, share in shares)


async def spread_recalls(tx: Transaction, house: House) -> int:
    """Recalls what batches made of a recalled lot since; one recall at a time."""
    for row in await recalls.find_due(tx, 1):
        await command_lot(tx, house, LotAsked(row["lot_id"], "recall", row["reason"], row["actor"]))
        return 1
    return 0
