"""Products and materials: made once, changed by version, told to the other services."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from services.inventory.domain.levels import AlertKind, ItemKind, alert_kinds
from services.inventory.store import alerts
from services.inventory.store import levels as level_rows
from shared.contracts.inventory import ItemChanged
from shared.runtime.transaction import Transaction


@dataclass(frozen=True, slots=True)
class Item:
    """What is known of an item besides its levels; levels and quantities in its base unit."""

    id: str
    kind: ItemKind
    name: str
    unit: str
    active: bool
    min_stock_level: int
    reorder_point: int
    reorder_quantity: int | None
    lead_days: int
    alternatives: tuple[str, ...]

    @property
    def values(self) -> tuple[Any, ...]:
        """In the order of the columns from `name`."""
        return (
            self.name,
            self.unit,
            self.active,
            self.min_stock_level,
            self.reorder_point,
            self.reorder_quantity,
            self.lead_days,
            list(self.alternatives),
        )


@dataclass(frozen=True, slots=True)
class Change:
    """The fields of an item that are to be others; `version` is what the caller has seen, if it says so."""

    id: str
    kind: ItemKind
    fields: dict[str, Any]
    version: int | None


@dataclass(frozen=True, slots=True)
class AlreadyExists:
    """The id is taken by another item."""

    id: str


@dataclass(frozen=True, slots=True)
class NoSuchItem:
    """There is no item of this kind and id."""

    id: str


@dataclass(frozen=True, slots=True)
class Stale:
    """The item has changed since the caller saw it."""

    version: int


async def make_items(tx: Transaction, items: Sequence[Item]) -> list[Item | AlreadyExists]:
    """Makes the items that are new; the same content again is the same item."""
    found: dict[int, Item | AlreadyExists] = {}
    for position, item in sorted(enumerate(items), key=lambda one: one[1].id):
        now = await tx.clock()
        if await level_rows.insert_item(tx, item.id, (item.kind, *item.values), now):
            _tell(tx, item, 1, now)
            await _alert(tx, item, 0, frozenset(), now)
            await level_rows.note_changes(tx, [item.id])
            found[position] = item
        else:
            found[position] = await _as_known(tx, item)
    return [found[position] for position in range(len(items))]


async def _as_known(tx: Transaction, item: Item) -> Item | AlreadyExists:
    known = item_of((await level_rows.read_items(tx, [item.id]))[item.id])
    return known if known == item else AlreadyExists(item.id)


async def change_items(tx: Transaction, changes: Sequence[Change]) -> list[Item | NoSuchItem | Stale]:
    """Changes the items in the order given; a change that changes nothing makes no version."""
    levels = await level_rows.lock_stock(tx, [change.id for change in changes])
    rows = await level_rows.read_items(tx, list(levels))
    items = {id: item_of(row) for id, row in rows.items()}
    versions = {id: level.version for id, level in levels.items()}
    found: list[Item | NoSuchItem | Stale] = []
    for change in changes:
        item = items.get(change.id)
        if item is None or item.kind != change.kind:
            found.append(NoSuchItem(change.id))
            continue
        if change.version is not None and change.version != versions[change.id]:
            found.append(Stale(versions[change.id]))
            continue
        items[change.id] = replace(item, **change.fields)
        if items[change.id] != item:
            versions[change.id] = await _change(tx, items[change.id])
            await _alert(tx, items[change.id], levels[change.id].available, levels[change.id].alerts, await tx.clock())
        found.append(items[change.id])
    return found


async def _alert(tx: Transaction, item: Item, available: int, before: frozenset[AlertKind], now: datetime) -> None:
    """New levels may call for other alerts than the old ones."""
    after = alert_kinds(available, item.min_stock_level, item.reorder_point) if item.active else frozenset()
    if before - after:
        await alerts.resolve(tx, [(item.id, kind) for kind in sorted(before - after)], now)
    if after - before:
        await alerts.raise_(tx, [(item.id, kind) for kind in sorted(after - before)], now)


async def _change(tx: Transaction, item: Item) -> int:
    now = await tx.clock()
    await level_rows.update_item(tx, item.id, item.values, now)
    version = await level_rows.bump_stock(tx, item.id)
    _tell(tx, item, version, now)
    await level_rows.note_changes(tx, [item.id])
    return version


def item_of(row: Any) -> Item:
    """An item as it is stored."""
    return Item(
        row["id"],
        row["kind"],
        row["name"],
        row["unit"],
        row["active"],
        row["min_stock_level"],
        row["reorder_point"],
        row["reorder_quantity"],
        row["lead_days"],
        tuple(row["alternatives"]),
    )


def _tell(tx: Transaction, item: Item, version: int, now: datetime) -> None:
    changed = ItemChanged(
        occurred_at=now,
        item_id=item.id,
        item_kind=item.kind,
        name=item.name,
        unit=item.unit,
        active=item.active,
        alternatives=item.alternatives,
        lead_days=item.lead_days,
        min_stock_level=item.min_stock_level,
        reorder_point=item.reorder_point,
    )
    tx.publish(changed, version=version)
