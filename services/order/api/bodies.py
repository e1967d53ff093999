"""Request bodies; their shape is checked here, what is acceptable is decided by the domain."""

from collections.abc import Sequence
from datetime import date
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from services.order.domain.intake import Draft, DraftItem
from services.order.saga import CancelWish
from shared.contracts.values import DecimalText, Text


class Body(BaseModel):
    """A request's body or a part of it."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class MoneyBody(Body):
    """Money; without `currency` in the installation's."""

    amount: DecimalText
    currency: str | None = None


class ItemBody(Body):
    """One line."""

    product_id: str
    quantity: int
    unit_price: MoneyBody | None = None


class OrderBody(Body):
    """`POST /api/orders`."""

    customer_id: str
    items: Sequence[ItemBody]
    shipping_address: dict[str, Any]
    priority: int = 0
    on_shortage: str = "reject"
    auto_confirm: bool = False
    protect_safety_stock: bool = False
    requested_delivery: date | None = None
    email: str | None = None

    def draft(self, currency: str) -> Draft:
        """The order as the domain reads it."""
        return Draft(
            customer_id=self.customer_id,
            items=tuple(_draft_item(item, currency) for item in self.items),
            shipping_address=self.shipping_address,
            priority=self.priority,
            on_shortage=self.on_shortage,
            auto_confirm=self.auto_confirm,
            protect_safety_stock=self.protect_safety_stock,
            requested_delivery=self.requested_delivery,
            email=self.email,
        )


def _draft_item(item: ItemBody, currency: str) -> DraftItem:
    price = item.unit_price
    if price is None:
        return DraftItem(item.product_id, item.quantity)
    return DraftItem(item.product_id, item.quantity, price.amount, price.currency or currency)


class CancelItemBody(Body):
    """Units of a line to be given up, in all."""

    product_id: str
    quantity: int


class CancelBody(Body):
    """`PUT /api/orders/{id}/cancel`; without `items` the whole order."""

    reason: Text | None = None
    items: Annotated[Sequence[CancelItemBody], Field(min_length=1, max_length=1000)] | None = None

    def wish(self, actor: str) -> CancelWish:
        """What is given up, by whom and why."""
        items = None if self.items is None else tuple((item.product_id, item.quantity) for item in self.items)
        return CancelWish(self.reason or "", actor, items)
