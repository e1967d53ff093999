"""The columns of an orders file in CSV: their names, and what one cell of each may hold."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Final

from deploy.local.orders_file.entries import GUEST, NOT_A_PRODUCT, PRICE_ZERO, QUANTITY_BELOW_ONE, UNREADABLE

NAMES: Final[Mapping[str, tuple[str, ...]]] = {
    "invoice": ("invoice", "invoiceno", "order_id"),
    "product": ("product", "stockcode", "product_id", "sku"),
    "quantity": ("quantity",),
    "date": ("date", "invoicedate"),
    "customer": ("customer", "customerid", "customer_id"),
    "price": ("unitprice", "unit_price", "price"),
    "currency": ("currency",),
    "name": ("description", "name"),
    "country": ("country",),
}
REQUIRED: Final = ("invoice", "product", "quantity", "date", "customer")
QUANTITY_MAX: Final = 2**53 - 1
DEFAULT_CURRENCY: Final = "GBP"

_IDENTIFIER = re.compile(r"[A-Za-z0-9._:-]{1,64}")
_NUMBER = re.compile(r"[+-]?[0-9]{1,16}")
_DAY_FIRST = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4})(?: (\d{1,2}):(\d{2})(?::(\d{2}))?)?")


class Unacceptable(Exception):
    """One row cannot be used: the column, the reason it is counted under, and what was found."""

    def __init__(self, column: str, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.column, self.reason, self.detail = column, reason, detail


@dataclass(frozen=True, slots=True)
class Header:
    """Where each known column stands, and what the file calls it."""

    positions: Mapping[str, int]
    titles: Mapping[str, str]

    def cell(self, column: str, row: Sequence[str]) -> str:
        """The text of a cell, stripped; empty if the file or the row does not have it."""
        position = self.positions.get(column)
        return row[position].strip() if position is not None and position < len(row) else ""

    def title(self, column: str) -> str:
        """The column's name as the file writes it."""
        return self.titles.get(column, column)


def header_of(names: Sequence[str]) -> Header:
    """Finds the known columns, by any of their names and without case; the first of two equal ones counts."""
    positions: dict[str, int] = {}
    titles: dict[str, str] = {}
    by_name = {name: column for column, known in NAMES.items() for name in known}
    for position, title in enumerate(names):
        column = by_name.get(title.strip().lower())
        if column is not None and column not in positions:
            positions[column], titles[column] = position, title.strip()
    return Header(positions, titles)


def missing_columns(header: Header) -> list[str]:
    """The columns that a file needs and this one lacks, each with the names it may have."""
    return ["|".join(NAMES[column]) for column in REQUIRED if column not in header.positions]


@dataclass(frozen=True, slots=True)
class Line:
    """One row that can be used; `quantity` is positive, `cancels` says in which direction."""

    invoice: str
    cancels: bool
    product_id: str
    name: str
    quantity: int
    moment: datetime
    customer_id: str
    price: Decimal | None
    currency: str
    country: str


def line_of(header: Header, row: Sequence[str]) -> Line:
    """The row's meaning.

    Raises:
        Unacceptable: with the first thing that is wrong with it, and the column.
    """
    invoice = _identifier(header, row, "invoice")
    cancels = invoice.upper().startswith("C")
    return Line(
        invoice=invoice,
        cancels=cancels,
        product_id=_product(header, row),
        name=header.cell("name", row),
        quantity=_quantity(header, row, cancels),
        moment=_moment(header, row),
        customer_id=_identifier(header, row, "customer") if header.cell("customer", row) else GUEST,
        price=_price(header, row),
        currency=header.cell("currency", row).upper() or DEFAULT_CURRENCY,
        country=header.cell("country", row),
    )


def _identifier(header: Header, row: Sequence[str], column: str) -> str:
    text = header.cell(column, row)
    if not _IDENTIFIER.fullmatch(text):
        raise Unacceptable(header.title(column), UNREADABLE, f"{text[:80]!r} is no id of 1-64 of A-Z a-z 0-9 . _ : -")
    return text


def _product(header: Header, row: Sequence[str]) -> str:
    code = header.cell("product", row).upper()
    if code and not code[0].isascii():
        raise Unacceptable(header.title("product"), UNREADABLE, f"{code[:80]!r}")
    if not code[:1].isdigit():
        raise Unacceptable(header.title("product"), NOT_A_PRODUCT, f"{code[:80]!r}")
    return _identifier(header, row, "product").upper()


def _quantity(header: Header, row: Sequence[str], cancels: bool) -> int:
    text = header.cell("quantity", row)
    title = header.title("quantity")
    if not _NUMBER.fullmatch(text) or abs(int(text)) > QUANTITY_MAX:
        raise Unacceptable(title, UNREADABLE, f"{text[:80]!r} is no whole number")
    quantity = int(text)
    if cancels and quantity >= 0:
        raise Unacceptable(title, UNREADABLE, f"{quantity} in a cancellation, where it is negative")
    if not cancels and quantity < 1:
        raise Unacceptable(title, QUANTITY_BELOW_ONE, str(quantity))
    return abs(quantity)


def _moment(header: Header, row: Sequence[str]) -> datetime:
    text = header.cell("date", row)
    try:
        return _day_first(text) or _in_utc(datetime.fromisoformat(text))
    except (ValueError, OverflowError):
        raise Unacceptable(header.title("date"), UNREADABLE, f"{text[:80]!r} is neither d/m/yyyy nor ISO") from None


def _day_first(text: str) -> datetime | None:
    match = _DAY_FIRST.fullmatch(text)
    if match is None:
        return None
    day, month, year, hour, minute, second = (int(part or 0) for part in match.groups())
    return datetime(year, month, day, hour, minute, second, tzinfo=UTC)


def _in_utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _price(header: Header, row: Sequence[str]) -> Decimal | None:
    text = header.cell("price", row)
    if not text:
        return None
    try:
        price = Decimal(text)
    except InvalidOperation:
        raise Unacceptable(header.title("price"), UNREADABLE, f"{text[:80]!r} is no number") from None
    if not price.is_finite() or price < 0 or not _fits(price):
        raise Unacceptable(header.title("price"), UNREADABLE, f"{text[:80]!r} is no price")
    if price == 0:
        raise Unacceptable(header.title("price"), PRICE_ZERO, text[:80])
    return price


def _fits(price: Decimal) -> bool:
    exponent = price.as_tuple().exponent
    return isinstance(exponent, int) and -12 <= exponent <= 12 and price.adjusted() < 12
