"""The demo's own orders file, the same at every run: 540 orders with everything that happens to orders in real life."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, Final

from deploy.local.demo.catalogue import sample_products

SEED: Final = 1921
ORDERS: Final = 540
ORDINARY_QUANTITY_MAX: Final = 60
_NAMES = ("Ada", "Bruno", "Chloe", "Dario", "Elif", "Finn", "Greta", "Hugo", "Ines", "Jonas", "Kaya", "Lena")
_CITIES = ("Grasse", "Lyon", "Wien", "Porto", "Gent", "Turin", "Brno", "Aarhus")
_BAD_LINES = (
    "this line is no order",
    '["an", "array"]',
    '{"external_id": "S-NO-ITEMS", "customer_id": "ada-1", "shipping_address": {}}',
    '{"external_id": "S-TEXT", "customer_id": "ada-1", "items": [{"product_id": "EDP-OUD-50", "quantity": "many"}], '
    '"shipping_address": {}}',
    '{"external_id": "no id at all", "customer_id": "ada-1", "items": [], "shipping_address": {}}',
    '{"cancel": "S-9999", "reason": "of an order that is not in the file"}',
)


@dataclass(slots=True)
class Lines:
    """The file while it is written; `demand` = units that ordinary orders ask for."""

    random: Random
    texts: list[str] = field(default_factory=list)
    demand: dict[str, int] = field(default_factory=dict)

    def add(self, content: dict[str, Any]) -> None:
        """Writes one line."""
        self.texts.append(json.dumps(content, ensure_ascii=False, separators=(",", ":")))


def sample() -> Lines:
    """The lines of the file, and the demand of its ordinary orders."""
    lines = Lines(Random(SEED))
    for number in range(1, ORDERS + 1):
        order = _order(lines.random, number)
        lines.add(order)
        _count(lines.demand, order)
        for later in _afterwards(number, order):
            lines.add(later)
    for unusual in _unacceptable():
        lines.add(unusual)
    lines.texts[100:100] = _BAD_LINES
    return lines


def write(path: Path, lines: Lines) -> None:
    """Writes the file, so that a row that the demo speaks of can be looked up."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines.texts) + "\n", encoding="utf-8")


def _order(random: Random, number: int) -> dict[str, Any]:
    name = random.choice(_NAMES)
    return {
        "external_id": f"S-{number:04}",
        "customer_id": f"{name.lower()}-{random.randint(1, 9)}",
        "items": _items(random),
        "shipping_address": {"name": name, "city": random.choice(_CITIES)},
        "priority": random.choice((0, 0, 0, 0, 0, 0, 1, 3, 5, 9)),
        "on_shortage": random.choice(("backorder", "backorder", "backorder", "partial", "partial", "reject")),
        "auto_confirm": random.random() < 0.8,
    }


def _items(random: Random) -> list[dict[str, Any]]:
    products = random.sample(sorted(sample_products()), random.choice((1, 1, 2, 2, 3, 4, 6)))
    items: list[dict[str, Any]] = [{"product_id": product, "quantity": _quantity(random)} for product in products]
    items[0]["unit_price"] = {"amount": f"{random.randint(2900, 18900) / 100:.2f}", "currency": "EUR"}
    if random.random() < 0.1:
        items.append({"product_id": products[0], "quantity": 1})
    return items


def _quantity(random: Random) -> int:
    return min(ORDINARY_QUANTITY_MAX, 1 + int(random.expovariate(0.12)))


def _count(demand: dict[str, int], order: dict[str, Any]) -> None:
    for item in order["items"]:
        demand[item["product_id"]] = demand.get(item["product_id"], 0) + item["quantity"]


def _afterwards(number: int, order: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """What follows some of the orders: the same line once more, a whole cancel, a cancel of one line."""
    first = order["items"][0]
    if number % 20 == 3:
        yield order
    if number % 18 == 5:
        yield {"cancel": order["external_id"], "reason": "changed my mind"}
    elif number % 18 == 11:
        units = (first["quantity"] + 1) // 2
        yield {
            "cancel": order["external_id"],
            "items": [{"product_id": first["product_id"], "quantity": units}],
            "reason": "too many",
        }


def _unacceptable() -> Iterator[dict[str, Any]]:
    """Orders that can be read and are refused: too much at once, unknown products, quantities and lines past limits."""
    for number, product in enumerate(("EDP-OUD-100", "EDP-ROSE-50", "EDP-IRIS-30"), start=1):
        yield _refused(f"S-LARGE-{number}", [{"product_id": product, "quantity": 20_000}])
    for number in range(1, 4):
        yield _refused(f"S-UNKNOWN-{number}", [{"product_id": f"EDP-NOWHERE-{number}", "quantity": 1}])
    for quantity in (0, -3, 100_001):
        yield _refused(f"S-QUANTITY-{quantity}", [{"product_id": "EDP-OUD-50", "quantity": quantity}])
    yield _refused("S-NOTHING", [])
    yield _refused("S-LINES", [{"product_id": "EDP-OUD-50", "quantity": 1}] * 1001)


def _refused(external_id: str, items: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "external_id": external_id,
        "customer_id": "hugo-1",
        "items": items,
        "shipping_address": {"name": "Hugo", "city": "Grasse"},
        "on_shortage": "reject",
        "auto_confirm": True,
    }
