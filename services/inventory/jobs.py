"""Timers: lapsed holds end, overdue ones raise alerts, needs are told again, long queues go on, levels are told and
sums kept; lots expire, orders are promised others, recalls reach what was made since; the books are audited."""

from services.inventory.operations.auditing import ITEMS_AT_ONCE, Audit
from services.inventory.operations.figuring import ITEMS_MAX, keep_sums
from services.inventory.operations.levels import LEVELS_MAX, publish_levels
from services.inventory.operations.lot_commands import PAST_MAX, expire_lots, promise_other_lots, spread_recalls
from services.inventory.operations.shelves import LAPSED_CLAIMS_MAX, House
from services.inventory.operations.timers import (
    NEEDS_MAX,
    OVERDUE_MAX,
    go_on_filling,
    release_expired_holds,
    remind_of_needs,
    watch_overdue_holds,
)
from services.inventory.settings import InventorySettings
from services.inventory.views.figures import read_figures
from shared.runtime.figures import open_alerts_job
from shared.runtime.jobs import Errand, Job
from shared.runtime.kpis import SUMS_EVERY_SECONDS, figures_job
from shared.runtime.transaction import Transaction


def jobs(house: House, settings: InventorySettings) -> tuple[Job | Errand, ...]:
    """Every timer of the service; each runs on one instance at a time."""

    async def sweep(tx: Transaction) -> int:
        return await release_expired_holds(tx, house)

    async def fill(tx: Transaction) -> int:
        return await go_on_filling(tx, house)

    async def remind(tx: Transaction) -> int:
        return await remind_of_needs(tx, house)

    async def expire(tx: Transaction) -> int:
        return await expire_lots(tx, house)

    async def promise(tx: Transaction) -> int:
        return await promise_other_lots(tx, house)

    async def spread(tx: Transaction) -> int:
        return await spread_recalls(tx, house)

    return (
        Job("release_expired_holds", every_seconds=settings.sweep_seconds, tick=sweep, batch=LAPSED_CLAIMS_MAX),
        Job("watch_overdue_holds", every_seconds=settings.overdue_seconds, tick=watch_overdue_holds, batch=OVERDUE_MAX),
        Job("remind_of_needs", every_seconds=settings.needs_seconds, tick=remind, batch=NEEDS_MAX),
        Job("expire_lots", every_seconds=settings.needs_seconds, tick=expire, batch=PAST_MAX),
        Job("promise_other_lots", every_seconds=1.0, tick=promise),
        Job("spread_recalls", every_seconds=1.0, tick=spread, batch=1),
        Job("fill_queues", every_seconds=1.0, tick=fill),
        Job("publish_levels", every_seconds=settings.level_seconds, tick=publish_levels, batch=LEVELS_MAX),
        Job("keep_sums", every_seconds=SUMS_EVERY_SECONDS, tick=keep_sums, batch=ITEMS_MAX),
        Errand("audit_books", every_seconds=settings.audit_seconds, go=Audit().go, batch=ITEMS_AT_ONCE),
        open_alerts_job("inventory"),
        figures_job("inventory", read_figures),
    )
