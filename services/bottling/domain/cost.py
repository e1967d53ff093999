"""Cost of a batch: materials as issued, labour and overhead of every unit produced, borne by the good units."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Context, Decimal, Inexact, InvalidOperation
from fractions import Fraction
from math import floor
from typing import Final

FOUR_PLACES: Final = Decimal("0.0001")
_EXACT: Final = Context(prec=200, traps=[Inexact, InvalidOperation])


@dataclass(frozen=True, slots=True)
class Cost:
    """Money of one batch; `total` is the exact sum, `unit` = total divided by good units, to four places."""

    materials: Decimal
    labour: Decimal
    overhead: Decimal
    total: Decimal
    unit: Decimal


def cost_of(
    materials: Iterable[Decimal], labour_each: Decimal, overhead_each: Decimal, produced: int, good: int
) -> Cost:
    """The cost of `produced` units of which `good` are to bear it.

    Labour and overhead are counted by produced units: a defective unit took the same hands and hours as a good one, and
    a unit that was planned but never made took none.
    """
    used = exact_sum(materials)
    labour, overhead = exact_product(labour_each, produced), exact_product(overhead_each, produced)
    total = exact_sum((used, labour, overhead))
    return Cost(used, labour, overhead, total, to_four_places(Fraction(total) / good))


def to_four_places(amount: Fraction) -> Decimal:
    """Rounded half up to four decimals, once."""
    return Decimal(floor(amount * 10_000 + Fraction(1, 2))).scaleb(-4, _EXACT)


def exact_product(amount: Decimal, units: int) -> Decimal:
    """What `units` cost at `amount` each, without rounding."""
    return _EXACT.multiply(amount, Decimal(units))


def exact_sum(amounts: Iterable[Decimal]) -> Decimal:
    """The sum without rounding."""
    total = Decimal(0)
    for amount in amounts:
        total = _EXACT.add(total, amount)
    return total


def at_least_four_places(amount: Decimal) -> Decimal:
    """The same amount, written with four decimals or as many as it has."""
    exponent = amount.as_tuple().exponent
    if isinstance(exponent, int) and exponent <= -4:
        return amount
    return _EXACT.quantize(amount, FOUR_PLACES)
