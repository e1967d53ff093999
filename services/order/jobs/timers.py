"""The order service's timers."""

from services.order.domain.order import Policy
from services.order.operations.asking_again import BATCH, ask_again
from services.order.operations.figuring import NOTES_MAX, keep_sums
from services.order.operations.promising import BATCH as PROMISES
from services.order.operations.promising import watch_promises
from services.order.store.questions import count_stuck
from services.order.views.figures import read_figures
from shared.runtime.figures import open_alerts_job
from shared.runtime.jobs import Job
from shared.runtime.kpis import SUMS_EVERY_SECONDS, figures_job
from shared.runtime.stuck import stuck_job
from shared.runtime.transaction import Transaction


def jobs(policy: Policy, ask_again_every_seconds: float, promises_every_seconds: float = 60.0) -> tuple[Job, ...]:
    """Asks again what was not answered, two instances never the same at once; looks at promises, sagas, figures."""

    async def ask(tx: Transaction) -> int:
        return await ask_again(tx, policy)

    return (
        Job("ask_again", every_seconds=ask_again_every_seconds, tick=ask, batch=BATCH),
        Job("watch_promises", every_seconds=promises_every_seconds, tick=watch_promises, batch=PROMISES),
        Job("keep_sums", every_seconds=SUMS_EVERY_SECONDS, tick=keep_sums, batch=NOTES_MAX),
        stuck_job("order", count_stuck),
        open_alerts_job("order"),
        figures_job("order", read_figures),
    )
