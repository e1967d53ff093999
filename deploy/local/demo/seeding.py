"""Before the first order: items, recipes and opening stock over REST, until every service knows the items."""

import asyncio
from collections.abc import Awaitable, Iterable
from typing import Any, Final

from deploy.local.audit.quiescence import at_rest
from deploy.local.demo.catalogue import Catalogue, Material, Product
from deploy.local.demo.client import Client
from deploy.local.failure import CannotRun
from deploy.local.stack import Stack

AT_ONCE: Final = 24
KNOWN_SECONDS_MAX: Final = 120.0


async def seed(client: Client, stack: Stack, catalogue: Catalogue, currency: str) -> None:
    """Creates what is not there yet; an item or recipe that is there stays as it is.

    Raises:
        CannotRun: if the services do not hear of the items in time.
    """
    await all_of(_create_material(client, material) for material in catalogue.materials.values())
    await all_of(_create_product(client, product) for product in catalogue.products.values())
    await known_everywhere(stack)
    await all_of(_create_recipe(client, product, currency) for product in catalogue.products.values())


async def stock_up(client: Client, catalogue: Catalogue, run: str, currency: str) -> int:
    """Books the opening stock and the first delivery of each material; answers the number of receipts."""
    opening = {product.product_id: (product.opening, "4.9000") for product in catalogue.products.values()}
    opening |= {name: (quantity, catalogue.materials[name].cost) for name, quantity in catalogue.deliveries.items()}
    wanted = {name: (quantity, cost) for name, (quantity, cost) in opening.items() if quantity > 0}
    await all_of(
        receive(client, name, quantity, Receipt(f"{run}-opening", cost, currency))
        for name, (quantity, cost) in wanted.items()
    )
    return len(wanted)


class Receipt:
    """What a delivery note says besides item and quantity."""

    def __init__(self, supplier_lot: str, unit_cost: str, currency: str) -> None:
        self.supplier_lot = supplier_lot
        self.unit_cost = {"amount": unit_cost, "currency": currency}


async def receive(client: Client, item_id: str, quantity: int, receipt: Receipt) -> None:
    """Books a receipt, once per item and supplier's lot."""
    body = {
        "item_id": item_id,
        "quantity": quantity,
        "supplier_lot": receipt.supplier_lot,
        "unit_cost": receipt.unit_cost,
    }
    key = f"{receipt.supplier_lot}:{item_id}"
    await client.ask("POST", "inventory", "/api/inventory/receipts", body, key=key)


async def all_of(works: Iterable[Awaitable[Any]]) -> None:
    """Does all of it, a bounded number at a time."""
    waiting = iter(works)

    async def worker() -> None:
        for work in waiting:
            await work

    async with asyncio.TaskGroup() as group:
        for _ in range(AT_ONCE):
            group.create_task(worker())


async def _create_material(client: Client, material: Material) -> None:
    body = {"material_id": material.material_id, "name": material.name, "unit": material.unit}
    await client.ask("POST", "inventory", "/api/inventory/materials", body, also=(409,))


async def _create_product(client: Client, product: Product) -> None:
    body = {
        "product_id": product.product_id,
        "name": product.name,
        "min_stock_level": product.safety_stock,
        "reorder_point": product.safety_stock * 2,
        "alternatives": list(product.alternatives),
    }
    await client.ask("POST", "inventory", "/api/inventory/products", body, also=(409,))


async def _create_recipe(client: Client, product: Product, currency: str) -> None:
    body = {
        "recipe_id": f"R-{product.product_id}"[:64],
        "product_id": product.product_id,
        "materials": [
            {
                "material_id": ingredient.material_id,
                "quantity_per_unit": ingredient.per_unit,
                "waste_percent": ingredient.waste_percent,
            }
            for ingredient in product.recipe
        ],
        "labour_cost": {"amount": "1.2000", "currency": currency},
        "overhead_cost": {"amount": "0.4000", "currency": currency},
        "expected_minutes": 30,
        "shelf_life_days": 1095,
        "replenishment": "off",
    }
    await client.ask("POST", "bottling", "/api/bottling/recipes", body, also=(409,))


async def known_everywhere(stack: Stack) -> None:
    """An order for a product that order has not heard of would be refused: wait until every `item.changed` was read."""
    if not await at_rest(stack, seconds=KNOWN_SECONDS_MAX):
        raise CannotRun("the services have not heard of the new items; see `python -m deploy.local status`")
