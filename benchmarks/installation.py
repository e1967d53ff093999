"""The stack that is measured: its own servers, services and data, seeded once, removed at the end."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import asyncpg

from benchmarks.client import Connection
from benchmarks.orders import PRODUCTS, STOCK, product_id
from deploy.local.audit.quiescence import at_rest
from deploy.local.credentials import token_for
from deploy.local.database import with_database
from deploy.local.failure import CannotRun
from deploy.local.home import Home
from deploy.local.screen import Screen
from deploy.local.stack import Stack
from deploy.local.starting import DATABASE, LocalStack

SEEDERS: Final = 32
REST_SECONDS_MAX: Final = 60.0


@asynccontextmanager
async def installation(folder: Path, screen: Screen) -> AsyncIterator[Stack]:
    """A stack in that folder with stock for every product; stopped and deleted when the block ends."""
    home = Home(folder)
    local = LocalStack(home, screen, console=False)
    try:
        stack = await local.up()
        with screen.step(f"{PRODUCTS:,} products in stock"):
            await _stock_up(stack)
        yield stack
    finally:
        with screen.step("stopped and removed"):
            await asyncio.shield(local.reset())
            shutil.rmtree(folder, ignore_errors=True)


async def settled(stack: Stack) -> None:
    """Waits until every event is sent and read; then the tables are analysed and their pages written.

    Raises:
        CannotRun: the services do not come to rest.
    """
    if not await at_rest(stack, seconds=REST_SECONDS_MAX):
        raise CannotRun("the services did not come to rest; an order may be stuck")
    await _tidy(stack)


async def _stock_up(stack: Stack) -> None:
    numbers = list(range(PRODUCTS))
    await asyncio.gather(*(_seed(stack, share, numbers[share::SEEDERS]) for share in range(SEEDERS)))
    await settled(stack)


async def _seed(stack: Stack, share: int, numbers: Iterable[int]) -> None:
    token = token_for(stack.jwt_secret, subject=f"seeder-{share}")
    async with Connection(stack.services["inventory"], token) as inventory:
        for number in numbers:
            id = product_id(number)
            await inventory.post("/api/inventory/products", {"product_id": id, "name": f"Bench {number}"})
            cost = {"amount": "2.5000", "currency": "EUR"}
            receipt = {"item_id": id, "quantity": STOCK, "supplier_lot": "B-1", "unit_cost": cost}
            await inventory.post("/api/inventory/receipts", receipt)


VACUUM: Final = "VACUUM (ANALYZE)"
CHECKPOINT: Final = "CHECKPOINT"


async def _tidy(stack: Stack) -> None:
    """The same start for every run: fresh statistics, and nothing of the run before left to clean up or to write."""
    connection: Any = await asyncpg.connect(with_database(stack.postgres["admin"], DATABASE))
    try:
        await connection.execute(VACUUM)
        await connection.execute(CHECKPOINT)
    finally:
        await connection.close()
