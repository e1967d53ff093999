"""Months of the ledger: which may go to a file, and what they moved."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta


@dataclass(slots=True)
class Opening:
    """What a month's rows of one item and one type moved; `version` is the newest among them."""

    item_id: str
    type: str
    version: int = 0
    current: int = 0
    reserved: int = 0
    held: int = 0

    def add(self, version: int, current: int, reserved: int, held: int) -> None:
        """One row more."""
        self.version = max(self.version, version)
        self.current += current
        self.reserved += reserved
        self.held += held


def start_of(month: date) -> datetime:
    """The first moment of a month that is given by its first day (UTC)."""
    return datetime(month.year, month.month, 1, tzinfo=UTC)


def next_month(month: date) -> date:
    """The first day of the month after."""
    return (month.replace(day=1) + timedelta(days=32)).replace(day=1)


def latest_bound(now: datetime) -> date:
    """Months before this one may go: the one that is running and the one before it stay.

    Transactions in flight may still write into a month that has just ended, and counts look back.
    """
    this = now.astimezone(UTC).date().replace(day=1)
    return (this - timedelta(days=1)).replace(day=1)
