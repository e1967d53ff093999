"""Ids that sort by time, and the time in them; what happens when is decided by Postgres' clock alone."""

import os
import threading
import time
from datetime import UTC, datetime
from uuid import UUID

_COUNTER_BITS = 42
_RANDOM_BITS = 32


class IdMaker:
    """Makes UUIDv7 (RFC 9562): milliseconds, then a counter that starts at random and grows within the millisecond."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._millisecond = 0
        self._counter = 0

    def __call__(self) -> UUID:
        with self._lock:
            now = time.time_ns() // 1_000_000
            if now > self._millisecond:
                self._millisecond = now
                self._counter = int.from_bytes(os.urandom(6), "big") >> 7
            else:
                self._counter += 1
                if self._counter >> _COUNTER_BITS:
                    self._millisecond += 1
                    self._counter = 0
            tail = (self._counter << _RANDOM_BITS) | int.from_bytes(os.urandom(4), "big")
            return _uuid7(self._millisecond, tail)


def _uuid7(millisecond: int, tail: int) -> UUID:
    """`tail` is the 74 bits that follow the time, version and variant."""
    high, low = tail >> 62, tail & ((1 << 62) - 1)
    return UUID(int=(millisecond & (1 << 48) - 1) << 80 | 0x7 << 76 | high << 64 | 0b10 << 62 | low)


new_id = IdMaker()
"""A new UUIDv7, greater than every earlier one of this process."""


def first_id_at(moment: datetime) -> UUID:
    """The smallest UUIDv7-ordered value of a moment: the lower bound of a range of ids."""
    return UUID(int=(int(moment.timestamp() * 1000) & (1 << 48) - 1) << 80)


def time_of(id: UUID) -> datetime:
    """The moment in a UUIDv7, to the millisecond."""
    return datetime.fromtimestamp((id.int >> 80) / 1000, UTC)
