"""Counts while parcels are on their way: the books end at what is on shelf and bench, whatever is heard when."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.component.inventory.warehouse import Warehouse, new


async def _held(warehouse: Warehouse, quantity: int = 4) -> str:
    """An order that holds so many of 10."""
    await warehouse.item("P", 10)
    order_id = new()
    await warehouse.hear(warehouse.created(order_id, ("P", quantity), confirm=True))
    return order_id


async def test_a_parcel_that_left_before_the_count_and_is_heard_of_after_it_is_missed_once(
    warehouse: Warehouse,
) -> None:
    order_id = await _held(warehouse)
    left = datetime.now(UTC)
    counted = await warehouse.count("P", 6)
    assert (counted.expected, counted.level.current) == (10, 6)
    await warehouse.hear(warehouse.shipped(order_id, ("P", 4), at=left))
    assert await warehouse.levels("P") == (6, 0, 0, 0)
    assert (await warehouse.entries("P"))[-3:] == ["count -4", "count_correction +4", "sale -4"]
    assert (await warehouse.count("P", 6)).expected == 6
    await warehouse.is_true()


async def test_a_parcel_that_was_on_the_bench_when_it_was_counted_leaves_as_ever(warehouse: Warehouse) -> None:
    order_id = await _held(warehouse)
    assert (await warehouse.count("P", 10)).expected == 10
    await warehouse.hear(warehouse.shipped(order_id, ("P", 4)))
    assert await warehouse.levels("P") == (6, 0, 0, 0)
    assert "count_correction +4" not in await warehouse.entries("P")


async def test_what_matters_is_when_it_was_counted_not_when_that_was_written_down(warehouse: Warehouse) -> None:
    order_id = await _held(warehouse)
    version = (await warehouse.level("P"))["version"]
    counted_at = datetime.now(UTC)
    await warehouse.count("P", 10, version, counted_at)
    await warehouse.hear(warehouse.shipped(order_id, ("P", 4), at=counted_at + timedelta(milliseconds=1)))
    assert await warehouse.levels("P") == (6, 0, 0, 0)


async def test_two_counts_miss_a_parcel_once(warehouse: Warehouse) -> None:
    order_id = await _held(warehouse)
    left = datetime.now(UTC)
    await warehouse.count("P", 6)
    await warehouse.count("P", 6)
    await warehouse.hear(warehouse.shipped(order_id, ("P", 4), at=left))
    assert await warehouse.levels("P") == (6, 0, 0, 0)


async def test_units_that_the_count_took_back_for_a_parcel_that_had_left_are_held_again(warehouse: Warehouse) -> None:
    shipped, other = new(), new()
    await warehouse.item("P", 10)
    await warehouse.hear(warehouse.created(shipped, ("P", 6), confirm=True, on_shortage="backorder"))
    await warehouse.hear(warehouse.created(other, ("P", 4), confirm=True, on_shortage="backorder"))
    left = datetime.now(UTC)
    counted = await warehouse.count("P", 4)
    assert sum(quantity for _, _, quantity in counted.taken) == 6
    assert await warehouse.line(other, "P") == (4, 0, 4, 0, 0)
    await warehouse.hear(warehouse.shipped(shipped, ("P", 6), at=left))
    assert await warehouse.go_on() == 1
    assert await warehouse.levels("P") == (4, 4, 0, 0)
    assert await warehouse.line(other, "P") == (4, 4, 0, 0, 0)
    assert (await warehouse.line(shipped, "P"))[3] == 6
    await warehouse.is_true()


async def test_a_count_of_the_future_is_refused_and_nothing_moves(warehouse: Warehouse) -> None:
    await warehouse.item("P", 10)
    version = (await warehouse.level("P"))["version"]
    refused = await warehouse.count("P", 3, version, datetime.now(UTC) + timedelta(hours=1))
    assert type(refused).__name__ == "FutureCount"
    assert await warehouse.levels("P") == (10, 0, 0, 0)
    async with warehouse.database.reading() as connection:
        assert await connection.fetchval("SELECT count(*) FROM counts") == 0


@pytest.mark.parametrize("redelivered", [1, 2])
async def test_a_redelivered_parcel_corrects_once(warehouse: Warehouse, redelivered: int) -> None:
    order_id = await _held(warehouse)
    left = datetime.now(UTC)
    await warehouse.count("P", 6)
    shipment = new()
    for _ in range(1 + redelivered):
        await warehouse.hear(warehouse.shipped(order_id, ("P", 4), shipment_id=shipment, at=left))
    assert await warehouse.levels("P") == (6, 0, 0, 0)
