"""How much one client may ask of this instance: token, else address, apart for reads and writes."""

import math
import time
from dataclasses import dataclass
from typing import Final

from fastapi import Request
from limits import RateLimitItem, parse

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


@dataclass(slots=True)
class _Window:
    ends_at: float
    hits: int = 0


class RateLimit:
    """Counts requests per client and kind in fixed windows; the draft `RateLimit` headers tell what is left."""

    def __init__(self, rate: str = DEFAULT) -> None:
        self._item = parse_rate(rate)
        self._windows: dict[tuple[str, str], _Window] = {}
        self._policies = {
            kind: f'"{kind}";q={self._item.amount};w={self._item.get_expiry()}' for kind in ("read", "write")
        }

    def count(self, request: Request, client: str) -> None:
        """Raises Refused with 429 when the client has used up its window."""
        kind = "read" if request.method in READING else "write"
        now = time.monotonic()
        window = self._window(kind, client, now)
        window.hits += 1
        seconds, remaining = max(1, math.ceil(window.ends_at - now)), max(0, self._item.amount - window.hits)
        added = response_headers(request)
        added["RateLimit-Policy"] = self._policies[kind]
        added["RateLimit"] = f'"{kind}";r={remaining};t={seconds}'
        if window.hits > self._item.amount:
            raise refused(
                "quota-exceeded",
                f"more than {self._item.amount} {kind} requests in {self._item.get_expiry()} s",
                headers={"Retry-After": str(seconds)},
                **{"violated-policies": [kind]},
            )

    def _window(self, kind: str, client: str, now: float) -> _Window:
        """The client's window; all last equally long, so those at the front of the dictionary end first."""
        while self._windows and (first := next(iter(self._windows.items())))[1].ends_at <= now:
            del self._windows[first[0]]
        window = self._windows.get((kind, client))
        if window is None:
            window = self._windows[kind, client] = _Window(now + self._item.get_expiry())
        return window
