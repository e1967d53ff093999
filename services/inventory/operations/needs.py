"""Telling what items need: `stock.low`, in the transaction that raises or resolves the alert."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from uuid import UUID

from services.inventory.domain.levels import AlertKind, Level, NeedStatus, need_status, suggested_quantity
from services.inventory.store import needs
from services.inventory.store.needs import Known
from shared.contracts.inventory import StockLow
from shared.runtime.transaction import Transaction


async def tell_needs(
    tx: Transaction, levels: Iterable[Level], resolved: Mapping[tuple[str, str], UUID], now: datetime
) -> None:
    """Tells of each item, locked before, whose need came, changed or ended; `resolved`: alerts that just were."""
    changed = [
        (level, kind, status)
        for level in levels
        if (status := need_status(level.needed, level.need, level.remind)) is not None
        and (kind := level.need or level.needed) is not None
    ]
    over = [level.item_id for level in levels if level.need is None and (level.needed or level.remind)]
    if over:
        await needs.forget(tx, over)
    if not changed:
        return
    known = await needs.read_known(tx, [(level.item_id, kind) for level, kind, _ in changed])
    for level, kind, status in changed:
        alert_id = known[level.item_id].alert_id or resolved.get((level.item_id, kind))
        tx.publish(_low(level, kind, status, known[level.item_id], alert_id, now), version=level.version)
    going_on = [level for level, _, status in changed if status != "resolved"]
    if going_on:
        await needs.note_told(tx, [(level.item_id, shortage_of(level)) for level in going_on], now)


def shortage_of(level: Level) -> int:
    """Units that are missing, whatever is on its way."""
    return 2 * level.reorder_point + level.queued - level.available


def _low(
    level: Level, kind: AlertKind, status: NeedStatus, known: Known, alert_id: UUID | None, now: datetime
) -> StockLow:
    suggested = suggested_quantity(
        level.available, known.incoming, level.queued, level.reorder_point, level.reorder_quantity
    )
    return StockLow(
        occurred_at=now,
        item_id=level.item_id,
        alert_id=None if alert_id is None else str(alert_id),
        item_kind=level.kind,
        kind=kind,
        status=status,
        available=level.available,
        incoming=known.incoming,
        queued=level.queued,
        min_stock_level=level.min_stock_level,
        reorder_point=level.reorder_point,
        suggested_quantity=0 if status == "resolved" else suggested,
        batches_ended=known.ended,
    )
