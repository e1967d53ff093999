"""What the floor sends: bodies of pick, pack, ship and deliver, one at a time or up to 500 together."""

from typing import Annotated, Any, Final, Literal, Self
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints, model_validator

from services.fulfillment import operations
from services.fulfillment.domain.commands import PackedParcel, PickLine
from services.fulfillment.domain.state import added
from shared.contracts.values import Identifier

BULK_ITEMS_MAX: Final = 500
LINES_MAX: Final = 1000
PARCELS_MAX: Final = 1000

Units = Annotated[int, Field(ge=1, le=10**9)]
UnitsOrNone = Annotated[int, Field(ge=0, le=10**9)]
Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=64)]
Number = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=128)]


class Body(BaseModel):
    """JSON from a client: exact types, no unknown field."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class LineBody(Body):
    """Units of one product."""

    product_id: Identifier
    quantity: Units


def total(lines: list[LineBody]) -> dict[str, int]:
    """Units by product; the same product on two lines counts as their sum."""
    units: dict[str, int] = {}
    for line in lines:
        units = added(units, {line.product_id: line.quantity})
    return units


class PickLineBody(Body):
    """`quantity` were put on the bench, `short_quantity` could not be; found damaged on the bench: `quantity` 0."""

    product_id: Identifier
    quantity: UnitsOrNone
    lot_id: Annotated[str, StringConstraints(min_length=1, max_length=64)] | None = None
    other_lot_reason: Annotated[str, StringConstraints(min_length=1, max_length=500)] | None = None
    short_quantity: UnitsOrNone = 0
    short_reason: Literal["missing", "damaged", "recalled"] | None = None

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.quantity + self.short_quantity == 0:
            raise ValueError("`quantity` and `short_quantity` are both 0")
        if (self.short_quantity > 0) != (self.short_reason is not None):
            raise ValueError("`short_quantity` and `short_reason` belong together")
        return self


class PickBody(Body):
    """Without `lines`: as listed."""

    lines: Annotated[list[PickLineBody], Field(min_length=1, max_length=LINES_MAX)] | None = None

    def command(self, id: UUID, new_id: UUID, actor: str) -> operations.Pick:
        lines = None if self.lines is None else tuple(PickLine(**line.model_dump()) for line in self.lines)
        return operations.Pick(id, new_id, lines, actor)


class ParcelBody(Body):
    """One box."""

    weight_grams: Annotated[int, Field(ge=1, le=10**9)] | None = None
    lines: Annotated[list[LineBody], Field(min_length=1, max_length=LINES_MAX)]


class PackBody(Body):
    """Without `parcels`: one of all that is picked."""

    parcels: Annotated[list[ParcelBody], Field(min_length=1, max_length=PARCELS_MAX)] | None = None

    def command(self, id: UUID, new_id: UUID, actor: str) -> operations.Pack:
        if self.parcels is None:
            return operations.Pack(id, new_id, None)
        parcels = tuple(PackedParcel(total(parcel.lines), parcel.weight_grams) for parcel in self.parcels)
        return operations.Pack(id, new_id, parcels)


class ShipBody(Body):
    """Without `lines`: all that is picked."""

    carrier: Name
    tracking_number: Number
    lines: Annotated[list[LineBody], Field(min_length=1, max_length=LINES_MAX)] | None = None

    def command(self, id: UUID, new_id: UUID, actor: str) -> operations.Ship:
        quantities = None if self.lines is None else total(self.lines)
        return operations.Ship(id, new_id, self.carrier, self.tracking_number, quantities, actor)


class DeliverBody(Body):
    """Without `delivered_at`: now."""

    delivered_at: AwareDatetime | None = None

    def command(self, id: UUID, new_id: UUID, actor: str) -> operations.Deliver:
        return operations.Deliver(id, self.delivered_at)


class WaveBody(Body):
    """At most so many orders on one list."""

    limit: Annotated[int, Field(ge=1, le=BULK_ITEMS_MAX)] = 100


class PickItem(PickBody):
    """A pick of several."""

    fulfillment_id: UUID


class PackItem(PackBody):
    """A pack of several."""

    fulfillment_id: UUID


class ShipItem(ShipBody):
    """A ship of several."""

    fulfillment_id: UUID


class DeliverItem(DeliverBody):
    """A delivery of several."""

    shipment_id: UUID


class Bulk(Body):
    """Several of one command; each is read by itself, so that a bad one fails alone."""

    items: Annotated[list[dict[str, Any]], Field(min_length=1, max_length=BULK_ITEMS_MAX)]


class BulkPick(Body):
    """Several picks."""

    items: Annotated[list[PickItem], Field(min_length=1, max_length=BULK_ITEMS_MAX)]


class BulkPack(Body):
    """Several packs."""

    items: Annotated[list[PackItem], Field(min_length=1, max_length=BULK_ITEMS_MAX)]


class BulkShip(Body):
    """Several shipments."""

    items: Annotated[list[ShipItem], Field(min_length=1, max_length=BULK_ITEMS_MAX)]


class BulkDeliver(Body):
    """Several deliveries."""

    items: Annotated[list[DeliverItem], Field(min_length=1, max_length=BULK_ITEMS_MAX)]
