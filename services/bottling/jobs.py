"""Bottling's timers."""

from services.bottling.operations.questions import ASKED_AT_ONCE, ask_again
from services.bottling.operations.recalls import RECALLED_AT_ONCE, watch_recalled_materials
from services.bottling.operations.replenishment import PROPOSED_AT_ONCE, propose_batches
from services.bottling.operations.watching import LATE_AT_ONCE, watch_late_batches
from services.bottling.settings import BottlingSettings
from services.bottling.store.questions import count_stuck
from services.bottling.views.figures import figures_in
from shared.runtime.figures import open_alerts_job
from shared.runtime.jobs import Job
from shared.runtime.kpis import figures_job
from shared.runtime.stuck import stuck_job
from shared.runtime.transaction import Transaction


def jobs(settings: BottlingSettings) -> tuple[Job, ...]:
    """Telling again what was not answered, planning what is needed, watching batches; each on one instance."""
    delays = settings.delays()

    async def ask(tx: Transaction) -> int:
        return await ask_again(tx, delays)

    async def propose(tx: Transaction) -> int:
        return await propose_batches(tx, settings.batch_quantity_max, delays)

    return (
        Job("ask_again", every_seconds=settings.ask_again_every_seconds, tick=ask, batch=ASKED_AT_ONCE),
        Job("watch_late_batches", every_seconds=settings.late_seconds, tick=watch_late_batches, batch=LATE_AT_ONCE),
        Job(
            "watch_recalled_materials",
            every_seconds=settings.late_seconds,
            tick=watch_recalled_materials,
            batch=RECALLED_AT_ONCE,
        ),
        Job("propose_batches", every_seconds=settings.replenish_seconds, tick=propose, batch=PROPOSED_AT_ONCE),
        stuck_job("bottling", count_stuck),
        open_alerts_job("bottling"),
        figures_job("bottling", figures_in(settings.currency)),
    )
