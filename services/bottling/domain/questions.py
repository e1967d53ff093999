"""Questions to inventory: when one without an answer is asked again, and when it counts as stuck."""

from datetime import datetime, timedelta
from typing import Final

DELAYS: Final = (timedelta(seconds=10), timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=15))
STUCK_AFTER: Final = 2


def next_attempt_at(asked_at: datetime, attempts: int) -> datetime:
    """When to ask again, after the question was repeated `attempts` times, the last time at `asked_at`."""
    return asked_at + DELAYS[min(attempts, len(DELAYS) - 1)]
