"""One thing that is not as it must be."""

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True, order=True)
class Deviation:
    """Which check failed, for which id, what it should be and is, and where both were read."""

    check: str
    subject: str
    expected: str
    actual: str
    where: str

    def __str__(self) -> str:
        return f"{self.check}: {self.subject}: expected {self.expected}, found {self.actual} ({self.where})"

    def as_json(self) -> dict[str, Any]:
        """For `--json`."""
        return asdict(self)


def compare(check: str, subject: str, expected: object, actual: object, where: str) -> list[Deviation]:
    """Nothing if both are equal, else the deviation."""
    return [] if expected == actual else [Deviation(check, subject, str(expected), str(actual), where)]
