"""What the local commands say while they work: progress on a terminal, plain lines when piped; all on stderr."""

import contextlib
import time
from collections.abc import Iterator

from rich.console import Console


class Screen:
    """Talk on stderr; the things under way stand on one live line of a terminal."""

    def __init__(self) -> None:
        self._console = Console(stderr=True, highlight=False)
        self._under_way: list[str] = []
        self._status = self._console.status("") if self._console.is_terminal else None

    def say(self, text: str) -> None:
        """One line."""
        self._console.print(text, markup=False, soft_wrap=True)

    @contextlib.contextmanager
    def step(self, what: str) -> Iterator[None]:
        """Show a step while it runs and, once it has ended well, how long it took."""
        began = time.monotonic()
        self._under_way.append(what)
        self._show()
        try:
            yield
            self._console.print(f"[green]✓[/] {what} [dim]{time.monotonic() - began:.1f} s[/]", soft_wrap=True)
        finally:
            self._under_way.remove(what)
            self._show()

    def _show(self) -> None:
        if self._status is None:
            return
        if self._under_way:
            self._status.update(", ".join(self._under_way) + " ...")
            self._status.start()
        else:
            self._status.stop()
