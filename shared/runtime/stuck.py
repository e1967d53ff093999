"""How many sagas wait too long for an answer: the figure of every service that asks questions."""

from collections.abc import Awaitable, Callable
from typing import Final

from prometheus_client import Gauge

from shared.runtime.jobs import Job
from shared.runtime.transaction import Transaction

EVERY_SECONDS: Final = 1.0

_stuck = Gauge("flacon_sagas_stuck", "Sagas with a question asked again twice and not answered", ["service"])


def stuck_job(service: str, count: Callable[[Transaction], Awaitable[int]]) -> Job:
    """Every instance counts for itself, so that each shows the same number."""

    async def show(tx: Transaction) -> int:
        _stuck.labels(service).set(await count(tx))
        return 0

    return Job("count_stuck", every_seconds=EVERY_SECONDS, tick=show, alone=False)
