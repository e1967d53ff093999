"""What many people look at is asked once: answers shared between those who may see them."""

import asyncio
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from console.identity import Person
from console.services import SCOPE_OF, Refusal, Services

SECONDS_MAX: Final = 3.0
"""A part of a page is left out rather than waited for any longer."""
YOUNG_SECONDS: Final = 0.25
"""However much happens, one route is asked at most so often."""


@dataclass(slots=True)
class _Reading:
    began_at: float = float("-inf")
    answer: dict[str, Any] | None = None
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class Readings:
    """Routes whose answer is the same for everybody with the scope; the paths are the code's, so they are few."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._known: dict[tuple[str, str], _Reading] = {}
        self._stirred: dict[str, float] = {}

    def stir(self, names: Iterable[str]) -> None:
        """Something happened there: what was read before is old. Subjects such as `order:ID` are no channels."""
        now = time.monotonic()
        self._stirred.update((name, now) for name in names if ":" not in name)

    async def read(
        self, person: Person, service: str, path: str, channel: str, *, seconds: float, scope: str | None = None
    ) -> dict[str, Any] | None:
        """The answer as it is since the channel's last news, at most `seconds` old; None if it cannot be had."""
        if not person.may(scope or f"{SCOPE_OF[service]}:read"):
            return None
        reading = self._known.setdefault((service, path), _Reading())
        async with reading.lock:
            if not self._is_fresh(reading, channel, seconds):
                began = time.monotonic()
                try:
                    reading.answer = await self._services.get(service, path, person.token, seconds=SECONDS_MAX)
                except Refusal as refusal:
                    reading.answer = None
                    if refusal.status in (401, 429):
                        return None
                reading.began_at = began
        return reading.answer

    def _is_fresh(self, reading: _Reading, channel: str, seconds: float) -> bool:
        age = time.monotonic() - reading.began_at
        return age < YOUNG_SECONDS or (age < seconds and reading.began_at > self._stirred.get(channel, float("-inf")))
