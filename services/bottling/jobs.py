"""Bottling's timers."""

from services.bottling.domain.questions import DELAYS, Delays
from services.bottling.operations.questions import ASKED_AT_ONCE, ask_again
from services.bottling.store.questions import count_stuck
from shared.runtime.jobs import Job
from shared.runtime.stuck import stuck_job
from shared.runtime.transaction import Transaction


def jobs(delays: Delays, ask_again_every_seconds: float) -> tuple[Job, ...]:
    """Telling again what was not answered, two instances never the same at once; and counting what is stuck."""

    async def ask(tx: Transaction) -> int:
        return await ask_again(tx, delays)

    again = Job("ask_again", every_seconds=ask_again_every_seconds, tick=ask, batch=ASKED_AT_ONCE)
    return (again, stuck_job("bottling", count_stuck))


JOBS = jobs(DELAYS, 1.0)
"""The timers as they are by default."""
