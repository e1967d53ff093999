"""A rejection as text, such that it can be kept with its order and read back."""

import json
from dataclasses import asdict
from datetime import date
from typing import Any

from services.order.domain.order import FieldError, Rejection, ShortLine


def rejection_text(rejection: Rejection | None) -> str | None:
    """JSON, or None."""
    return None if rejection is None else json.dumps(asdict(rejection), default=str)


def rejection_of(text: str | None) -> Rejection | None:
    """The reverse of `rejection_text`."""
    if text is None:
        return None
    found = json.loads(text)
    return Rejection(
        reason=found["reason"],
        detail=found["detail"],
        lines=tuple(_short_line(line) for line in found["lines"]),
        errors=tuple(FieldError(**error) for error in found["errors"]),
    )


def _short_line(found: dict[str, Any]) -> ShortLine:
    day = found.pop("earliest_date")
    alternatives = tuple(found.pop("alternatives"))
    return ShortLine(**found, alternatives=alternatives, earliest_date=date.fromisoformat(day) if day else None)
