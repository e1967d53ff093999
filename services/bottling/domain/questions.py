"""Questions to inventory: when one without an answer is asked again, and when it counts as stuck."""

from datetime import datetime, timedelta
from typing import Final

Delays = tuple[timedelta, ...]
"""Waits before a question without an answer is told again; the last one is repeated for ever."""
DELAYS: Final[Delays] = (timedelta(seconds=10), timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=15))
STUCK_AFTER: Final = 2


def next_attempt_at(asked_at: datetime, attempts: int, delays: Delays = DELAYS) -> datetime:
    """When to ask again, after the question was repeated `attempts` times, the last time at `asked_at`."""
    return asked_at + delays[min(attempts, len(delays) - 1)]
