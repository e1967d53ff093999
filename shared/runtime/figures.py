"""Figures that are counted in tables, by every instance for itself: open dead letters and open alerts."""

from typing import Final

from prometheus_client import Gauge

from shared.runtime.alerts import count_open_alerts
from shared.runtime.jobs import Job
from shared.runtime.transaction import Transaction

EVERY_SECONDS: Final = 5.0

_letters = Gauge("flacon_dead_letters_open", "Records that were passed over and wait for an operator", ["service"])
_alerts = Gauge("flacon_alerts_open", "Alerts that are not resolved", ["service", "kind"])

COUNT_OPEN_LETTERS = "SELECT count(*) FROM dead_letters WHERE state = 'open'"


def dead_letters_job(service: str) -> Job:
    """Counts what `dead-letters list` shows."""

    async def show(tx: Transaction) -> int:
        _letters.labels(service).set(await tx.fetchval(COUNT_OPEN_LETTERS))
        return 0

    return Job("count_dead_letters", every_seconds=EVERY_SECONDS, tick=show, alone=False)


def open_alerts_job(service: str) -> Job:
    """Shows the open alerts by kind; a kind that was seen once stays, with 0."""
    known: set[str] = set()

    async def show(tx: Transaction) -> int:
        counts = await count_open_alerts(tx)
        known.update(counts)
        for kind in known:
            _alerts.labels(service, kind).set(counts.get(kind, 0))
        return 0

    return Job("count_open_alerts", every_seconds=EVERY_SECONDS, tick=show, alone=False)
