"""What clients send: items, baskets, receipts, counts, adjustments, corrections."""

from datetime import date
from typing import Annotated, Any, Final, Literal
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints, model_validator

from services.inventory.domain.deviations import Check
from shared.contracts.values import DecimalText, Identifier

LINES_MAX: Final = 1000
ALTERNATIVES_MAX: Final = 50
UNITS_MAX: Final = 10**9
LEAD_DAYS_MAX: Final = 3650

Units = Annotated[int, Field(ge=1, le=UNITS_MAX)]
UnitsOrNone = Annotated[int, Field(ge=0, le=UNITS_MAX)]
Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
Reason = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=1000)]
Alternatives = Annotated[tuple[Identifier, ...], Field(max_length=ALTERNATIVES_MAX)]
Days = Annotated[int, Field(ge=0, le=LEAD_DAYS_MAX)]


class Body(BaseModel):
    """JSON from a client: exact types, no unknown field."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class NewProduct(Body):
    """A finished good, counted in pieces."""

    product_id: Identifier
    name: Name
    min_stock_level: UnitsOrNone = 0
    reorder_point: UnitsOrNone = 0
    reorder_quantity: Units | None = None
    lead_days: Days = 14
    min_life_days: Days = 0
    alternatives: Alternatives = ()
    active: bool = True


class NewMaterial(Body):
    """Perfume, bottle, label, packaging; counted in its base unit."""

    material_id: Identifier
    name: Name
    unit: Literal["ml", "g", "pcs"]
    min_stock_level: UnitsOrNone = 0
    reorder_point: UnitsOrNone = 0
    reorder_quantity: Units | None = None
    lead_days: Days = 14
    min_life_days: Days = 0
    alternatives: Alternatives = ()
    active: bool = True


class ProductChange(Body):
    """The fields that are to be others."""

    name: Name = ""
    min_stock_level: UnitsOrNone = 0
    reorder_point: UnitsOrNone = 0
    reorder_quantity: Units | None = None
    lead_days: Days = 14
    min_life_days: Days = 0
    alternatives: Alternatives = ()
    active: bool = True

    @property
    def fields(self) -> dict[str, Any]:
        """What was sent, and nothing else."""
        return self.model_dump(exclude_unset=True)


class MaterialChange(ProductChange):
    """The fields that are to be others."""

    unit: Literal["ml", "g", "pcs"] = "pcs"


class BasketLine(Body):
    """Units of one product."""

    product_id: Identifier
    quantity: Units


class Basket(Body):
    """What somebody might order."""

    items: Annotated[tuple[BasketLine, ...], Field(min_length=1, max_length=LINES_MAX)]


class Cost(Body):
    """Money for one unit."""

    amount: Annotated[DecimalText, Field(ge=0)]
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")] = "EUR"


class NewReceipt(Body):
    """Units from a supplier."""

    item_id: Identifier
    quantity: Units
    supplier_lot: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=128)]
    unit_cost: Cost
    expires_on: date | None = None
    note: Annotated[str, Field(max_length=1000)] | None = None


class NewCount(Body):
    """What was counted on shelf and bench (of one lot, or of all), the version of the item that was shown then, and (if
    not just now) when."""

    item_id: Identifier
    lot_id: UUID | None = None
    counted: UnitsOrNone
    version: Annotated[int, Field(ge=0, le=2**53)]
    reason: Reason
    counted_at: AwareDatetime | None = None


class NewAdjustment(Body):
    """A change of `current` by hand, up or down, of one lot if told."""

    item_id: Identifier
    lot_id: UUID | None = None
    quantity: Annotated[int, Field(ge=-UNITS_MAX, le=UNITS_MAX)]
    reason: Reason

    @model_validator(mode="after")
    def _moves(self) -> "NewAdjustment":
        if self.quantity == 0:
            raise ValueError("quantity must not be 0")
        return self


class LotReason(Body):
    """Why a lot is held, released or recalled."""

    reason: Reason


class NewCorrection(Body):
    """One correcting entry that reconciliation proposed."""

    item_id: Identifier
    check: Check
    quantity: int
    reason: Reason
