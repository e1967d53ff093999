"""Which order of the file a cancellation means: it names none, so customer and quantities decide."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from deploy.local.orders_file.entries import GUEST


@dataclass(slots=True)
class Sale:
    """An order of the file: what it still has, and what was cancelled of it so far."""

    external_id: str
    left: dict[str, int]
    cancelled: dict[str, int] = field(default_factory=dict)

    def covers(self, quantities: Mapping[str, int]) -> bool:
        """True if at least these quantities are uncancelled."""
        return all(self.left.get(product, 0) >= quantity for product, quantity in quantities.items())

    def take_back(self, quantities: Mapping[str, int]) -> dict[str, int]:
        """Cancels the quantities; answers the units of these products that are cancelled in all."""
        for product, quantity in quantities.items():
            self.left[product] -= quantity
            self.cancelled[product] = self.cancelled.get(product, 0) + quantity
        return {product: self.cancelled[product] for product in quantities}


class Sales:
    """The orders read so far of the customers who cancel something in the file."""

    def __init__(self, cancelling: set[str]) -> None:
        self._of: dict[str, list[Sale]] = {customer: [] for customer in cancelling if customer != GUEST}

    def remember(self, customer_id: str, external_id: str, quantities: Mapping[str, int]) -> None:
        """Keeps an order, if its customer cancels anything at all."""
        if customer_id in self._of:
            self._of[customer_id].append(Sale(external_id, dict(quantities)))

    def take_back(self, customer_id: str, quantities: Mapping[str, int]) -> tuple[str, dict[str, int]] | None:
        """The customer's latest earlier order that covers the quantities, and its cancelled units in all; or None."""
        for sale in reversed(self._of.get(customer_id, ())):
            if sale.covers(quantities):
                return sale.external_id, sale.take_back(quantities)
        return None
