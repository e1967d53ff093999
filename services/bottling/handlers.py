"""What bottling hears, and what it does about it."""

from services.bottling.operations.batches import hear_of_materials
from services.bottling.operations.recipes import learn_items
from shared.runtime.subscriptions import Subscription

SUBSCRIPTIONS = (
    Subscription(("item.changed",), learn_items),
    Subscription(
        ("materials.reserved", "materials.short", "materials.issued", "materials.settled", "materials.released"),
        hear_of_materials,
    ),
)
