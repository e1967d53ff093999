"""Products and materials: made once, changed by version, told to the other services."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from services.inventory.domain.levels import ItemKind, Level
from services.inventory.operations.needs import tell_needs
from services.inventory.operations.shelves import tell_alerts
from services.inventory.store import levels as level_rows
from services.inventory.store import lots as lot_rows
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
    min_life_days: int
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
            self.min_life_days,
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
    first: dict[str, Item] = {}
    for item in items:
        first.setdefault(item.id, item)
    known = await _known(tx, first) if first else {}
    return [item if known[item.id] == item else AlreadyExists(item.id) for item in items]


async def _known(tx: Transaction, items: Mapping[str, Item]) -> dict[str, Item]:
    """Each of these ids as it is by now: just made, or there before."""
    now = await tx.clock()
    rows = [(item.id, item.kind, *item.values) for item in items.values()]
    made = {id: items[id] for id in await level_rows.insert_items(tx, rows, now)}
    await _tell_of_new(tx, list(made.values()), now)
    taken = sorted(items.keys() - made.keys())
    there = await level_rows.read_items(tx, taken) if taken else {}
    return made | {id: item_of(row) for id, row in there.items()}


async def _tell_of_new(tx: Transaction, items: Sequence[Item], now: datetime) -> None:
    for item in items:
        _tell(tx, item, 1, now)
    await _alert(tx, [_level(item) for item in items], now)
    if items:
        await level_rows.note_changes(tx, [item.id for item in items])


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
            versions[change.id] = await _change(tx, items[change.id], levels[change.id])
        found.append(items[change.id])
    return found


async def _alert(tx: Transaction, levels: Sequence[Level], now: datetime) -> None:
    """New levels may call for other alerts than the old ones."""
    await tell_needs(tx, levels, await tell_alerts(tx, levels, (), now), now)


def _level(item: Item) -> Level:
    """The level of an item that was just made, of which nobody has told anything."""
    return Level(
        item_id=item.id,
        kind=item.kind,
        name=item.name,
        active=item.active,
        min_stock_level=item.min_stock_level,
        reorder_point=item.reorder_point,
        current=0,
        reserved=0,
        held=0,
        queued=0,
        version=1,
        reorder_quantity=item.reorder_quantity,
    )


async def _change(tx: Transaction, item: Item, level: Level) -> int:
    """Writes the item, and gives the level that was loaded of it what concerns it, and the next version."""
    now = await tx.clock()
    await level_rows.update_item(tx, item.id, item.values, now)
    if item.min_life_days != level.min_life_days:
        await lot_rows.sell_until(tx, item.id, item.min_life_days)
    level.version = await level_rows.bump_stock(tx, item.id)
    _tell(tx, item, level.version, now)
    await level_rows.note_changes(tx, [item.id])
    level.active, level.min_stock_level, level.reorder_point = item.active, item.min_stock_level, item.reorder_point
    level.reorder_quantity, level.min_life_days = item.reorder_quantity, item.min_life_days
    await _alert(tx, [level], now)
    level.alerted, level.needed = level.alerts, level.need
    return level.version


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
        row["min_life_days"],
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
