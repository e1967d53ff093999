"""Request bodies, as the contract has them; unknown fields are refused."""

from decimal import Decimal
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from services.bottling.domain.commands import Inspect, Measure, Rejected
from services.bottling.domain.recipe import Ingredient, Recipe
from shared.contracts.values import DecimalText, Identifier, Quantity, Text
from shared.runtime.problems import Refused, invalid

Amount = Annotated[DecimalText, Field(ge=0, le=1_000_000, decimal_places=6)]
Units = Annotated[int, Field(strict=True, ge=1, le=1_000_000)]
Reason = Annotated[Text, Field(min_length=1, max_length=1000)]
Name = Annotated[Text, Field(min_length=1, max_length=200)]


class Body(BaseModel):
    """A request's body or a part of it."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class MoneyBody(Body):
    """Money per unit; without `currency` in the installation's."""

    amount: Amount
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")] | None = None


class IngredientBody(Body):
    """One material: base units per unit of the product, the share lost on the way, and the price it should have."""

    material_id: Identifier
    quantity_per_unit: Annotated[DecimalText, Field(gt=0, le=1_000_000)]
    waste_percent: Annotated[DecimalText, Field(ge=0, le=1000)] = Decimal(0)
    standard_price: MoneyBody | None = None

    def ingredient(self) -> Ingredient:
        price = None if self.standard_price is None else self.standard_price.amount
        return Ingredient(self.material_id, self.quantity_per_unit, self.waste_percent, price)


class RecipeBody(Body):
    """A recipe or a version of one."""

    recipe_id: Identifier | None = None
    product_id: Identifier
    materials: Annotated[tuple[IngredientBody, ...], Field(min_length=1, max_length=200)]
    labour_cost: MoneyBody
    overhead_cost: MoneyBody
    expected_minutes: Annotated[int, Field(strict=True, ge=1, le=525_600)]
    shelf_life_days: Annotated[int, Field(strict=True, ge=1, le=36_500)] | None
    replenishment: Literal["off", "plan", "plan_and_start"] = "off"
    batch_size: Units | None = None

    def recipe(self, currency: str) -> Recipe:
        """The recipe, with costs in the installation's currency; Refused (422) for costs in another."""
        costs = {"/labour_cost": self.labour_cost, "/overhead_cost": self.overhead_cost}
        costs |= {
            f"/materials/{place}/standard_price": part.standard_price
            for place, part in enumerate(self.materials)
            if part.standard_price is not None
        }
        foreign = [f"{place}/currency" for place, cost in costs.items() if cost.currency not in (None, currency)]
        if foreign:
            detail = f"costs are in {currency}"
            raise Refused(invalid(detail, *((detail, place) for place in foreign)))
        return Recipe(
            product_id=self.product_id,
            materials=tuple(part.ingredient() for part in self.materials),
            labour_cost=self.labour_cost.amount,
            overhead_cost=self.overhead_cost.amount,
            currency=currency,
            expected_minutes=self.expected_minutes,
            shelf_life_days=self.shelf_life_days,
            replenishment=self.replenishment,
            batch_size=self.batch_size,
        )


class PlanBody(Body):
    """A batch of a product, or of a recipe."""

    product_id: Identifier | None = None
    recipe_id: Identifier | None = None
    quantity: Annotated[int, Field(strict=True, ge=1)]

    @model_validator(mode="after")
    def _names_what_to_make(self) -> Self:
        if self.product_id is None and self.recipe_id is None:
            raise ValueError("product_id or recipe_id is needed")
        return self


class RejectedBody(Body):
    """Units that failed an inspection for one reason."""

    reason_code: Identifier
    quantity: Units


class MeasureBody(Body):
    """A measured value and its limits."""

    name: Name
    value: DecimalText
    low: DecimalText | None = None
    high: DecimalText | None = None

    @model_validator(mode="after")
    def _limits_in_order(self) -> Self:
        if self.low is not None and self.high is not None and self.low > self.high:
            raise ValueError("low must not be above high")
        return self


class InspectionBody(Body):
    """One quality check."""

    inspected: Units
    accepted: Annotated[int, Field(strict=True, ge=0, le=1_000_000)]
    rejected: Annotated[tuple[RejectedBody, ...], Field(max_length=100)]
    measures: Annotated[tuple[MeasureBody, ...], Field(max_length=100)] = ()

    def command(self) -> Inspect:
        return Inspect(
            self.inspected,
            self.accepted,
            tuple(Rejected(part.reason_code, part.quantity) for part in self.rejected),
            tuple(Measure(part.name, part.value, part.low, part.high) for part in self.measures),
        )


class ConsumedBody(Body):
    """What was used of one material, in all."""

    material_id: Identifier
    consumed: Quantity


Consumed = Annotated[tuple[ConsumedBody, ...], Field(max_length=200)]


def consumed_of(materials: tuple[ConsumedBody, ...] | None, name: str) -> dict[str, int]:
    """Consumption by material; Refused (422) when one is named twice."""
    found: dict[str, int] = {}
    for place, part in enumerate(materials or ()):
        if part.material_id in found:
            detail = f"material {part.material_id} is listed twice"
            raise Refused(invalid(detail, (detail, f"/{name}/{place}/material_id")))
        found[part.material_id] = part.consumed
    return found


class ConsumptionBody(Body):
    """Actual consumption; without `materials` all was used as issued."""

    materials: Consumed | None = None


class CancelBody(Body):
    """Why a batch is given up before its materials are issued."""

    reason: Reason


class FailBody(Body):
    """Why a batch is given up after that, and what it used."""

    reason: Reason
    consumed: Consumed | None = None
