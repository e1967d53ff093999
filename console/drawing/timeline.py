"""Open batches on a line of time: when each is expected, and which are late."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from console.words import moment

WIDTH: Final = 900.0
ROW: Final = 30
HEAD: Final = 24
TICKS: Final = 6
SPAN_MIN: Final = timedelta(hours=2)
BATCHES_MAX: Final = 40


@dataclass(frozen=True, slots=True)
class Bar:
    """One batch; `x` to `x + width`, in its row."""

    batch_id: str
    text: str
    tone: str
    x: float
    y: float
    width: float


@dataclass(frozen=True, slots=True)
class Timeline:
    """The drawing; `now` is where the present stands."""

    bars: Sequence[Bar]
    ticks: Sequence[tuple[float, str]]
    now: float
    height: float
    left_out: int


def draw_timeline(batches: Sequence[Mapping[str, Any]], now: datetime) -> Timeline:
    """Bars from a batch's start (or now) to when it is expected, the soonest first."""
    shown = batches[:BATCHES_MAX]
    spans = [_span(batch, now) for batch in shown]
    first = min([start for start, _ in spans] + [now])
    last = max([end for _, end in spans] + [now + SPAN_MIN])

    def x(at: datetime) -> float:
        return (at - first) / (last - first) * WIDTH

    bars = [
        Bar(
            batch["batch_id"],
            f"{batch['quantity_expected']} × {batch['product_id']}",
            "late" if batch["late"] else ("running" if batch["started_at"] else "planned"),
            x(start),
            HEAD + place * ROW,
            max(4.0, x(end) - x(start)),
        )
        for place, (batch, (start, end)) in enumerate(zip(shown, spans, strict=True))
    ]
    step = (last - first) / TICKS
    ticks = [(x(first + step * place), f"{first + step * place:%d %b %H:%M}") for place in range(TICKS)]
    return Timeline(bars, ticks, x(now), HEAD + max(1, len(bars)) * ROW, len(batches) - len(shown))


def _span(batch: Mapping[str, Any], now: datetime) -> tuple[datetime, datetime]:
    """From its start, or from now while it waits, to when it is expected; a late one ends now at the earliest."""
    expected = moment(batch["expected_completion_at"]) or now
    start = moment(batch["started_at"]) or min(now, expected)
    return start, max(expected, now) if batch["late"] else max(expected, start)
