"""Days of stock in the past: rows of the ledger as operations of their moments had written them."""

from datetime import UTC, datetime, time, timedelta

from services.inventory.domain.levels import Entry, Reference
from services.inventory.operations.figuring import keep_sums
from services.inventory.store.ledger import append_entries
from shared.runtime.database import Database
from shared.runtime.kpis import Window
from tests.component.inventory.warehouse import Warehouse

TODAY = datetime.now(UTC).date()
DAY = TODAY - timedelta(days=20)
MOVE = "UPDATE stock SET current = $2, reserved = $3, held = $4, version = $5 WHERE item_id = $1"
HELD_TYPES = ("hold", "unhold")
RESERVED_TYPES = ("reserve", "release")


def at(day: int, hour: int = 12, minute: int = 0) -> datetime:
    """A moment `day` days after DAY."""
    return datetime.combine(DAY, time(hour, minute), UTC) + timedelta(days=day)


def between(first: int, last: int) -> Window:
    """From the first day to the last, both in it."""
    return Window(DAY + timedelta(days=first), DAY + timedelta(days=last + 1))


async def move(warehouse: Warehouse, item_id: str, when: datetime, *changes: tuple[str, int]) -> None:
    """Rows of the ledger as an operation of that moment had written them."""
    async with warehouse.database.transaction() as tx:
        for type, quantity in changes:
            row = await tx.fetchrow("SELECT current, reserved, held, version FROM stock WHERE item_id = $1", item_id)
            assert row is not None
            entry = Entry(
                item_id=item_id,
                version=row["version"] + 1,
                type=type,  # type: ignore[arg-type]
                quantity=quantity,
                previous_current=row["current"],
                new_current=row["current"] + quantity * (type not in RESERVED_TYPES + HELD_TYPES),
                previous_reserved=row["reserved"],
                new_reserved=row["reserved"] + quantity * (type in RESERVED_TYPES),
                previous_held=row["held"],
                new_held=row["held"] + quantity * (type in HELD_TYPES),
                reference=Reference("test", "t-1", "ann"),
            )
            await append_entries(tx, [entry], when)
            await tx.execute(MOVE, item_id, entry.new_current, entry.new_reserved, entry.new_held, entry.version)


async def sum_up(database: Database) -> None:
    for _ in range(1_000):
        async with database.transaction() as tx:
            if not await keep_sums(tx):
                return
    raise AssertionError("the job does not come to an end")
