"""The saga of one order as a drawing: a lane for each who speaks, a row for each step, an arrow from its cause."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from console.words import moment

LANES: Final = ("upstream", "order", "inventory", "fulfillment")
LABELS: Final = {"upstream": "up", "order": "order", "inventory": "stock", "fulfillment": "floor"}
LANE_WIDTH: Final = 34
ROW_HEIGHT: Final = 48
TONES: Final = {
    "order.cancelled": "back",
    "order.cancellation_requested": "back",
    "order.rejected": "back",
    "order.expired": "back",
    "stock.released": "back",
    "stock.rejected": "back",
    "stock.shortfall": "back",
    "fulfillment.cancelled": "back",
    "fulfillment.short_picked": "back",
    "order.backordered": "wait",
    "stock.backordered": "wait",
}
"""`back`: a compensation or what leads to one; `wait`: units queue; the rest goes forward."""


@dataclass(frozen=True, slots=True)
class Step:
    """One row: what was said, where its dot is, and what it changed."""

    event: str
    service: str
    at: str
    since_first: str
    tone: str
    x: float
    y: float
    change: str | None
    detail: str | None


@dataclass(frozen=True, slots=True)
class Saga:
    """A drawing of `width` by `height`; `arrows` are SVG paths from cause to effect."""

    steps: Sequence[Step]
    arrows: Sequence[tuple[str, str]]
    lanes: Sequence[tuple[str, float]]
    width: float
    height: float
    took: str


def draw_saga(history: Sequence[Mapping[str, Any]]) -> Saga:
    """The drawing of an order's history, oldest first."""
    first = moment(history[0]["at"]) if history else None
    steps = [_step(entry, place, first) for place, entry in enumerate(history)]
    by_id = {entry["event_id"]: step for entry, step in zip(history, steps, strict=True) if entry["event_id"]}
    arrows = [
        (_arrow(cause, step), step.tone)
        for entry, step in zip(history, steps, strict=True)
        if (cause := by_id.get(entry["causation_id"])) is not None
    ]
    lanes = [(LABELS[name], _x(name)) for name in LANES]
    took = steps[-1].since_first if steps else ""
    return Saga(steps, arrows, lanes, LANE_WIDTH * len(LANES), max(1, len(steps)) * ROW_HEIGHT, took)


def _step(entry: Mapping[str, Any], place: int, first: datetime | None) -> Step:
    changed = entry["from_status"] != entry["to_status"]
    return Step(
        event=entry["event"],
        service=entry["service"],
        at=entry["at"],
        since_first=_since(first, moment(entry["at"])),
        tone=TONES.get(entry["event"], "forward"),
        x=_x(entry["service"]),
        y=place * ROW_HEIGHT + ROW_HEIGHT / 2,
        change=entry["to_status"] if changed else None,
        detail=entry["detail"],
    )


def _x(service: str) -> float:
    lane = LANES.index(service) if service in LANES else 0
    return lane * LANE_WIDTH + LANE_WIDTH / 2


def _since(first: datetime | None, at: datetime | None) -> str:
    """`+0.120 s`, `+3 min 5 s`, `+2 d 4 h`: as exact as it matters."""
    if first is None or at is None:
        return ""
    seconds = (at - first).total_seconds()
    if seconds < 60:
        return f"+{seconds:.3f} s"
    whole = int(seconds)
    if whole < 3600:
        return f"+{whole // 60} min {whole % 60} s"
    if whole < 86_400:
        return f"+{whole // 3600} h {whole % 3600 // 60} min"
    return f"+{whole // 86_400} d {whole % 86_400 // 3600} h"


def _arrow(cause: Step, effect: Step) -> str:
    """Straight down in one lane, else a curve that leaves and arrives upright."""
    if cause.x == effect.x:
        return f"M{cause.x:.0f} {cause.y:.0f}V{effect.y:.0f}"
    bend = max(18.0, (effect.y - cause.y) / 2)
    return (
        f"M{cause.x:.0f} {cause.y:.0f}C{cause.x:.0f} {cause.y + bend:.0f} "
        f"{effect.x:.0f} {effect.y - bend:.0f} {effect.x:.0f} {effect.y:.0f}"
    )
