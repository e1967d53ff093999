"""An upgrade without a pause: earlier services and these side by side on one database and its topics.

They come from before the newest migration, so that there is one to be made while they run; `FLACON_UPGRADE_FROM`
names another commit.
"""

import asyncio
import io
import os
import subprocess
import sys
import tarfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from deploy.local.audit.command import examine
from deploy.local.credentials import SERVICES
from deploy.local.database import prepare
from deploy.local.fleet import Fleet, Surroundings
from deploy.local.home import ROOT, Home
from deploy.local.processes import Processes
from deploy.local.stack import Stack
from tests import databases
from tests.bottling import PLANNED, bottle, command_batch, planned_batch
from tests.installation import JWT_SECRET, delete_topics, stack_of
from tests.servers import Servers
from tests.shop import ADDRESS, Shop, until

MIGRATIONS = ("services/*/migrations/*.sql", "shared/runtime/migrations/*.sql")
PRODUCTS, ORDERS, STEP = 4, 240, 40
UNITS = 5_000
ENDED = ("fulfilled", "cancelled")
WHERE = "import services.order, shared.runtime.service as runtime; print(services.order.__file__, runtime.__file__)"
PREFIX = f"upgrade{os.getpid()}."


def _checked_out(folder: Path) -> Path:
    """The commit's files; a checkout without history has nothing to come from."""
    commit = os.environ.get("FLACON_UPGRADE_FROM") or _before_the_newest_migration()
    if commit is None:
        pytest.skip("this checkout has no commit before its own")
    archive = subprocess.run(["git", "archive", commit], cwd=ROOT, capture_output=True, check=False)
    assert archive.returncode == 0, archive.stderr.decode()
    with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as files:
        files.extractall(folder, filter="data")
    return folder


def _before_the_newest_migration() -> str | None:
    def told(*words: str) -> list[str]:
        return subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=False).stdout.split()

    newest = told("log", "-1", "--format=%P", "--diff-filter=A", "--", *MIGRATIONS)
    return newest[0] if newest else None


def _old_code(folder: Path) -> dict[str, str]:
    """The environment in which Python finds that commit's packages before this one's."""
    code = {"PYTHONSAFEPATH": "1", "PYTHONPATH": str(folder)}
    told = subprocess.run(
        [sys.executable, "-c", WHERE], env={**os.environ, **code}, capture_output=True, text=True, check=True
    )
    assert all(place.startswith(str(folder)) for place in told.stdout.split()), told.stdout
    return code


@asynccontextmanager
async def _installation(servers: Servers, folder: Path) -> AsyncIterator[tuple[Fleet, Fleet, Surroundings, Stack]]:
    """The old services, one each, on a database and topics that they made; and a fleet of the new on the same."""
    old_code = _old_code(_checked_out(folder / "old"))
    name = f"test_upgrade_{os.getpid()}"
    dsns = await prepare(servers.postgres_admin_dsn, name, databases.PASSWORDS)
    now = Surroundings(dsns, servers.kafka_bootstrap, JWT_SECRET, topic_prefix=PREFIX)
    before = Surroundings(dsns, servers.kafka_bootstrap, JWT_SECRET, topic_prefix=PREFIX, more=old_code)
    home = Home(folder / "home")
    home.prepare()
    processes = Processes(home)
    old, new = Fleet(home, processes, before), Fleet(home, processes, now)
    try:
        await _topics(servers, old_code)
        await old.migrate()
        await old.scale(dict.fromkeys(SERVICES, 1))
        yield old, new, now, stack_of(servers, name, old, now)
    finally:
        await new.stop_all()
        await databases.drop(servers.postgres_admin_dsn, name)
        await delete_topics(servers.kafka_bootstrap, PREFIX)


async def _topics(servers: Servers, code: dict[str, str]) -> None:
    """Made, or added to, by that code."""
    command = [sys.executable, "-m", "shared.runtime.topics", "--bootstrap", servers.kafka_bootstrap]
    made = await asyncio.create_subprocess_exec(*command, "--prefix", PREFIX, env={**os.environ, **code}, cwd=ROOT)
    assert await made.wait() == 0


@pytest.mark.timeout(600)
async def test_an_upgrade_under_load_loses_nothing_and_sells_nothing_twice(servers: Servers, tmp_path: Path) -> None:
    async with _installation(servers, tmp_path) as (old, new, surroundings, stack), Shop(stack) as shop:
        for number in range(PRODUCTS):
            await shop.product(f"up-{number}", UNITS)
        batch_id = await planned_batch(shop, "up", 2 * PLANNED, PLANNED)
        turns = asyncio.Semaphore(1)
        async with asyncio.TaskGroup() as group:
            group.create_task(_submit(shop, turns))
            served = group.create_task(_serve(stack, new))
            await _topics(servers, {})
            await new.migrate()
            turns.release()
            await asyncio.gather(*(new.start_instance(f"{service}-2") for service in SERVICES))
            for service in SERVICES:
                turns.release()
                await old.stop(f"{service}-1")
            await new.scale(dict.fromkeys(SERVICES, 2))
            turns.release()
        upgraded = stack_of(servers, stack.postgres["admin"].rpartition("/")[2], new, surroundings)
        async with Shop(upgraded) as after:
            assert (await command_batch(after, batch_id, "start")).status_code == 200
            await bottle(after, batch_id)
            await after.settled()
            assert await after.levels("up-rose") == (PLANNED, 0, PLANNED)
            assert (await after.get("inventory", "/api/inventory/reconcile"))["deviations"] == []
            gone = sum([UNITS - (await after.levels(f"up-{number}"))[0] for number in range(PRODUCTS)])
        assert served.result() == {"fulfilled": ORDERS}
        assert gone == sum(1 + number % 3 for number in range(ORDERS))
        assert (await examine(upgraded)).all == []


async def _submit(shop: Shop, turns: asyncio.Semaphore) -> None:
    """Orders at each step of the upgrade, so that some are under way in each."""
    for start in range(0, ORDERS, STEP):
        await turns.acquire()
        await shop.submit(_order(number) for number in range(start, start + STEP))


async def _serve(stack: Stack, fleet: Fleet) -> dict[str, int]:
    """Staff ship what is there, at whichever instance runs, until every order has ended; how they ended."""

    async def ended() -> dict[str, int] | None:
        with suppress(httpx.HTTPError, AssertionError, KeyError, IndexError):
            there = {service: many[-1].url for service, many in fleet.instances().items()}
            async with Shop(replace(stack, services=there)) as shop:
                await shop.ship_what_is_there()
                orders = await shop.every("order", "/api/orders?source=upgrade")
            statuses = [order["status"] for order in orders]
            counts = {status: statuses.count(status) for status in set(statuses)}
            return counts if len(orders) == ORDERS and set(statuses) <= set(ENDED) else None
        return None

    return await until(ended, seconds=240, what="the end of every order")


def _order(number: int) -> dict[str, Any]:
    return {
        "source": "upgrade",
        "external_id": f"{number:04d}",
        "customer_id": f"c-{number % 7}",
        "shipping_address": ADDRESS,
        "items": [{"product_id": f"up-{number % PRODUCTS}", "quantity": 1 + number % 3}],
        "auto_confirm": True,
    }
