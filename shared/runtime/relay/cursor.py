"""Where a shard's relay stands in the outbox: what was sent, and which numbers are missing and may still come."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from shared.runtime.database import TRANSACTION_SECONDS_MAX

GAPS_MAX: Final = 100_000
GAP_SECONDS: Final = 2.0 * TRANSACTION_SECONDS_MAX


class Cursor:
    """Where a shard's relay stands: all up to `sent_through` is sent but the gaps, which may still be filled."""

    def __init__(self, sent_through: int, sent_at: datetime, gaps: Sequence[int], now: float) -> None:
        self.sent_through = sent_through
        self.sent_at = sent_at
        self.gaps = dict.fromkeys(gaps, now)

    def overdue(self, now: float, seconds: float = GAP_SECONDS) -> set[int]:
        """Gaps older than any transaction can be: rolled back, never to be filled."""
        return {seq for seq, seen_at in self.gaps.items() if now - seen_at > seconds}

    def advance(self, rows: Mapping[int, datetime], closed: set[int], now: float) -> bool:
        """Takes in what was sent (number and time); `closed` gaps that were looked for once more are given up.

        Returns whether anything changed.
        """
        before = (self.sent_through, len(self.gaps))
        top = max(rows, default=self.sent_through)
        for seq in range(max(self.sent_through + 1, top - GAPS_MAX), top):
            if seq not in rows:
                self.gaps[seq] = now
        for seq in (*rows, *closed):
            self.gaps.pop(seq, None)
        self.sent_through = max(self.sent_through, top)
        self.sent_at = max([self.sent_at, *rows.values()])
        return bool(rows) or before != (self.sent_through, len(self.gaps))
