"""What clients get for what operations did."""

from typing import Any
from uuid import UUID

from services.inventory.operations.items import AlreadyExists, Item, NoSuchItem, Stale
from services.inventory.operations.stock import (
    Adjustment,
    AdjustOutcome,
    ArchivedVersion,
    BelowPromised,
    Count,
    CountOutcome,
    FutureCount,
    FutureVersion,
    Movement,
    Receipt,
    Unknown,
    UnknownLot,
)
from shared.contracts.values import rfc3339
from shared.runtime.answers import Answer
from shared.runtime.problems import invalid, problem

NOT_FOUND = "there is nothing with this id"


def unknown_item(item_id: str) -> Answer:
    """A body that names an item that was never made."""
    return invalid(f"there is no item {item_id}", ("there is no such item", "/item_id"))


def received(receipt: Receipt, done: Movement | Unknown) -> Answer:
    if isinstance(done, Unknown):
        return unknown_item(done.item_id)
    body = {
        "receipt_id": receipt.receipt_id,
        "lot_id": receipt.lot_id,
        "item_id": receipt.item_id,
        "quantity": receipt.quantity,
        "current_stock": done.level.current,
        "available_stock": done.level.available,
        "filled": [{f"{kind}_id": id, "quantity": quantity} for kind, id, quantity in done.given],
    }
    return Answer(201, body)


def _unknown_lot(item_id: str, lot_id: UUID) -> Answer:
    return invalid(f"{item_id} has no lot {lot_id}", ("the item has no such lot", "/lot_id"))


def adjusted(asked: Adjustment, done: AdjustOutcome) -> Answer:
    if isinstance(done, Unknown):
        return unknown_item(done.item_id)
    if isinstance(done, UnknownLot):
        return _unknown_lot(asked.item_id, done.lot_id)
    if isinstance(done, BelowPromised):
        detail = f"only {done.available} are not promised; a count takes holds back"
        told: dict[str, Any] = {"from": "promised", "action": "adjust", "allowed": ["count"]}
        return problem("illegal-transition", detail, **told)
    body = {
        "transaction_id": asked.adjustment_id,
        "current_stock": done.level.current,
        "available_stock": done.level.available,
    }
    return Answer(201, body)


def counted(asked: Count, done: CountOutcome) -> Answer:
    if isinstance(done, Unknown):
        return unknown_item(done.item_id)
    if isinstance(done, UnknownLot):
        return _unknown_lot(asked.item_id, done.lot_id)
    if isinstance(done, FutureVersion):
        detail = f"the item is at version {done.version}"
        return invalid(detail, (detail, "/version"))
    if isinstance(done, ArchivedVersion):
        detail = f"the ledger of version {done.version} is archived: count again at the present version"
        return invalid(detail, (detail, "/version"))
    if isinstance(done, FutureCount):
        detail = f"it is {rfc3339(done.now)} now"
        return invalid(detail, (detail, "/counted_at"))
    body = {
        "count_id": asked.count_id,
        "expected": done.expected,
        "counted": asked.counted,
        "variance": asked.counted - done.expected,
        "current_stock": done.level.current,
        "taken_back": [
            {f"{kind}_id": id, "product_id": asked.item_id, "quantity": quantity} for kind, id, quantity in done.taken
        ],
    }
    return Answer(201, body)


def made(done: Item | AlreadyExists) -> str | Answer:
    """The id of what was made, to be shown with its stock, or the refusal."""
    if isinstance(done, AlreadyExists):
        return problem("already-exists", f"{done.id} exists with other content", id=done.id)
    return done.id


def changed(done: Item | NoSuchItem | Stale) -> str | Answer:
    """The id of what was changed, to be shown with its stock, or the refusal."""
    if isinstance(done, NoSuchItem):
        return problem("not-found", NOT_FOUND)
    if isinstance(done, Stale):
        return problem("stale-version", f"the item is at version {done.version}", version=done.version)
    return done.id


def corrected(transaction_id: UUID | None) -> Answer:
    if transaction_id is None:
        told: dict[str, Any] = {"from": "reconciled", "action": "correct", "allowed": []}
        return problem("illegal-transition", "reconciliation does not propose this (any more)", **told)
    return Answer(201, {"transaction_id": transaction_id})


def availability(lines: dict[str, int], found: dict[str, Any]) -> dict[str, Any]:
    """A basket against what is available now; nothing is held."""
    items = [_basket_line(product_id, requested, found) for product_id, requested in lines.items()]
    return {"available": all(item["sufficient"] for item in items), "items": items}


def _basket_line(product_id: str, requested: int, found: dict[str, Any]) -> dict[str, Any]:
    row = found.get(product_id)
    available = row["available"] if row else 0
    others = [found[other] for other in (row["alternatives"] if row else ()) if other in found]
    return {
        "product_id": product_id,
        "name": row["name"] if row else product_id,
        "requested": requested,
        "available": available,
        "sufficient": available >= requested,
        "alternatives": [
            {"product_id": other["id"], "name": other["name"], "available": other["available"]}
            for other in others
            if other["available"] > 0
        ],
    }
