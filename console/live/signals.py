"""Tells open pages that something they show has changed: bounded work for each, whatever the rate of events."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterable
from typing import Final

PAUSE_SECONDS: Final = 0.3
"""A page is told at most so often; what happens in between is one piece of news."""
SETTLE_SECONDS: Final = (1.0, 3.0)
"""An event may be heard before the service it concerns has acted on it: pages look again after these quiet times."""
COMMENT_SECONDS: Final = 15.0
LISTENERS_MAX: Final = 300
INTERESTS_MAX: Final = 20


class Listener:
    """One open page; it has no queue, only the fact that something changed."""

    def __init__(self) -> None:
        self._changed = asyncio.Event()
        self._ended = False

    def tell(self) -> None:
        """Something that it shows has changed."""
        self._changed.set()

    def end(self) -> None:
        """No more news."""
        self._ended = True
        self._changed.set()

    async def news(self, comment_seconds: float = COMMENT_SECONDS) -> AsyncIterator[bool]:
        """True each time the page should look again, False after a time of silence; ends with the process."""
        settling: list[float] = []
        while not self._ended:
            wait = max(0.0, settling[0] - time.monotonic()) if settling else comment_seconds
            try:
                async with asyncio.timeout(wait):
                    await self._changed.wait()
            except TimeoutError:
                yield bool(settling)
                settling = settling[1:]
                continue
            if self._ended:
                return
            self._changed.clear()
            yield True
            told_at = time.monotonic()
            settling = [told_at + seconds for seconds in SETTLE_SECONDS]
            await asyncio.sleep(PAUSE_SECONDS)


class Signals:
    """Who wants to know of what: channels such as `orders`, subjects such as `order:ID`."""

    def __init__(self) -> None:
        self._by_interest: dict[str, set[Listener]] = {}
        self._listeners: set[Listener] = set()
        self._ended = False

    @property
    def is_full(self) -> bool:
        """As many pages are open as one process serves."""
        return len(self._listeners) >= LISTENERS_MAX

    def mark(self, names: Iterable[str]) -> None:
        """Something happened there; costs the same however often it is said."""
        for name in names:
            for listener in self._by_interest.get(name, ()):
                listener.tell()

    def add(self, interests: Iterable[str]) -> Listener:
        """A page opens."""
        listener = Listener()
        self._listeners.add(listener)
        for name in list(interests)[:INTERESTS_MAX]:
            self._by_interest.setdefault(name, set()).add(listener)
        if self._ended:
            listener.end()
        return listener

    def remove(self, listener: Listener) -> None:
        """A page closes."""
        self._listeners.discard(listener)
        for name in [name for name, many in self._by_interest.items() if listener in many]:
            self._by_interest[name].discard(listener)
            if not self._by_interest[name]:
                del self._by_interest[name]

    def end(self) -> None:
        """The process stops: every page is let go and finds another."""
        self._ended = True
        for listener in self._listeners:
            listener.end()
