"""The standard cost of a batch, and its variance by cause, which adds up to the last digit."""

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from services.bottling.domain.commands import Complete, Consume, Inspect, Rejected, Start
from services.bottling.domain.cost import cost_of
from services.bottling.domain.recipe import Ingredient, Recipe
from services.bottling.domain.standard import Used, compare, standard_unit_cost
from tests.unit.bottling.building import BOTTLE, PERFUME, RECIPE, answered, commanded, planned

PRICED = replace(
    RECIPE,
    materials=(
        replace(PERFUME, standard_price=Decimal("0.10")),
        replace(BOTTLE, standard_price=Decimal("1.00")),
    ),
)
NONE = Decimal(0)
UNIT = Decimal("7.1000")  # 51 ml at 0.10, a bottle at 1.00, 0.75 labour, 0.25 overhead

amounts = st.decimals(min_value=0, max_value=10**9, allow_nan=False, places=4)
prices = st.decimals(min_value=0, max_value=1_000_000, allow_nan=False, places=6)
per_unit = st.decimals(min_value="0.000000000001", max_value=1_000_000, allow_nan=False, places=12)
waste = st.decimals(min_value=0, max_value=1000, allow_nan=False, places=12)


@st.composite
def recipes(draw: st.DrawFn) -> Recipe:
    parts = [
        Ingredient(f"m{place}", draw(per_unit), draw(waste), draw(prices)) for place in range(draw(st.integers(1, 4)))
    ]
    return replace(RECIPE, materials=tuple(parts), labour_cost=draw(prices), overhead_cost=draw(prices))


@given(recipes(), st.integers(1, 100_000), st.data())
def test_the_causes_add_up_to_the_variance_to_the_last_digit(
    recipe: Recipe, produced: int, data: st.DataObject
) -> None:
    good = data.draw(st.integers(1, produced))
    used = {part.material_id: Used(data.draw(st.integers(0, 10**9)), data.draw(amounts)) for part in recipe.materials}
    cost = cost_of((one.cost for one in used.values()), recipe.labour_cost, recipe.overhead_cost, produced, good)
    found = compare(recipe, used, cost.total, produced, good)
    assert found is not None
    causes = Fraction(found.price) + Fraction(found.usage) + Fraction(found.loss)
    assert causes == Fraction(cost.total) - Fraction(found.total)
    unit = standard_unit_cost(recipe)
    assert unit is not None
    half = Fraction(1, 20_000)
    at_standard = sum(
        (Fraction(part.standard_price or 0) * used[part.material_id].quantity for part in recipe.materials), Fraction(0)
    )
    materials = unit - Fraction(recipe.labour_cost) - Fraction(recipe.overhead_cost)
    assert abs(Fraction(found.total) - unit * good) <= half
    assert Fraction(found.price) == sum(Fraction(one.cost) for one in used.values()) - at_standard
    assert abs(Fraction(found.usage) - (at_standard - materials * produced)) <= half
    assert abs(Fraction(found.loss) - unit * (produced - good)) <= 2 * half


def test_a_batch_made_exactly_by_its_recipe_has_no_variance() -> None:
    used = {"perfume": Used(510, Decimal("51.00")), "bottle": Used(10, Decimal("10.00"))}
    found = compare(PRICED, used, Decimal("71.00"), 10, 10)
    assert found is not None
    assert (found.unit, found.total) == (UNIT, Decimal("71.0000"))
    assert (found.price, found.usage, found.loss) == (NONE, NONE, NONE)


def test_each_cause_stands_alone() -> None:
    dear = compare(
        PRICED, {"perfume": Used(510, Decimal("61.20")), "bottle": Used(10, Decimal(10))}, Decimal("81.20"), 10, 10
    )
    more = compare(
        PRICED, {"perfume": Used(530, Decimal("53.00")), "bottle": Used(10, Decimal(10))}, Decimal("73.00"), 10, 10
    )
    lost = compare(
        PRICED, {"perfume": Used(510, Decimal("51.00")), "bottle": Used(10, Decimal(10))}, Decimal("71.00"), 10, 8
    )
    assert dear is not None and more is not None and lost is not None
    assert (dear.price, dear.usage, dear.loss) == (Decimal("10.20"), NONE, NONE)
    assert (more.price, more.usage, more.loss) == (NONE, Decimal("2.0000"), NONE)
    assert (lost.price, lost.usage, lost.loss) == (NONE, NONE, Decimal("14.2000"))


def test_a_recipe_with_a_material_without_a_standard_price_has_no_standard() -> None:
    half = replace(PRICED, materials=(PRICED.materials[0], BOTTLE))
    assert standard_unit_cost(half) is None
    assert compare(half, {}, Decimal(0), 1, 1) is None


def test_completion_compares_what_inventory_kept_with_the_frozen_recipe() -> None:
    running = answered(commanded(answered(replace(planned(), recipe=PRICED), "reserved"), Start()), "issued")
    checked = commanded(running, Inspect(10, 8, (Rejected("leak", 2),)), Consume({}))
    completed = commanded(answered(checked, "settled", returned=1), Complete())
    assert completed.standard is not None
    assert completed.cost is not None
    # 509 ml and 9 bottles, each at 0.10, were kept of what cost 51.00 and 1.00
    assert completed.standard.price == Decimal("52.00") - Decimal("59.90")
    assert completed.standard.usage == Decimal("-1.1000")
    assert completed.standard.loss == 2 * UNIT
    assert completed.standard.total == 8 * UNIT
