"""How values read on a page: numbers, times, money, and the tone of a status."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from markupsafe import Markup, escape

NOTHING: Final = "–"
TONES: Final = {
    **dict.fromkeys(("fulfilled", "delivered", "shipped", "completed", "resolved", "available", "fine", "ok"), "good"),
    **dict.fromkeys(("confirmed", "processing", "ready", "picked", "packed", "active", "in_progress"), "info"),
    **dict.fromkeys(
        ("backordered", "short", "cancelling", "low_stock", "acknowledged", "pending_count", "quarantine", "starting"),
        "warn",
    ),
    **dict.fromkeys(
        ("rejected", "failed", "critical", "stockout", "raised", "recalled", "on_hold", "discrepancy", "batch_failed"),
        "bad",
    ),
    "material_recalled": "bad",
    **dict.fromkeys(("partially_fulfilled", "partially_shipped", "quality_check"), "info"),
    **dict.fromkeys(("hold_overdue", "quality_below", "batch_late", "saga_stuck", "promise_missed", "open"), "warn"),
}


WHY_NONE: Final = {
    "fulfillment_rate": "no promised day is over yet",
    "reservation_accuracy": "no promised unit has left or was given back",
    "delivery_performance": "no promised order has arrived",
    "order_to_delivery": "no order has arrived",
    "stock_turnover": "no product was on the shelf",
    "stock_accuracy": "nothing was counted",
    "reorder_efficiency": "no low-stock alert ended with new stock",
    "stockout_frequency": "there was no product",
    "production_efficiency": "no batch has ended",
    "quality_rate": "no batch that ended made a unit",
    "material_utilization": "no batch that ended used materials of a cost",
    "cost_per_unit": "no batch was completed with a good unit",
}
"""What a figure waits for while there is nothing to judge, as docs/figures.md defines it."""


def number(value: Any) -> str:
    """`12 345`, with a thin space that does not break."""
    return NOTHING if value is None else f"{value:,}".replace(",", "\u202f")


def decimal(value: Any) -> str:
    """A number that need not be whole, to one place."""
    return NOTHING if value is None else f"{float(value):,.1f}".replace(",", "\u202f")


def words(value: Any) -> str:
    """`in_progress` as people say it."""
    return NOTHING if value in (None, "") else str(value).replace("_", " ")


def badge(status: str | None) -> Markup:
    """A status in its tone; the word is there too, so colour never stands alone."""
    if not status:
        return Markup(NOTHING)
    return Markup('<span class="badge {}">{}</span>').format(TONES.get(status, "plain"), words(status))


def moment(text: str | datetime | None) -> datetime | None:
    """A time of an answer."""
    if text is None or isinstance(text, datetime):
        return text
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def when(text: str | datetime | None) -> Markup:
    """Day and time in UTC."""
    found = moment(text)
    if found is None:
        return Markup(NOTHING)
    utc = found.astimezone(UTC)
    return Markup('<time datetime="{}" title="{}">{}</time>').format(
        utc.isoformat(), f"{utc:%Y-%m-%d %H:%M:%S.%f} UTC", f"{utc:%d %b %H:%M}"
    )


def clock(text: str | datetime | None) -> Markup:
    """The time of day with milliseconds."""
    found = moment(text)
    if found is None:
        return Markup(NOTHING)
    utc = found.astimezone(UTC)
    return Markup('<time datetime="{}">{}</time>').format(
        utc.isoformat(), f"{utc:%H:%M:%S}.{utc.microsecond // 1000:03}"
    )


def day(text: str | None) -> str:
    """A date as the services tell it."""
    return text or NOTHING


def money(value: Mapping[str, Any] | None) -> str:
    """`12.34 EUR`, without zeros that say nothing."""
    if not value or value.get("amount") is None:
        return NOTHING
    whole, _, rest = str(value["amount"]).partition(".")
    return f"{whole}.{rest.rstrip('0').ljust(2, '0')} {value.get('currency', '')}".rstrip()


def short(text: str | None) -> Markup:
    """The end of an id, which is what differs; the whole of it in the title."""
    if not text:
        return Markup(NOTHING)
    return Markup('<span class="id" title="{}">{}</span>').format(text, text if len(text) <= 12 else "…" + text[-8:])


def figure(value: Any, unit: str | None, name: str = "") -> Markup:
    """A figure with its unit: ratios in percent, times as long as they are; without a value, what it waits for."""
    if value is None:
        return Markup('<span class="none">nothing to judge: {}</span>').format(
            WHY_NONE.get(name, "no record in these days")
        )
    try:
        amount = float(value)
    except (TypeError, ValueError):
        return escape(value)
    if unit == "ratio":
        return Markup("{} %").format(f"{amount * 100:.1f}")
    if unit == "seconds":
        return Markup(duration(amount))
    if unit == "times":
        return Markup("{} ×").format(f"{amount:.2f}")
    return Markup("{} <small>{}</small>").format(f"{amount:,.2f}".replace(",", "\u202f"), words(unit))


def duration(seconds: float) -> str:
    """`42 s`, `3.5 min`, `2.0 h`, `1.2 days`."""
    for name, size in (("days", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= size:
            return f"{seconds / size:.1f} {name}"
    return f"{seconds:.0f} s"


FILTERS: Final = {
    "number": number,
    "decimal": decimal,
    "words": words,
    "badge": badge,
    "when": when,
    "clock": clock,
    "day": day,
    "money": money,
    "short": short,
}
