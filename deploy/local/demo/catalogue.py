"""What the demo sells and makes it of: products with opening stock, materials, and a recipe for each product."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import ROUND_CEILING, Decimal
from typing import Final

from deploy.local.orders_file.entries import Survey

OPENING_SHARE: Final = 60
_IDENTIFIER = re.compile(r"[A-Za-z0-9._:-]{1,64}")


@dataclass(frozen=True, slots=True)
class Material:
    """A raw material; `share` percent of the expected need is in the house when the demo begins."""

    material_id: str
    name: str
    unit: str
    cost: str
    share: int = 110


@dataclass(frozen=True, slots=True)
class Ingredient:
    """What one unit of a product takes of a material, and the percentage that is spilled."""

    material_id: str
    per_unit: str
    waste_percent: str = "0"

    def need(self, units: int) -> int:
        """The material for a batch, rounded up once (contract, section 6)."""
        exact = units * Decimal(self.per_unit) * (1 + Decimal(self.waste_percent) / 100)
        return int(exact.to_integral_value(ROUND_CEILING))


@dataclass(frozen=True, slots=True)
class Product:
    """A perfume in a bottle."""

    product_id: str
    name: str
    opening: int
    expected_short: int
    recipe: tuple[Ingredient, ...]
    safety_stock: int = 0
    alternatives: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Everything that is to be known before the first order."""

    products: Mapping[str, Product]
    materials: Mapping[str, Material]
    deliveries: Mapping[str, int] = field(default_factory=dict)


def catalogue(products: Iterable[Product], materials: Iterable[Material]) -> Catalogue:
    """The catalogue with each material's first delivery: its share of what the expected shortages will take."""
    made = {product.product_id: product for product in products}
    known = {material.material_id: material for material in materials}
    need = dict.fromkeys(known, 0)
    for product in made.values():
        for ingredient in product.recipe:
            need[ingredient.material_id] += ingredient.need(product.expected_short)
    deliveries = {name: 1 + quantity * known[name].share // 100 for name, quantity in need.items()}
    return Catalogue(made, known, deliveries)


GENERIC = (
    Material("PERFUME-BASE", "Perfume, house blend", "ml", "0.0900"),
    Material("BOTTLE-50", "Bottle 50 ml with pump", "pcs", "0.6200"),
    Material("LABEL-50", "Label 50 ml", "pcs", "0.0400"),
    Material("CARTON-50", "Folding carton 50 ml", "pcs", "0.1100"),
)
GENERIC_RECIPE = (
    Ingredient("PERFUME-BASE", "50", "2"),
    Ingredient("BOTTLE-50", "1", "0.5"),
    Ingredient("LABEL-50", "1", "1"),
    Ingredient("CARTON-50", "1"),
)


def catalogue_of_file(survey: Survey) -> Catalogue:
    """Every product of an orders file, with the generic recipe and 60 % of its demand in stock."""
    return catalogue(
        (
            Product(name, product.name[:200], opening_of(product.demand), product.demand, GENERIC_RECIPE)
            for name, product in survey.products.items()
            if _IDENTIFIER.fullmatch(name)
        ),
        GENERIC,
    )


def opening_of(demand: int) -> int:
    """The opening stock for a demand."""
    return demand * OPENING_SHARE // 100


_SCENTS = {
    "AMBRE": "Ambre Nocturne",
    "CEDRE": "Cèdre Blanc",
    "FIGUE": "Figue d'Été",
    "IRIS": "Iris Poudré",
    "JASMIN": "Jasmin Clair",
    "NEROLI": "Néroli Bleu",
    "OUD": "Oud Royal",
    "ROSE": "Rose de Mai",
    "VANILLE": "Vanille Fumée",
    "VETIVER": "Vétiver Sec",
}
_SIZES = (30, 50, 100)


def sample_products() -> dict[str, str]:
    """The thirty perfumes of the demo's own sample: id and name."""
    return {f"EDP-{scent}-{size}": f"{name} {size} ml" for scent, name in _SCENTS.items() for size in _SIZES}


def catalogue_of_sample(demand: Mapping[str, int]) -> Catalogue:
    """The demo's own perfumes; one material, the label of the 50 ml bottle, is delivered short of the need."""
    return catalogue((_perfume(name, demand.get(name, 0)) for name in sample_products()), _sample_materials())


def _perfume(product_id: str, demand: int) -> Product:
    _, scent, size = product_id.split("-")
    others = tuple(f"EDP-{scent}-{other}" for other in _SIZES if str(other) != size)
    return Product(
        product_id,
        sample_products()[product_id],
        opening_of(demand),
        demand - opening_of(demand),
        (
            Ingredient(f"PERFUME-{scent}", size, "2"),
            Ingredient(f"BOTTLE-{size}", "1", "0.5"),
            Ingredient(f"LABEL-{size}", "1", "1"),
            Ingredient(f"CARTON-{size}", "1"),
        ),
        safety_stock=10,
        alternatives=others,
    )


def _sample_materials() -> list[Material]:
    perfumes = [Material(f"PERFUME-{scent}", f"Perfume {name}", "ml", "0.1800") for scent, name in _SCENTS.items()]
    per_size = [
        Material(f"{kind}-{size}", f"{kind.capitalize()} {size} ml", "pcs", cost, _share(kind, size))
        for size in _SIZES
        for kind, cost in (("BOTTLE", "0.6200"), ("LABEL", "0.0400"), ("CARTON", "0.1100"))
    ]
    return perfumes + per_size


def _share(kind: str, size: int) -> int:
    return 40 if (kind, size) == ("LABEL", 50) else 110
