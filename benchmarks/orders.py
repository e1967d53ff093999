"""What is ordered: orders of three lines over 1,000 products, all alike or with one product in every order."""

import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final, Literal

Kind = Literal["uniform", "hot"]

PRODUCTS: Final = 1_000
LINES: Final = 3
QUANTITY_MAX: Final = 5
STOCK: Final = 50_000_000
CUSTOMERS: Final = 10_000
ADDRESS: Final = {"name": "A. Customer", "street": "Rue des Fleurs 1", "city": "Grasse", "country": "FR"}


def product_id(number: int) -> str:
    """The id of a product of the benchmark; number 0 is the hot one."""
    return f"BENCH-{number:04d}"


@dataclass
class Book:
    """Every order of a run, and how many units of each product they ask for."""

    kind: Kind
    run: str
    chance: random.Random = field(init=False)
    orders: int = 0
    units: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.chance = random.Random(self.run)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return self

    def __next__(self) -> dict[str, Any]:
        """The body of the next `POST /api/orders`."""
        self.orders += 1
        wanted = {id: self.chance.randint(1, QUANTITY_MAX) for id in self._products()}
        self.units.update(wanted)
        return {
            "customer_id": f"C-{self.chance.randrange(CUSTOMERS)}",
            "items": [{"product_id": id, "quantity": quantity} for id, quantity in wanted.items()],
            "shipping_address": ADDRESS,
            "on_shortage": "reject",
            "auto_confirm": True,
        }

    def _products(self) -> list[str]:
        if self.kind == "uniform":
            chosen = self.chance.sample(range(PRODUCTS), LINES)
        else:
            chosen = self.chance.sample(range(1, PRODUCTS), LINES)
            chosen[self.chance.randrange(LINES)] = 0
        return [product_id(number) for number in chosen]
