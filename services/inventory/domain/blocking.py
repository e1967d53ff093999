"""Lots that may not be sold, and those that orders are promised by name."""

from services.inventory.domain.claims import Claim, Line
from services.inventory.domain.levels import Reference
from services.inventory.domain.lots import Lot, LotStatus, pin
from services.inventory.domain.shelf import CLOCK, Shelf, ShortfallReason


def block(shelf: Shelf, lot: Lot, status: LotStatus, by: Reference, reason: ShortfallReason) -> None:
    """A lot's units are held; holds for which no others are left are taken back, the last to be served first."""
    level, units = shelf.level(lot.item_id), lot.free
    shelf.take_holds_back(level, units - level.available, reason)
    lot.status = status
    shelf.lots.touch(lot)
    if units > 0:
        shelf.post(level, "hold", units, by, held=units, parts=[(lot, units)])


def free(shelf: Shelf, lot: Lot, by: Reference) -> None:
    """A lot's units may be sold again, and go to those that wait."""
    level, before = shelf.level(lot.item_id), lot.blocked
    lot.status = "available"
    shelf.lots.touch(lot)
    if (units := before - lot.blocked) > 0:
        shelf.post(level, "unhold", -units, by, held=-units, parts=[(lot, units)])
        shelf.fill(lot.item_id)


def expire_lots(shelf: Shelf) -> None:
    """Whatever is past its date is held from now on."""
    for item_id in sorted(shelf.lots.there.keys() & shelf.levels.keys()):
        for lot in shelf.lots.of(item_id):
            if lot.status == "available" and lot.past(shelf.lots.today):
                by = Reference("lot", str(lot.lot_id), CLOCK, f"sold until {lot.sell_by}")
                block(shelf, lot, "expired", by, "lot_expired")


def pin_claims(shelf: Shelf) -> None:
    """Every order that changed is promised the lots of what it holds, once it is confirmed."""
    for claim in list(shelf.touched.values()):
        if claim.kind == "order":
            for line in claim.lines.values():
                if line.item_id in shelf.levels and (line.lots or line.held > 0):
                    _pin(shelf, claim, line)


def _pin(shelf: Shelf, claim: Claim, line: Line) -> None:
    promised = line.held if claim.status in ("confirmed", "closed") else 0
    for lot in pin(shelf.lots.of(line.item_id), line.lots, promised):
        shelf.lots.touch(lot)
        shelf.telling(claim).repinned = True
