"""How much one client may ask of this instance: token, else address, apart for reads and writes."""

import math
import time
from typing import Final

from fastapi import Request
from limits import RateLimitItem, parse
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter

from shared.runtime.http import response_headers
from shared.runtime.problems import refused

DEFAULT: Final = "600/second"
READING: Final = frozenset({"GET", "HEAD", "OPTIONS"})


def parse_rate(text: str) -> RateLimitItem:
    """`600/second`, `100 per minute`.

    Raises:
        ValueError: anything else.
    """
    try:
        return parse(text)
    except Exception as error:
        raise ValueError(f"{text!r} is no rate such as 600/second") from error


class RateLimit:
    """Counts requests per client and kind in fixed windows; the draft `RateLimit` headers tell what is left."""

    def __init__(self, rate: str = DEFAULT) -> None:
        self._item = parse_rate(rate)
        self._windows = FixedWindowRateLimiter(MemoryStorage())
        self._policies = {
            kind: f'"{kind}";q={self._item.amount};w={self._item.get_expiry()}' for kind in ("read", "write")
        }

    def count(self, request: Request, client: str) -> None:
        """Raises Refused with 429 when the client has used up its window."""
        kind = "read" if request.method in READING else "write"
        allowed = self._windows.hit(self._item, kind, client)
        reset_at, remaining = self._windows.get_window_stats(self._item, kind, client)
        seconds = max(1, math.ceil(reset_at - time.time()))
        added = response_headers(request)
        added["RateLimit-Policy"] = self._policies[kind]
        added["RateLimit"] = f'"{kind}";r={remaining};t={seconds}'
        if not allowed:
            raise refused(
                "quota-exceeded",
                f"more than {self._item.amount} {kind} requests in {self._item.get_expiry()} s",
                headers={"Retry-After": str(seconds)},
                **{"violated-policies": [kind]},
            )
