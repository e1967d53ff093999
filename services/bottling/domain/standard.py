"""What a batch should have cost by its recipe, and why it cost more or less: price, usage, yield."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from services.bottling.domain.cost import exact_product, exact_sum, to_four_places
from services.bottling.domain.recipe import Ingredient, Recipe


@dataclass(frozen=True, slots=True)
class Standard:
    """Money: a unit and all good units of a batch by the recipe, and what was paid more (or less, negative) by cause.

    price = the materials that were used, at what they cost instead of their standard price; usage = more of them than
    the recipe has for the units produced; loss (yield) = units produced that were not good.
    """

    unit: Decimal
    total: Decimal
    price: Decimal
    usage: Decimal
    loss: Decimal


@dataclass(frozen=True, slots=True)
class Used:
    """Base units of a material that a batch used up, and what all of them cost."""

    quantity: int
    cost: Decimal


def standard_unit_cost(recipe: Recipe) -> Fraction | None:
    """What one unit costs by the recipe, exactly; None unless every material has a standard price."""
    materials = _materials_per_unit(recipe)
    return None if materials is None else materials + Fraction(recipe.labour_cost) + Fraction(recipe.overhead_cost)


def _materials_per_unit(recipe: Recipe) -> Fraction | None:
    total = Fraction(0)
    for part in recipe.materials:
        if part.standard_price is None:
            return None
        total += Fraction(part.standard_price) * part.per_unit
    return total


def compare(
    recipe: Recipe, used: Mapping[str, Used], actual_total: Decimal, produced: int, good: int
) -> Standard | None:
    """The standard of `good` units and the variance of the actual total by cause; None without a standard.

    What is rounded (half up, four decimals) are the standard's total and the usage; the causes add up to the difference
    of both totals to the last digit, for the yield takes what is left.
    """
    unit, materials = standard_unit_cost(recipe), _materials_per_unit(recipe)
    if unit is None or materials is None:
        return None
    total = to_four_places(unit * good)
    expected = exact_sum(_at_standard(part, used) for part in recipe.materials)
    price = exact_sum((*(one.cost for one in used.values()), -expected))
    usage = to_four_places(Fraction(expected) - materials * produced)
    loss = exact_sum((actual_total, -total, -price, -usage))
    return Standard(to_four_places(unit), total, price, usage, loss)


def _at_standard(part: Ingredient, used: Mapping[str, Used]) -> Decimal:
    quantity = used[part.material_id].quantity if part.material_id in used else 0
    return exact_product(part.standard_price or Decimal(0), quantity)
