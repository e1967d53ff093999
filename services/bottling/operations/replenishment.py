"""Replenishment: inventory's needs are kept as they are told, and a timer proposes a batch for each that is unmet."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from services.bottling.domain.batch import Batch
from services.bottling.domain.questions import DELAYS, Delays
from services.bottling.domain.recipe import Item, RecipeVersion, current_recipe, items_of
from services.bottling.domain.replenishment import Need, Supply, propose, target_of
from services.bottling.operations.telling import Telling, save_and_tell
from services.bottling.store import items as item_store
from services.bottling.store import needs as need_store
from services.bottling.store import recipes as recipe_store
from shared.contracts.envelope import Event
from shared.contracts.inventory import StockLow
from shared.runtime.transaction import Transaction

PROPOSED_AT_ONCE: Final = 200


async def hear_of_needs(tx: Transaction, events: Sequence[Event[Any]]) -> None:
    """Keeps the newest that inventory told of each product; materials are bought, not bottled."""
    newest: dict[str, Need] = {}
    for event in events:
        told: StockLow = event.data
        known = newest.get(told.item_id)
        if told.item_kind == "product" and (known is None or known.version < event.version):
            newest[told.item_id] = _need(event)
    if newest:
        await need_store.save_needs(tx, list(newest.values()))


def _need(event: Event[Any]) -> Need:
    told: StockLow = event.data
    shortage = 2 * told.reorder_point + told.queued - told.available
    target = target_of(told.status, shortage, told.incoming, told.suggested_quantity)
    return Need(told.item_id, event.version, target, told.batches_ended, event.id)


async def propose_batches(tx: Transaction, quantity_max: int, delays: Delays = DELAYS) -> int:
    """Plans a batch, or lets the proposed one grow, for each product that needs more; returns how many it did."""
    unmet = await need_store.find_unmet(tx, PROPOSED_AT_ONCE, quantity_max)
    if not unmet:
        return 0
    needs = await need_store.lock_needs(tx, unmet)
    supplies = await need_store.lock_supply(tx, unmet)
    recipes = await recipe_store.read_recipes_for(tx, [], unmet)
    items = await item_store.read_items(tx, items_of(version.recipe for version in recipes))
    now = await tx.clock()
    tellings: list[Telling] = []
    for product_id, need in needs.items():
        batch = _propose(tx, need, supplies[product_id], recipes, items, quantity_max, now)
        if batch is not None:
            tellings.append(Telling(batch, "batch.planned", need.cause))
    await save_and_tell(tx, [telling.batch for telling in tellings], tellings, now, delays)
    return len(tellings)


def _propose(
    tx: Transaction,
    need: Need,
    supply: Supply,
    recipes: Sequence[RecipeVersion],
    items: Mapping[str, Item],
    quantity_max: int,
    now: datetime,
) -> Batch | None:
    version, product = current_recipe(recipes, None, need.product_id), items.get(need.product_id)
    if version is None or product is None or not product.active:
        return None
    names = {item.item_id: item.name for item in items.values()}
    return propose(tx.new_id(), need, supply, version, names, quantity_max, now)
