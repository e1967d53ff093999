"""When what is short could be had: from the batches on their way, else from the item's lead days."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal


@dataclass(frozen=True, slots=True)
class Incoming:
    """An open batch: units that are expected, and when, if bottling has said so."""

    quantity: int
    expected_at: datetime | None


@dataclass(frozen=True, slots=True)
class Promise:
    """The earliest date, and what it rests on."""

    on: date
    basis: Literal["batch", "lead_days"]


def promise(now: datetime, missing: int, incoming: Sequence[Incoming], lead_days: int) -> Promise:
    """The day on which `missing` units, with all that queue before them, will have come."""
    dated = sorted((batch.expected_at, batch.quantity) for batch in incoming if batch.expected_at is not None)
    for expected_at, quantity in dated:
        missing -= quantity
        if missing <= 0:
            return Promise(max(expected_at, now).date(), "batch")
    return Promise((now + timedelta(days=lead_days)).date(), "lead_days")
