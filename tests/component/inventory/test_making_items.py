"""Items are made as lists: what is new in one statement a table, what is there is compared."""

from dataclasses import replace

from services.inventory.operations.items import AlreadyExists, Item, make_items
from tests.component.inventory.warehouse import Warehouse

MADE = Item("B", "product", "The B", "pcs", True, 0, 0, None, 14, 0, ())


async def test_a_group_of_items_is_made_at_once_and_each_has_its_own_answer(warehouse: Warehouse) -> None:
    await warehouse.item("A")
    before = replace(MADE, id="A", name="The A")
    rich = replace(MADE, id="C", min_stock_level=5, reorder_point=9, reorder_quantity=20, alternatives=("A", "B"))
    quiet = replace(MADE, id="D", active=False, min_stock_level=5)
    asked = [rich, MADE, before, replace(before, name="Other"), MADE, replace(MADE, name="Other"), quiet]
    async with warehouse.database.transaction() as tx:
        answers = await make_items(tx, asked)
        assert await make_items(tx, []) == []
        told = tx.published
        again = await make_items(tx, [rich, quiet])
        assert (told, tx.published) == (4, 4), "three items, and the need of the one with levels"
    assert answers == [rich, MADE, before, AlreadyExists("A"), MADE, AlreadyExists("B"), quiet]
    assert again == [rich, quiet]
    async with warehouse.database.reading() as connection:
        stock = await connection.fetch("SELECT item_id, current, version FROM stock ORDER BY item_id")
        raised = await connection.fetch("SELECT item_id, kind FROM alerts ORDER BY item_id, kind")
    assert [tuple(row) for row in stock] == [("A", 0, 1), ("B", 0, 1), ("C", 0, 1), ("D", 0, 1)]
    assert [tuple(row) for row in raised] == [("C", "critical"), ("C", "low_stock"), ("C", "stockout")]
