"""A small line of a day: one point an hour."""

from collections.abc import Sequence
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
