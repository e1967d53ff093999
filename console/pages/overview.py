"""The overview: six panels, live from the events."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from starlette.routing import Route

from console.drawing.spark import drawn_days, newest, spark
from console.entrance import page
from console.identity import Person
from console.live.picture import Level, Minute
from console.visit import House, Visit

LOWEST_MAX: Final = 6
ALERTS_MAX: Final = 6
LIVE_SECONDS: Final = 5.0
"""Without news, what was read stays good for so long."""
FIGURES_SECONDS: Final = 15.0
RATE_MINUTES: Final = 5
PENDING: Final = ("created", "backordered", "confirmed")
PROCESSING: Final = ("processing", "cancelling")
STAGES: Final = ("planned", "short", "ready", "starting", "in_progress", "quality_check")
GRAVITY: Final = {"stockout": 0, "critical": 1, "low_stock": 2, "fine": 3}
FIGURING: Final = ("order", "inventory", "bottling")
ALERTING: Final = ("inventory", "bottling", "order")


def routes() -> list[Route]:
    """The first page."""
    return [Route("/", page("overview.html", load))]


async def load(visit: Visit) -> dict[str, Any]:
    """Each panel as far as the person may see it; a part that cannot be had is None."""
    house, person, now = visit.house, visit.person, datetime.now(UTC)
    production, orders, alerts, figures, days = await asyncio.gather(
        _production(house, person),
        _orders(house, person, now),
        _alerts(house, person),
        _figures(house, person),
        _days(house, person),
    )
    return {
        "live": ("orders", "stock", "production", "fulfillment", "alerts"),
        "inventory": _inventory(house) if person.may("inventory:read") else None,
        "production": production,
        "orders": orders,
        "alerts": alerts,
        "figures": figures,
        "trends": _trends(house, now) if person.may("orders:read") else None,
        "days": days,
        "now": now,
    }


def _inventory(house: House) -> dict[str, Any]:
    levels = [level for level in house.picture.levels() if level.kind == "product"]
    watched = sorted((level for level in levels if level.watched), key=_urgency)
    return {
        "items": len(levels),
        "available": sum(level.available for level in levels),
        "reserved": sum(level.reserved for level in levels),
        "held": sum(level.held for level in levels),
        "low": sum(level.gravity in ("low_stock", "critical") for level in levels),
        "out": sum(level.gravity == "stockout" for level in levels),
        "queued": sum(level.queued for level in levels),
        "lowest": watched[:LOWEST_MAX],
    }


def _urgency(level: Level) -> tuple[int, float, str]:
    return GRAVITY[level.gravity], level.available / max(1, level.reorder_point), level.item_id


async def _production(house: House, person: Person) -> dict[str, Any] | None:
    found = await house.readings.read(person, "bottling", "/schedule?limit=500", "production", seconds=LIVE_SECONDS)
    if found is None:
        return None
    batches: Sequence[Mapping[str, Any]] = found["items"]
    counts = {stage: sum(batch["status"] == stage for batch in batches) for stage in STAGES}
    return {
        "counts": counts,
        "more": found["next_cursor"] is not None,
        "late": sum(bool(batch["late"]) for batch in batches),
        "next": batches[:4],
        "bottled": _day(house).bottled,
    }


async def _orders(house: House, person: Person, now: datetime) -> dict[str, Any] | None:
    found = await house.readings.read(person, "order", "/stages", "orders", seconds=LIVE_SECONDS)
    if not person.may("orders:read"):
        return None
    counts = {one["status"]: one["orders"] for one in found["statuses"]} if found else None
    return {
        "pending": None if counts is None else sum(counts.get(status, 0) for status in PENDING),
        "backordered": None if counts is None else counts.get("backordered", 0),
        "processing": None if counts is None else sum(counts.get(status, 0) for status in PROCESSING),
        "partly": None if counts is None else counts.get("partially_fulfilled", 0),
        "fulfilled": _day(house).fulfilled,
        "rate": house.picture.lately(now, RATE_MINUTES).orders / RATE_MINUTES,
        "recent": list(house.picture.recent),
    }


async def _alerts(house: House, person: Person) -> dict[str, Any]:
    found: list[dict[str, Any]] = []
    missing = []
    for service in ALERTING:
        answer = await house.readings.read(
            person, service, "/alerts?status=raised&limit=100", "alerts", seconds=LIVE_SECONDS
        )
        if answer is None:
            missing.append(service)
        else:
            found += [{**alert, "service": service} for alert in answer["items"]]
    newest = sorted(found, key=lambda alert: str(alert["raised_at"]), reverse=True)
    return {"count": len(found), "newest": newest[:ALERTS_MAX], "missing": missing}


async def _figures(house: House, person: Person) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for service in FIGURING:
        answer = await house.readings.read(person, service, "/kpis", "figures", seconds=FIGURES_SECONDS)
        found += answer["figures"] if answer else []
    return found


def _trends(house: House, now: datetime) -> list[dict[str, Any]]:
    hours = house.picture.hours(now)
    lines = (
        ("Demand", "units ordered", [hour.ordered for hour in hours]),
        ("Sales", "units shipped", [hour.shipped for hour in hours]),
        ("Production", "good units bottled", [hour.bottled for hour in hours]),
        ("Orders", "orders accepted", [hour.orders for hour in hours]),
    )
    return [
        {"name": name, "unit": unit, "total": sum(values), "peak": max(values), "drawing": spark(values)}
        for name, unit, values in lines
    ]


async def _days(house: House, person: Person) -> list[dict[str, Any]]:
    """The last 30 days by day, as the services' records tell them; what cannot be had is left out."""
    demand, moved = await asyncio.gather(
        house.readings.read(person, "order", "/trends", "figures", seconds=FIGURES_SECONDS),
        house.readings.read(person, "inventory", "/trends", "figures", seconds=FIGURES_SECONDS),
    )
    return [
        *drawn_days(demand, ("Demand", "units ordered", "ordered", sum)),
        *drawn_days(
            moved, ("Sales", "units shipped", "sold", sum), ("Stock", "units available today", "available", newest)
        ),
    ]


def _day(house: House) -> Minute:
    return house.picture.lately(datetime.now(UTC), 24 * 60)
