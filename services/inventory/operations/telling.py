"""What inventory tells of orders and batches: snapshots of their claims, at most one answer each."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, NamedTuple
from uuid import UUID

from services.inventory.domain.claims import Claim, Line
from services.inventory.domain.levels import Level
from services.inventory.domain.lots import NEVER
from services.inventory.domain.promises import Incoming, promise
from services.inventory.domain.shelf import Deduction, Shelf, Telling
from services.inventory.store import facts
from services.inventory.store import levels as level_rows
from services.inventory.store import lots as lot_rows
from shared.contracts import inventory as told
from shared.contracts.values import LotQuantity, Money
from shared.runtime.transaction import Transaction


class LotName(NamedTuple):
    """What is written on a lot."""

    lot_code: str
    expires_on: date | None


@dataclass(slots=True)
class Catalogue:
    """What the snapshots say of items besides quantities."""

    names: dict[str, str] = field(default_factory=dict)
    lead_days: dict[str, int] = field(default_factory=dict)
    alternatives: dict[str, tuple[str, ...]] = field(default_factory=dict)
    others: Mapping[str, tuple[str, int]] = field(default_factory=dict)
    incoming: dict[str, list[Incoming]] = field(default_factory=dict)
    lots: dict[UUID, LotName] = field(default_factory=dict)


async def tell(tx: Transaction, currency: str, shelf: Shelf) -> None:
    """Publishes what each claim is to be told, with a version each."""
    claims = [shelf.claims[claim_id] for claim_id in shelf.tellings]
    catalogue = await _catalogue(tx, shelf, claims)
    batches = [claim.id for claim in claims if claim.kind == "batch" and claim.status in ("issued", "settled")]
    used = _by_material(await lot_rows.read_used(tx, batches)) if batches else {}
    for claim in claims:
        telling = shelf.tellings[claim.id]
        if claim.kind == "batch":
            _tell_batch(tx, claim, telling, _Materials(shelf, claim, catalogue, currency, used))
        else:
            _tell_order(tx, claim, telling, _Stock(shelf, claim, catalogue))


def _by_material(rows: Iterable[Any]) -> dict[tuple[str, str], list[Any]]:
    found: dict[tuple[str, str], list[Any]] = {}
    for row in rows:
        found.setdefault((row["reference_id"], row["item_id"]), []).append(row)
    return found


async def _know_lots(tx: Transaction, catalogue: Catalogue, shelf: Shelf, claims: Iterable[Claim]) -> None:
    """What the lots of these claims are called; those that are all gone were not loaded."""
    wanted = {lot_id for claim in claims for line in claim.lines.values() for lot_id in line.lots}
    if not wanted:
        return
    there = {lot.lot_id: LotName(lot.lot_code, lot.expires_on) for lots in shelf.lots.there.values() for lot in lots}
    gone = sorted(wanted - there.keys())
    rows = await lot_rows.read_named(tx, gone) if gone else []
    catalogue.lots = there | {row["lot_id"]: LotName(row["lot_code"], row["expires_on"]) for row in rows}


async def _catalogue(tx: Transaction, shelf: Shelf, claims: Sequence[Claim]) -> Catalogue:
    catalogue = Catalogue()
    short: set[str] = set()
    needed: set[str] = set()
    for claim in claims:
        needed |= claim.lines.keys()
        short |= {line.item_id for line in claim.lines.values() if line.backordered > 0}
        if claim.refusal is not None:
            needed |= {line.item_id for line in claim.refusal.lines}
            short |= {line.item_id for line in claim.refusal.lines if line.short}
    for level in shelf.levels.values():
        _know(catalogue, level.item_id, level.name, level.lead_days, level.alternatives)
    missing = sorted(needed - catalogue.names.keys())
    if missing:
        for item in (await level_rows.read_items(tx, missing)).values():
            _know(catalogue, item["id"], item["name"], item["lead_days"], tuple(item["alternatives"]))
    if short:
        await _know_more(tx, catalogue, shelf.levels, sorted(short))
    await _know_lots(tx, catalogue, shelf, claims)
    return catalogue


def _know(catalogue: Catalogue, item_id: str, name: str, lead_days: int, alternatives: tuple[str, ...]) -> None:
    catalogue.names[item_id] = name
    catalogue.lead_days[item_id] = lead_days
    catalogue.alternatives[item_id] = alternatives


async def _know_more(tx: Transaction, catalogue: Catalogue, levels: Mapping[str, Level], short: list[str]) -> None:
    for row in await facts.read_incoming(tx, short):
        catalogue.incoming.setdefault(row["item_id"], []).append(Incoming(row["quantity"], row["expected_at"]))
    others = {other for item_id in short for other in catalogue.alternatives.get(item_id, ())}
    read = await facts.read_available(tx, sorted(others))
    here = {id: (levels[id].name, levels[id].available) for id in read if id in levels}
    catalogue.others = {**read, **here}


@dataclass(slots=True)
class _Stock:
    """Snapshots (shape S) of one order's claim."""

    shelf: Shelf
    claim: Claim
    catalogue: Catalogue

    def next(self) -> dict[str, Any]:
        """The fields of the next snapshot; the claim's version grows with it."""
        claim = self.claim
        claim.version += 1
        return {
            "occurred_at": self.shelf.now,
            "order_id": claim.id,
            "order_version": claim.asked,
            "status": "confirmed" if claim.status == "new" else claim.status,
            "expires_at": claim.expires_at if claim.live else None,
            "lines": self._lines(),
        }

    def _lines(self) -> tuple[told.StockLine, ...]:
        refused = {line.item_id: line for line in self.claim.refusal.lines} if self.claim.refusal else {}
        ids = list(refused) + [item_id for item_id in self.claim.lines if item_id not in refused]
        lines = []
        for item_id in ids:
            line = self.claim.lines.get(item_id) or Line(item_id)
            shortage = None
            if item_id in refused and refused[item_id].short:
                shortage = self._shortage(item_id, refused[item_id].available, refused[item_id].requested)
            elif line.backordered > 0:
                shortage = self._shortage(item_id, 0, line.backordered)
            lines.append(self._line(line, shortage))
        return tuple(lines)

    def _line(self, line: Line, shortage: told.Shortage | None) -> told.StockLine:
        return told.StockLine(
            product_id=line.item_id,
            name=self.catalogue.names.get(line.item_id, line.item_id),
            want=line.want,
            held=line.held,
            backordered=line.backordered,
            deducted=line.deducted,
            cancelled=line.cancelled,
            short=line.short,
            lots=self._lots(line),
            shortage=shortage,
        )

    def _lots(self, line: Line) -> tuple[LotQuantity, ...]:
        """What the line is promised by name, and got; first expired first."""
        known = self.catalogue.lots
        shares = [(lot_id, share.pinned + share.gone) for lot_id, share in line.lots.items() if lot_id in known]
        shares.sort(key=lambda share: (known[share[0]].expires_on or NEVER, share[0]))
        return tuple(_units_of(lot_id, known[lot_id], units) for lot_id, units in shares)

    def _shortage(self, item_id: str, available: int, requested: int) -> told.Shortage:
        if item_id not in self.catalogue.names:
            return told.Shortage(available=0, requested=requested)
        level = self.shelf.levels.get(item_id)
        missing = max(requested - available, 0 if self.claim.refusal or level is None else level.queued)
        if self.claim.refusal and level is not None:
            missing += level.queued
        date = promise(
            self.shelf.now, missing, self.catalogue.incoming.get(item_id, ()), self.catalogue.lead_days[item_id]
        )
        return told.Shortage(
            available=available,
            requested=requested,
            alternatives=self._alternatives(item_id),
            expected_date=date.on,
            expected_basis=date.basis,
        )

    def _alternatives(self, item_id: str) -> tuple[told.Alternative, ...]:
        """Those that are in stock, in the order in which the item names them."""
        found = ((other, self.catalogue.others.get(other)) for other in self.catalogue.alternatives[item_id])
        return tuple(
            told.Alternative(product_id=other, name=known[0], available=known[1])
            for other, known in found
            if known is not None and known[1] > 0
        )


def _tell_order(tx: Transaction, claim: Claim, telling: Telling, stock: _Stock) -> None:
    for deduction in telling.deductions:
        deducted = [_deducted_line(stock.shelf, deduction, *units) for units in deduction.quantities]
        payload = told.StockDeducted(
            **stock.next(), reason="shipped", shipment_id=deduction.shipment_id, deducted=tuple(deducted)
        )
        tx.publish(payload, version=claim.version, cause=_uuid(deduction.cause))
    cause = _uuid(telling.cause)
    if telling.answers is not None:
        tx.publish(_answer(claim, telling, stock), version=claim.version, cause=cause)
    elif telling.expired:
        tx.publish(_released(telling, stock, "expired"), version=claim.version, cause=cause)
    if telling.taken is not None:
        shortfall = told.StockShortfall(**stock.next(), reason=telling.taken)
        tx.publish(shortfall, version=claim.version, cause=cause)
    if telling.unheld or (telling.newly_held and telling.answers is None and telling.taken is None):
        reason = "shipped_unheld" if telling.unheld else "backorder_filled"
        tx.publish(told.StockReserved(**stock.next(), reason=reason), version=claim.version, cause=cause)
    elif telling.dated and telling.answers is None and telling.taken is None and not telling.expired:
        tx.publish(told.StockBackordered(**stock.next(), reason="date_changed"), version=claim.version, cause=cause)
    elif telling.repinned and claim.status == "confirmed" and not telling.tells:
        tx.publish(told.StockConfirmed(**stock.next(), reason="lots_changed"), version=claim.version, cause=cause)


def _deducted_line(shelf: Shelf, deduction: Deduction, item_id: str, quantity: int) -> told.DeductedLine:
    left = shelf.lots_of(deduction.shipment_id, item_id)
    lots = [_units_of(lot.lot_id, LotName(lot.lot_code, lot.expires_on), units) for lot, units in left]
    return told.DeductedLine(product_id=item_id, quantity=quantity, lots=tuple(lots))


def _units_of(lot_id: UUID, lot: LotName, units: int) -> LotQuantity:
    expires_on = None if lot.expires_on is None else lot.expires_on.isoformat()
    return LotQuantity(lot_id=str(lot_id), lot_code=lot.lot_code, expires_on=expires_on, quantity=units)


def _answer(claim: Claim, telling: Telling, stock: _Stock) -> told.StockSnapshot:
    """The answer that the question's type calls for, by the state that the claim is in now."""
    if telling.answers == "order.cancelled":
        return _released(telling, stock, "cancelled")
    if claim.status == "closed":
        return told.StockRejected(**stock.next(), reason="closed")
    if claim.status in ("rejected", "expired"):
        reason = claim.refusal.reason if claim.refusal else "expired"
        return told.StockRejected(**stock.next(), reason=reason)
    if telling.answers == "order.confirmation_requested":
        return told.StockConfirmed(**stock.next(), reason="retaken" if telling.retaken else "confirmed")
    if any(line.held or line.deducted for line in claim.lines.values()) or claim.whole:
        return told.StockReserved(**stock.next(), reason="new")
    return told.StockBackordered(**stock.next(), reason="new")


def _released(telling: Telling, stock: _Stock, reason: str) -> told.StockReleased:
    released = [told.ProductQuantity(product_id=id, quantity=quantity) for id, quantity in telling.released.items()]
    return told.StockReleased(**stock.next(), reason=reason, released=tuple(released))


@dataclass(slots=True)
class _Materials:
    """Snapshots (shape M) of one batch's claim."""

    shelf: Shelf
    claim: Claim
    catalogue: Catalogue
    currency: str
    used: Mapping[tuple[str, str], Sequence[Any]]

    def next(self, status: str) -> dict[str, Any]:
        """The fields of the next snapshot; the claim's version grows with it."""
        self.claim.version += 1
        return {
            "occurred_at": self.shelf.now,
            "batch_id": self.claim.id,
            "batch_version": self.claim.asked,
            "status": status,
            "materials": tuple(self._line(line) for line in self.claim.lines.values()),
        }

    def _line(self, line: Line) -> told.MaterialLine:
        return told.MaterialLine(
            material_id=line.item_id,
            name=self.catalogue.names.get(line.item_id, line.item_id),
            want=line.want,
            held=line.held,
            backordered=line.backordered,
            issued=line.deducted,
            returned=line.returned,
            cancelled=line.cancelled,
            cost=Money(amount=line.cost, currency=self.currency) if line.deducted else None,
            lots=tuple(self._lot(row) for row in self.used.get((self.claim.id, line.item_id), ())),
        )

    def _lot(self, row: Any) -> told.UsedLot:
        cost = None if row["cost"] is None else Money(amount=row["cost"], currency=self.currency)
        return told.UsedLot(
            lot_id=str(row["lot_id"]), supplier_lot=row["supplier_lot"], quantity=row["quantity"], cost=cost
        )


def _tell_batch(tx: Transaction, claim: Claim, telling: Telling, materials: _Materials) -> None:
    if telling.answers is None and telling.taken is None and telling.newly_held == 0:
        return
    payload: told.MaterialsSnapshot
    if claim.status == "closed":
        payload = told.MaterialsReleased(**materials.next("released"))
    elif claim.status == "issued":
        payload = told.MaterialsIssued(**materials.next("issued"))
    elif claim.status == "settled":
        payload = told.MaterialsSettled(**materials.next("settled"))
    elif claim.whole:
        payload = told.MaterialsReserved(**materials.next("reserved"))
    else:
        payload = told.MaterialsShort(**materials.next("short"))
    tx.publish(payload, version=claim.version, cause=_uuid(telling.cause))


def _uuid(text: str | None) -> UUID | None:
    return None if text is None else UUID(text)
