"""The cost of a batch is an exact sum, borne by its good units."""

from decimal import Decimal
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from services.bottling.domain.cost import at_least_four_places, cost_of, exact_sum

money = st.decimals(min_value=0, max_value=10**11, allow_nan=False, places=12)
each = st.decimals(min_value=0, max_value=1_000_000, allow_nan=False, places=6)


@given(st.lists(money, max_size=20), each, each, st.integers(1, 100_000), st.data())
def test_the_total_is_the_sum_of_its_parts_to_the_last_digit(
    materials: list[Decimal], labour: Decimal, overhead: Decimal, produced: int, data: st.DataObject
) -> None:
    good = data.draw(st.integers(1, produced))
    cost = cost_of(materials, labour, overhead, produced, good)
    assert Fraction(cost.materials) == sum(map(Fraction, materials))
    assert Fraction(cost.labour) == Fraction(labour) * produced
    assert Fraction(cost.overhead) == Fraction(overhead) * produced
    assert Fraction(cost.total) == Fraction(cost.materials) + Fraction(cost.labour) + Fraction(cost.overhead)


@given(st.lists(money, max_size=20), each, st.integers(1, 100_000), st.data())
def test_a_unit_costs_its_share_rounded_half_up_to_four_places(
    materials: list[Decimal], labour: Decimal, produced: int, data: st.DataObject
) -> None:
    good = data.draw(st.integers(1, produced))
    cost = cost_of(materials, labour, Decimal(0), produced, good)
    difference = Fraction(cost.unit) - Fraction(cost.total) / good
    assert Fraction(-1, 20_000) < difference <= Fraction(1, 20_000)
    assert cost.unit.as_tuple().exponent == -4


def test_good_units_bear_what_the_defective_ones_took() -> None:
    cost = cost_of([Decimal("52.00")], Decimal("0.75"), Decimal("0.25"), produced=10, good=8)
    assert (cost.materials, cost.labour, cost.overhead) == (Decimal("52.00"), Decimal("7.50"), Decimal("2.50"))
    assert (cost.total, cost.unit) == (Decimal("62.00"), Decimal("7.7500"))


def test_half_of_the_last_place_is_rounded_up() -> None:
    assert cost_of([Decimal("0.0001")], Decimal(0), Decimal(0), 2, 2).unit == Decimal("0.0001")


@given(st.lists(money, max_size=20), st.data())
def test_a_sum_does_not_depend_on_its_order(amounts: list[Decimal], data: st.DataObject) -> None:
    assert exact_sum(data.draw(st.permutations(amounts))) == exact_sum(amounts)


@given(money)
def test_an_amount_is_written_with_four_places_or_more_and_stays_the_same(amount: Decimal) -> None:
    for written in (at_least_four_places(amount), at_least_four_places(amount.normalize())):
        exponent = written.as_tuple().exponent
        assert written == amount
        assert isinstance(exponent, int) and exponent <= -4
