"""Figures of a service over a window of whole days: read by a route, shown as metrics."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction
from math import floor
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request, Response
from prometheus_client import Gauge

from shared.runtime.auth import Caller, requires
from shared.runtime.database import Database
from shared.runtime.http import answered
from shared.runtime.jobs import Job
from shared.runtime.openapi import documented
from shared.runtime.problems import Refused, invalid, refused
from shared.runtime.transaction import CLOCK, Transaction

DAYS: Final = 30
"""The window where none is asked for: today and the days before."""
DAYS_MAX: Final = 3_660
TREND_DAYS_MAX: Final = 366
SUMS_EVERY_SECONDS: Final = 5.0
SHOW_EVERY_SECONDS: Final = 30.0

_value = Gauge("flacon_figure", "A figure over the last 30 days; NaN: nothing to judge", ["service", "name"])
_age = Gauge("flacon_figures_age_seconds", "How old the records are that the figures know", ["service"])


@dataclass(frozen=True, slots=True)
class Window:
    """Whole days in UTC: `since` is the first, `until` the first after."""

    since: date
    until: date

    @property
    def days(self) -> int:
        return (self.until - self.since).days

    @property
    def moments(self) -> tuple[datetime, datetime]:
        """Its first moment, and the first after it."""
        return _start(self.since), _start(self.until)


@dataclass(frozen=True, slots=True)
class Figure:
    """What was counted; its value is the numerator divided by the denominator."""

    name: str
    unit: str
    numerator: int | Decimal
    denominator: int | Decimal
    parts: Mapping[str, int] | None = None

    @property
    def value(self) -> Decimal | None:
        """To four places, half up; None where there is nothing to divide by."""
        if not self.denominator:
            return None
        quotient = Fraction(self.numerator) / Fraction(self.denominator)
        return Decimal(floor(quotient * 10_000 + Fraction(1, 2))).scaleb(-4)

    def body(self) -> dict[str, Any]:
        told = {
            "name": self.name,
            "value": self.value,
            "unit": self.unit,
            "numerator": self.numerator,
            "denominator": self.denominator,
        }
        return told if self.parts is None else {**told, "parts": dict(self.parts)}


@dataclass(frozen=True, slots=True)
class Figures:
    """Figures with the moment up to which every record is in them."""

    as_of: datetime
    figures: tuple[Figure, ...]


ReadFigures = Callable[[Any, Window, datetime], Awaitable[Figures]]
"""Reads the figures of a window on a connection; the time is Postgres' now."""
Moment = Annotated[str | None, Query(description="RFC 3339 time or date; the window is of whole days in UTC")]


def routes(path: str, scope: str, database: Database, read: ReadFigures) -> APIRouter:
    """`GET {path}/kpis`; `scope` is the part before `:read`."""
    router = APIRouter(prefix=path, tags=["figures"])

    @router.get("/kpis", **documented())
    async def get_kpis(
        request: Request,
        caller: Annotated[Caller, requires(f"{scope}:read")],
        since: Annotated[Moment, Query(alias="from")] = None,
        until: Annotated[Moment, Query(alias="to")] = None,
    ) -> Response:
        """The figures of a window, the last 30 days unless another is asked for."""
        refuse_customers(caller)
        async with database.reading() as connection:
            now = await connection.fetchval(CLOCK)
            window = window_of(since, until, now)
            found = await read(connection, window, now)
        return answered(request, _body(window, found))

    return router


def refuse_customers(caller: Caller) -> None:
    """Figures are about everybody's affairs."""
    if caller.customer_id is not None:
        raise refused("insufficient-scope", "figures are not for one customer's token", required_scopes=[])


def _body(window: Window, found: Figures) -> dict[str, Any]:
    return {**bounds(window), "as_of": found.as_of, "figures": [figure.body() for figure in found.figures]}


def bounds(window: Window) -> dict[str, Any]:
    """The window as an answer tells it."""
    since, until = window.moments
    return {"from": since, "to": until}


def _start(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def window_of(since: str | None, until: str | None, now: datetime, days_max: int = DAYS_MAX) -> Window:
    """The window that was asked for, widened to whole days; without `to` it ends with today.

    Raises:
        Refused: 422 for what is no time, an end that is not after the start, or more than `days_max` days.
    """
    end = _today(now) + timedelta(days=1) if until is None else _day_from(_moment("to", until))
    start = end - timedelta(days=DAYS) if since is None else _moment("from", since).date()
    window = Window(start, end)
    if not 1 <= window.days <= days_max:
        told = f"must be 1 to {days_max} days before `to`"
        raise Refused(invalid("the window has no day, or too many", (told, "/from")))
    return window


def _today(now: datetime) -> date:
    return now.astimezone(UTC).date()


def _day_from(moment: datetime) -> date:
    """The first day that begins at a moment or after it."""
    return moment.date() if moment.time() == time() else moment.date() + timedelta(days=1)


def _moment(name: str, text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
        moment = found.replace(tzinfo=UTC) if found.tzinfo is None and len(text) == len("2026-01-31") else found
        if moment.tzinfo is None:
            raise ValueError("no zone")
        if not 1970 <= moment.year <= 9000:
            raise ValueError("beyond any record")
        return moment.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        told = ("must be an RFC 3339 time with a zone, or a date", f"/{name}")
        raise Refused(invalid(f"`{name}` is no time", told)) from error


def figures_job(service: str, read: ReadFigures) -> Job:
    """Every instance reads for itself, so that each shows the same numbers; a scrape reads nothing."""

    async def show(tx: Transaction) -> int:
        now = await tx.clock()
        found = await read(tx.connection, window_of(None, None, now), now)
        for figure in found.figures:
            _value.labels(service, figure.name).set(float("nan" if figure.value is None else figure.value))
        _age.labels(service).set(max(0.0, (now - found.as_of).total_seconds()))
        return 0

    return Job("show_figures", every_seconds=SHOW_EVERY_SECONDS, tick=show, alone=False)
