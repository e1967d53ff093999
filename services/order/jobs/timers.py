"""The order service's timers."""

from services.order.domain.order import Policy
from services.order.operations.asking_again import BATCH, ask_again
from services.order.operations.promising import BATCH as PROMISES
from services.order.operations.promising import watch_promises
from services.order.store.alerts import count_open_alerts
from services.order.store.questions import count_stuck
from shared.runtime.figures import open_alerts_job
from shared.runtime.jobs import Job
from shared.runtime.stuck import stuck_job
from shared.runtime.transaction import Transaction


def jobs(policy: Policy, ask_again_every_seconds: float, promises_every_seconds: float = 60.0) -> tuple[Job, ...]:
    """Asks again what was not answered, two instances never the same at once; looks at promises and stuck sagas."""

    async def ask(tx: Transaction) -> int:
        return await ask_again(tx, policy)

    return (
        Job("ask_again", every_seconds=ask_again_every_seconds, tick=ask, batch=BATCH),
        Job("watch_promises", every_seconds=promises_every_seconds, tick=watch_promises, batch=PROMISES),
        stuck_job("order", count_stuck),
        open_alerts_job("order", count_open_alerts),
    )
