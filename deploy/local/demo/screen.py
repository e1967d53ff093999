"""What a person sees while the demo runs: a live table on a terminal, a line now and then when piped."""

import asyncio
import sys
import time
from typing import Final

from rich.console import Console
from rich.live import Live
from rich.table import Table

from deploy.local.demo.picture import Picture
from deploy.local.demo.production import Production

LIVE_SECONDS: Final = 0.25
PLAIN_SECONDS: Final = 2.0
STATUSES: Final = (
    "submitted",
    "created",
    "backordered",
    "confirmed",
    "processing",
    "cancelling",
    "partially_fulfilled",
    "fulfilled",
    "cancelled",
    "rejected",
    "expired",
)


class Screen:
    """Shows the picture until it is cancelled; talk goes to stderr."""

    def __init__(self, picture: Picture) -> None:
        self._picture = picture
        self.production: Production | None = None
        self.console = Console(stderr=True)
        self._began = time.monotonic()
        self._live = sys.stderr.isatty()

    def say(self, text: str) -> None:
        """One line about what happens now."""
        self.console.print(
            f"[{time.monotonic() - self._began:6.1f} s] {text}", markup=False, highlight=False, soft_wrap=True
        )

    async def run(self) -> None:
        """Draws, or prints lines, at a fixed pace."""
        if not self._live:
            return await self._lines()
        with Live(self._table(), console=self.console, auto_refresh=False, transient=True) as live:
            while True:
                live.update(self._table(), refresh=True)
                await asyncio.sleep(LIVE_SECONDS)

    async def _lines(self) -> None:
        last = ""
        while True:
            await asyncio.sleep(PLAIN_SECONDS)
            text = ", ".join(f"{count} {status}" for status, count in self._counts()) or "nothing yet"
            sent, arrived = self._picture.shipments()
            text += (
                f"; queued units {self._queued()}; batches {self._batches()}; parcels {sent} sent, {arrived} arrived"
            )
            if text != last:
                self.say(text)
            last = text

    def _counts(self) -> list[tuple[str, int]]:
        counts = self._picture.statuses()
        return [(status, counts[status]) for status in STATUSES if counts[status]]

    def _queued(self) -> int:
        return sum(self._picture.queue.values())

    def _batches(self) -> str:
        counts = self._picture.batch_statuses()
        return f"{counts['completed']} of {sum(counts.values())}"

    def _table(self) -> Table:
        elapsed = time.monotonic() - self._began
        table = Table(title=f"Flacon demo, {elapsed:.0f} s", show_header=False, min_width=44)
        table.add_column()
        table.add_column(justify="right")
        for status, count in self._counts():
            table.add_row(f"orders {status}", str(count))
        table.add_section()
        sent, arrived = self._picture.shipments()
        table.add_row("units that queue", str(self._queued()))
        table.add_row("batches completed", self._batches())
        table.add_row("parcels sent / arrived", f"{sent} / {arrived}")
        table.add_row("messages read", str(self._picture.messages))
        table.add_row("messages a second", f"{self._picture.messages / max(elapsed, 0.1):.0f}")
        return table
