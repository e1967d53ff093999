"""What makes an order acceptable, the same for REST and Kafka, and how its items become lines."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Final

from services.order.domain.order import ON_SHORTAGE, FieldError, Line

LINES_MAX: Final = 1_000
QUANTITY_MAX: Final = 100_000
ADDRESS_BYTES_MAX: Final = 4_096
PRIORITY_MAX: Final = 9
EMAIL_CHARACTERS_MAX: Final = 254
ERRORS_MAX: Final = 100
PRICE_MAX: Final = Decimal(10) ** 12
PRICE_STEP: Final = Decimal("0.0001")
IDENTIFIER: Final = re.compile(r"[A-Za-z0-9._:-]{1,64}")
EMAIL: Final = re.compile(r"[^@\s\x00-\x1f\x7f,;<>\"]+@[^@\s\x00-\x1f\x7f,;<>\"]+\.[^@\s\x00-\x1f\x7f.,;<>\"]+")


@dataclass(frozen=True, slots=True)
class DraftItem:
    """A line as somebody wrote it."""

    product_id: str
    quantity: int
    price: Decimal | None = None
    currency: str | None = None


@dataclass(frozen=True, slots=True)
class Draft:
    """An order as somebody wrote it; whether it is acceptable is decided here."""

    customer_id: str
    items: tuple[DraftItem, ...]
    shipping_address: Mapping[str, Any]
    priority: int = 0
    on_shortage: str = "reject"
    auto_confirm: bool = False
    protect_safety_stock: bool = False
    requested_delivery: date | None = None
    email: str | None = None
    source: str | None = None
    external_id: str | None = None

    @property
    def product_ids(self) -> frozenset[str]:
        return frozenset(item.product_id for item in self.items)


@dataclass(frozen=True, slots=True)
class KnownItem:
    """What the read model of `item.changed` says of a product that may be ordered."""

    name: str
    lead_days: int


def errors_of(draft: Draft, currency: str) -> tuple[FieldError, ...]:
    """Everything that makes the draft unacceptable by itself, at most 100 errors."""
    found = [*_errors_of_head(draft), *_errors_of_items(draft.items, currency)]
    return tuple(found[:ERRORS_MAX])


def unknown_products(draft: Draft, known: Mapping[str, KnownItem]) -> tuple[FieldError, ...]:
    """The lines whose product nobody knows or may order."""
    unknown = [index for index, item in enumerate(draft.items) if item.product_id not in known]
    return tuple(
        FieldError(f"unknown product {draft.items[index].product_id}", f"/items/{index}/product_id")
        for index in unknown[:ERRORS_MAX]
    )


def all_errors(draft: Draft, known: Mapping[str, KnownItem], currency: str) -> tuple[FieldError, ...]:
    """Everything that is wrong, each field once, so that one answer is enough to mend it all; at most 100 errors."""
    by_itself = errors_of(draft, currency)
    told = {error.pointer for error in by_itself}
    unknown = (error for error in unknown_products(draft, known) if error.pointer not in told)
    return (*by_itself, *unknown)[:ERRORS_MAX]


def _errors_of_head(draft: Draft) -> Iterator[FieldError]:
    if not IDENTIFIER.fullmatch(draft.customer_id):
        yield FieldError("must be 1-64 of A-Z a-z 0-9 . _ : -", "/customer_id")
    if not 0 <= draft.priority <= PRIORITY_MAX:
        yield FieldError(f"must be 0 to {PRIORITY_MAX}", "/priority")
    if draft.on_shortage not in ON_SHORTAGE:
        yield FieldError("must be reject, backorder or partial", "/on_shortage")
    if draft.email is not None and not is_email(draft.email):
        yield FieldError("must be an e-mail address", "/email")
    yield from _errors_of_address(draft.shipping_address)


def is_email(text: str) -> bool:
    """One `@`, a dot behind it, nothing that could break out of a header."""
    return len(text) <= EMAIL_CHARACTERS_MAX and EMAIL.fullmatch(text) is not None


def _errors_of_address(address: Mapping[str, Any]) -> Iterator[FieldError]:
    try:
        text = json.dumps(address, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        size = len(text.encode())
    except ValueError:
        yield FieldError("must be JSON that can be stored", "/shipping_address")
        return
    if "\\u0000" in text:
        yield FieldError("must not contain the character NUL", "/shipping_address")
    if size > ADDRESS_BYTES_MAX:
        yield FieldError(f"must be at most {ADDRESS_BYTES_MAX} bytes of JSON", "/shipping_address")


def _errors_of_items(items: Sequence[DraftItem], currency: str) -> Iterator[FieldError]:
    if not 1 <= len(items) <= LINES_MAX:
        yield FieldError(f"must be 1 to {LINES_MAX} items", "/items")
        return
    sums: dict[str, int] = {}
    for index, item in enumerate(items):
        if not IDENTIFIER.fullmatch(item.product_id):
            yield FieldError("must be 1-64 of A-Z a-z 0-9 . _ : -", f"/items/{index}/product_id")
        yield from _errors_of_quantity(index, item, sums)
        yield from _errors_of_price(index, item, currency)


def _errors_of_quantity(index: int, item: DraftItem, sums: dict[str, int]) -> Iterator[FieldError]:
    before = sums.get(item.product_id, 0)
    sums[item.product_id] = before + max(0, item.quantity)
    if item.quantity < 1:
        yield FieldError("must be at least 1", f"/items/{index}/quantity")
    elif before <= QUANTITY_MAX < sums[item.product_id]:
        yield FieldError(f"must be at most {QUANTITY_MAX} of one product", f"/items/{index}/quantity")


def _errors_of_price(index: int, item: DraftItem, currency: str) -> Iterator[FieldError]:
    if item.price is None:
        return
    if item.currency != currency:
        yield FieldError(f"must be {currency}", f"/items/{index}/unit_price/currency")
    if not 0 <= item.price < PRICE_MAX:
        yield FieldError(f"must be 0 or more and less than {PRICE_MAX}", f"/items/{index}/unit_price/amount")


@dataclass(frozen=True, slots=True)
class PricedLine:
    """A line with the price that is kept and shown, never decided on."""

    line: Line
    price: Decimal | None


def lines_of(draft: Draft, known: Mapping[str, KnownItem]) -> tuple[PricedLine, ...]:
    """The lines of an acceptable draft: those of one product are one, at its first mention."""
    groups: dict[str, list[DraftItem]] = {}
    for item in draft.items:
        groups.setdefault(item.product_id, []).append(item)
    return tuple(
        PricedLine(
            Line(
                line=number,
                product_id=product_id,
                name=known[product_id].name,
                quantity=sum(item.quantity for item in group),
                lead_days=known[product_id].lead_days,
            ),
            mean_price(group),
        )
        for number, (product_id, group) in enumerate(groups.items(), start=1)
    )


def mean_price(items: Sequence[DraftItem]) -> Decimal | None:
    """The mean of the prices told, weighted by their quantities, 4 decimals, half up; None if none is told."""
    priced = [(item.price, item.quantity) for item in items if item.price is not None]
    if not priced:
        return None
    total = sum((price * quantity for price, quantity in priced), Decimal(0))
    return (total / sum(quantity for _, quantity in priced)).quantize(PRICE_STEP, ROUND_HALF_UP)


def readable(text: str, characters_max: int = 64) -> str:
    """Foreign text such that it can be stored and sent on: without NUL, cut at a length."""
    clean = text.replace("\x00", "\N{REPLACEMENT CHARACTER}")
    return clean if len(clean) <= characters_max else clean[: characters_max - 1] + "…"


def bounded(number: int, least: int = -(2**31), most: int = 2**31 - 1) -> int:
    """A foreign number such that it can be stored."""
    return max(least, min(most, number))
