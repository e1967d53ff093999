"""A small line: one point an hour, or a day."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

WIDTH: Final = 240.0
HEIGHT: Final = 48.0
EDGE: Final = 3.0


def spark(values: Sequence[int]) -> dict[str, Any]:
    """The line, the area below it and the last point; flat at the bottom when nothing happened."""
    peak = max(values, default=0) or 1
    step = (WIDTH - 2 * EDGE) / max(1, len(values) - 1)
    points = [
        (EDGE + place * step, HEIGHT - EDGE - value / peak * (HEIGHT - 2 * EDGE)) for place, value in enumerate(values)
    ]
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return {
        "width": WIDTH,
        "height": HEIGHT,
        "line": line,
        "area": f"{EDGE:.1f},{HEIGHT} {line} {WIDTH - EDGE:.1f},{HEIGHT}",
        "last": points[-1] if points else (0.0, HEIGHT),
    }


def newest(values: Sequence[int]) -> int:
    """The last of them: a level does not add up."""
    return values[-1] if values else 0


Line = tuple[str, str, str, Callable[[Sequence[int]], int]]
"""What people call it, its unit, its field of each day, and what the days come to."""


def drawn_days(answer: Mapping[str, Any] | None, *lines: Line) -> list[dict[str, Any]]:
    """The lines of a service's `trends`; none when it did not answer."""
    if answer is None:
        return []
    return [_line([int(day[field]) for day in answer["days"]], name, unit, total) for name, unit, field, total in lines]


def _line(values: Sequence[int], name: str, unit: str, total: Callable[[Sequence[int]], int]) -> dict[str, Any]:
    drawing = spark([max(0, value) for value in values])
    return {"name": name, "unit": unit, "total": total(values), "peak": max(values, default=0), "drawing": drawing}
