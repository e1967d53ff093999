"""The one way in which a local command says that it could not run."""

from pathlib import Path


class CannotRun(Exception):
    """What happened, in one line, and where to look: becomes exit code 3."""

    def __init__(self, what: str, *, look: Path | str | None = None) -> None:
        super().__init__(what)
        self.what = what
        self.look = look

    def __str__(self) -> str:
        return self.what if self.look is None else f"{self.what} (look in {self.look})"


class Interrupted(Exception):
    """The person at the terminal, or the system, asked to stop: becomes exit code 130."""
