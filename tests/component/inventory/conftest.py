"""One inventory on a database of its own, that hears events and tells what it published."""

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from tests.component.inventory.warehouse import Warehouse


@pytest.fixture
async def warehouse(fresh_database: Callable[[str], Awaitable[str]]) -> AsyncIterator[Warehouse]:
    """An empty warehouse."""
    opened = Warehouse(await fresh_database("inventory"))
    await opened.open()
    yield opened
    await opened.close()
