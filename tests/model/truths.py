"""What must be true of a world after every step, and what must be true of it at rest."""

from services.bottling.domain.batch import Batch
from services.inventory.domain.claims import Claim
from services.inventory.domain.claims import Line as ClaimLine
from services.inventory.domain.levels import Level
from services.order.domain.order import Order
from tests.model.building import MATERIALS, OPENING, PRODUCTS
from tests.model.violation import require
from tests.model.world import World

MOVES = ("receipt", "batch_output", "sale", "material_issue", "material_return", "adjust", "count", "found", "scrap")
"""Entries that change how many units there are."""


def check_always(world: World) -> None:
    """True in every prefix of a history."""
    world.building.check()
    for level in world.inventory.levels.values():
        _level_is_sound(world, level)
    for claim in world.inventory.claims.values():
        _claim_is_sound(claim)
    for order in world.order.orders.values():
        _order_is_sound(world, order)
    _floor_is_sound(world)


def _level_is_sound(world: World, level: Level) -> None:
    claims = [claim for claim in world.inventory.claims.values() if level.item_id in claim.lines]
    held = sum(claim.lines[level.item_id].held for claim in claims)
    queued = sum(claim.lines[level.item_id].backordered for claim in claims)
    name = level.item_id
    require(min(level.current, level.reserved, level.held, level.queued) >= 0, f"{name}: less than nothing")
    require(level.reserved + level.held <= level.current, f"{name}: oversold")
    require((level.reserved, level.queued) == (held, queued), f"{name}: the level differs from its claims")
    for claim in claims:
        waits = claim.lines[name].backordered > 0
        require(not (waits and claim.live and level.room_for(claim) > 0), f"{name}: somebody waits for what is free")
    require(world.inventory.entries["found", name] == 0, f"{name}: more left the building than the books had")


def _claim_is_sound(claim: Claim) -> None:
    for line in claim.lines.values():
        places = (line.held, line.backordered, line.deducted, line.cancelled)
        require(min(places) >= 0 and line.want == sum(places), f"a claim's line does not add up: {line}")
        require(claim.live or line.backordered == 0, f"a claim that is {claim.status} waits: {line}")
        require(line.held == 0 or claim.live or line.kept, f"a claim that is {claim.status} holds: {line}")


def _order_is_sound(world: World, order: Order) -> None:
    left = world.building.left_of(order.order_id)
    if order.status in ("cancelled", "rejected", "expired"):
        require(left == 0, f"an order is {order.status} and {left} units of it left")
    for line in order.lines:
        shipped = world.building.left[order.order_id, line.product_id]
        require(line.shipped <= shipped <= line.quantity, f"{shipped} units left of {line}")


def _floor_is_sound(world: World) -> None:
    for order_id, known in world.fulfillment.fulfillments.items():
        for id, line in known.lines.items():
            place = (order_id, id)
            real = (world.building.bench[place], world.building.left[place])
            require(real == (line.picked, line.shipped), f"bench and carriers have {real} of {line}")
            require(0 <= line.packed <= line.picked, f"more packed than picked: {line}")
            require(line.shipped + line.picked + line.cancelled <= line.quantity, f"cancelled and shipped: {line}")


def check_at_rest(world: World) -> None:
    """True once the faults have stopped, everybody has finished, and time went by."""
    for order in world.order.orders.values():
        _order_rests(world, order)
    for batch in world.bottling.batches.values():
        _batch_rests(world, batch)
    require(not world.order.questions, f"questions without an answer: {list(world.order.questions)}")
    require(not world.bottling.questions, f"questions of batches without an answer: {list(world.bottling.questions)}")
    require(not world.network.pending(), "messages nobody has read")
    for item_id in (*PRODUCTS, *MATERIALS):
        _books_match(world, item_id)


def _order_rests(world: World, order: Order) -> None:
    claim = world.inventory.claims[order.order_id]
    what = f"an order that is {order.status} (hold {claim.status}, {order.on_shortage})"
    for line in order.lines:
        _line_agrees(world, order, line.product_id)
    held = sum(line.held for line in claim.lines.values())
    queued = sum(line.backordered for line in claim.lines.values())
    require(claim.status != "active", f"{what} was never confirmed and never expired")
    require(order.status not in ("created", "cancelling"), f"{what} is stuck")
    if order.has_ended or order.status == "expired":
        require((held, queued) == (0, 0), f"{what} holds {held} and waits for {queued}")
        return
    may_ship = order.on_shortage == "partial" or order.ready_version > 0
    require(claim.status == "confirmed" and queued > 0, f"{what} is stuck: it waits for nothing")
    require(not (may_ship and held), f"{what} holds {held} and nobody ships them")


def _line_agrees(world: World, order: Order, product_id: str) -> None:
    """Order, inventory and the carriers say the same."""
    told = next(line for line in order.lines if line.product_id == product_id)
    left = world.building.left[order.order_id, product_id]
    booked = world.inventory.claims[order.order_id].lines.get(product_id)
    deducted = booked.deducted if booked else 0
    require(told.shipped == left == deducted, f"{left} left, order says {told.shipped}, inventory {deducted}")
    asked = told.quantity if order.on_shortage == "reject" or order.cancel_whole else told.cancel_asked
    require(told.given_up <= asked or order.status == "rejected", f"given up though nobody asked for it: {told}")
    if booked is not None and world.inventory.claims[order.order_id].live:
        require(booked.want == told.quantity, f"{told.quantity} were ordered, the claim is {booked}")
    if order.status in ("fulfilled", "cancelled"):
        require(told.shipped + told.given_up == told.quantity, f"ended with a unit that nobody accounts for: {told}")
    if booked is not None and not order.has_ended:
        promised = (booked.held, booked.backordered)
        require((told.held_still, told.backordered) == promised, f"order shows {told}, inventory has {booked}")


def _batch_rests(world: World, batch: Batch) -> None:
    claim = world.inventory.claims[str(batch.batch_id)]
    what = f"a batch that is {batch.status} (materials {claim.status})"
    ends = {"completed": "settled", "failed": "settled", "cancelled": "closed", "short": "confirmed"}
    require(ends.get(batch.status) == claim.status, f"{what} is stuck")
    if batch.status == "short":
        require(not claim.whole, f"{what} waits for nothing")
        return
    for material in batch.materials:
        line = claim.lines.get(material.material_id, ClaimLine(material.material_id))
        require((line.held, line.backordered) == (0, 0), f"{what} holds or waits: {line}")
        if batch.status != "cancelled":
            require(line.issued == material.used, f"{what} used {material.used}, the books say {line.issued}")
    good = world.building.produced[str(batch.batch_id), batch.recipe.product_id]
    require(good == (batch.quantity_good if batch.status == "completed" else 0), f"{what} made {good}")


def _books_match(world: World, item_id: str) -> None:
    """Stock in the books is what the building has, or more by no more than what was lost unseen."""
    has, says = world.building.here(item_id), world.inventory.levels[item_id].current
    unseen = world.building.unseen[item_id]
    require(has <= says <= has + unseen, f"books say {says} {item_id}, the building has {has} (unseen loss {unseen})")
    entries = world.inventory.entries
    moves = (
        "receipt",
        "batch_output",
        "sale",
        "material_issue",
        "material_return",
        "adjust",
        "count",
        "found",
        "scrap",
    )
    moved = OPENING + sum(entries[type, item_id] for type in moves)
    require(moved == says, f"the ledger of {item_id} adds up to {moved}, the level is {says}")


def check_counted(world: World) -> None:
    """After a count of everything the books are the building, and nothing is pending."""
    for item_id, level in world.inventory.levels.items():
        has = world.building.here(item_id)
        require(
            (level.current, level.held) == (has, 0), f"counted {has} {item_id}, books {level.current}, {level.held}"
        )
