"""The order service's timers."""

from services.order.operations.asking_again import BATCH, ask_again
from shared.runtime.jobs import Job


def jobs(ask_again_every_seconds: float) -> tuple[Job, ...]:
    """Asking again what was not answered; two instances never ask the same at once."""
    return (Job("ask_again", every_seconds=ask_again_every_seconds, tick=ask_again, batch=BATCH),)
