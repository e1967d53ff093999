"""What a history proves when it breaks a truth."""


class Violation(AssertionError):
    """A truth of the saga that does not hold."""


def require(holds: bool, otherwise: str) -> None:
    """Raises Violation with what is wrong."""
    if not holds:
        raise Violation(otherwise)
