"""Timers: lapsed holds end, overdue ones raise alerts, long queues go on, changed levels are told."""

from services.inventory.operations.levels import LEVELS_MAX, publish_levels
from services.inventory.operations.shelves import LAPSED_CLAIMS_MAX, House
from services.inventory.operations.timers import OVERDUE_MAX, go_on_filling, release_expired_holds, watch_overdue_holds
from shared.runtime.jobs import Job
from shared.runtime.transaction import Transaction


def jobs(house: House, sweep_seconds: float, level_seconds: float, overdue_seconds: float) -> tuple[Job, ...]:
    """Every timer of the service; each runs on one instance at a time."""

    async def sweep(tx: Transaction) -> int:
        return await release_expired_holds(tx, house)

    async def fill(tx: Transaction) -> int:
        return await go_on_filling(tx, house)

    return (
        Job("release_expired_holds", every_seconds=sweep_seconds, tick=sweep, batch=LAPSED_CLAIMS_MAX),
        Job("watch_overdue_holds", every_seconds=overdue_seconds, tick=watch_overdue_holds, batch=OVERDUE_MAX),
        Job("fill_queues", every_seconds=1.0, tick=fill),
        Job("publish_levels", every_seconds=level_seconds, tick=publish_levels, batch=LEVELS_MAX),
    )
