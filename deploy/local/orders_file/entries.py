"""What a file of orders is made of: orders, cancellations of them, and rows that are neither, each with its place."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

NOT_A_PRODUCT = "product code without a digit-led number"
PRICE_ZERO = "price 0"
QUANTITY_BELOW_ONE = "quantity below 1"
UNREADABLE = "unreadable row"
TOO_LARGE = "record over 1 MiB"
NOT_IN_FILE = "cancellation of an order not in the file"
OTHER_CURRENCY = "price in another currency, not sent"

GUEST = "guest"
ORDERED_MAX = 100_000


@dataclass(frozen=True, slots=True)
class Order:
    """One order as it will be submitted; `row` is its last row, `prices_left_out` counts lines sent without price."""

    submission: Mapping[str, Any]
    row: int
    prices_left_out: int = 0

    @property
    def identity(self) -> tuple[str, str]:
        """`source` and `external_id`: a repeat is the same order."""
        return self.submission["source"], self.submission["external_id"]


@dataclass(frozen=True, slots=True)
class Cancellation:
    """Units given up of an earlier order of the file; `items` = units per product in all, None = the whole order."""

    source: str
    external_id: str
    items: Mapping[str, int] | None
    reason: str
    row: int

    @property
    def identity(self) -> tuple[str, str]:
        """The order that it is about."""
        return self.source, self.external_id


@dataclass(frozen=True, slots=True)
class Skipped:
    """A row that was left out: where it stands, why, and what was found there."""

    file: str
    row: int
    column: str
    reason: str
    detail: str

    def __str__(self) -> str:
        return f"{self.file}, row {self.row}, column {self.column}: {self.reason}: {self.detail}"


Entry = Order | Cancellation | Skipped


@dataclass(slots=True)
class Product:
    """A product of the file: its name, and the units that its orders ask for."""

    name: str
    demand: int = 0


@dataclass(slots=True)
class Survey:
    """What the first pass over a file learns: enough to read it a second time without keeping its rows."""

    products: dict[str, Product] = field(default_factory=dict)
    rows_of: dict[str, int] = field(default_factory=dict)
    cancelling: set[str] = field(default_factory=set)

    def ask(self, product_id: str, name: str, quantity: int) -> None:
        """Adds what an order may ask for to a product's demand; the first name that is told stays."""
        product = self.products.setdefault(product_id, Product(name=name or product_id))
        if product.name == product_id and name:
            product.name = name
        if 1 <= quantity <= ORDERED_MAX:
            product.demand += quantity


class FileError(Exception):
    """The file as a whole cannot be used; one line with file, row and column where they are known."""

    def __init__(self, file: Path, why: str, *, row: int | None = None, column: str | int | None = None) -> None:
        place = str(file)
        if row is not None:
            place += f", row {row}"
        if column is not None:
            place += f", column {column}"
        super().__init__(f"{place}: {why}")
