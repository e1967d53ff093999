"""The drill of the runbook: a backup taken while orders flow is put back after everything is lost; the totals hold."""

import asyncio
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from deploy.local.credentials import SERVICES
from deploy.local.database import create_database, drop_database, prepare
from deploy.local.postgres import program
from deploy.local.starting import ONE_EACH
from shared.runtime.topics import make_topics
from tests.databases import PASSWORDS
from tests.installation import System, delete_topics
from tests.servers import Servers
from tests.shop import ADDRESS, Shop, until
from tests.totals import totals

BEFORE, AFTER = 60, 20
SECONDS = 120.0


@pytest.mark.timeout(600)
async def test_a_backup_taken_while_orders_flow_is_put_back_and_the_totals_hold(
    new_system: Callable[..., System], servers: Servers, tmp_path: Path
) -> None:
    system = new_system(more={f"{service.upper()}_RATE_LIMIT": "100000/second" for service in SERVICES})
    async with Shop(system.stack) as shop:
        for number in range(3):
            await shop.product(f"kept-{number}", 1000)
        flowing = asyncio.create_task(shop.submit([_order("before", number) for number in range(BEFORE)]))
        await until(lambda: _any_ready(shop), what="an order on its way", seconds=60)
        backup = tmp_path / "flacon.dump"
        await _run(program("pg_dump"), "-Fc", "-d", system.stack.postgres["admin"], "-f", str(backup))
        await flowing
        await shop.submit([_order("lost", number) for number in range(AFTER)])
        await shop.settled()

    await _lose_everything(system, servers)
    await _put_back(system, servers, backup)

    async with Shop(system.stack) as shop:
        kept = {order["external_id"] for order in await shop.every("order", "/api/orders") if order["source"]}
        await shop.submit([_order("before", number) for number in range(BEFORE)])
        await shop.submit([_order("after", number) for number in range(AFTER)])
        await until(lambda: _all_on_the_floor(shop), what="every order on the floor", seconds=SECONDS)
        while await shop.ship_what_is_there():
            pass
        await shop.settled(SECONDS)
        end = await totals(shop)
        reconciled = await shop.get("inventory", "/api/inventory/reconcile")
        await _is_shut_in(system)
    assert kept, "the backup was to have orders on their way"
    assert not [name for name in kept if name.startswith("lost")]
    assert set(end["dead_letters"].values()) == {0}
    assert reconciled["ok"] is True
    names = [f"{kind}-{number}" for kind, count in (("before", BEFORE), ("after", AFTER)) for number in range(count)]
    assert {name: order[0] for name, order in end["orders"].items() if name.startswith("shop:")} == {
        f"shop:{name}": "fulfilled" for name in names
    }
    assert {level["current_stock"] for level in end["levels"].values()} <= set(range(1000))
    assert sum(1000 - level["current_stock"] for level in end["levels"].values()) == BEFORE + AFTER
    assert {level["reserved_stock"] for level in end["levels"].values()} == {0}


async def _is_shut_in(system: System) -> None:
    """A role sees its own schema only, as before."""
    connection = await asyncpg.connect(system.stack.postgres["order"])
    try:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.fetch("SELECT * FROM inventory_service.schema_migrations")
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute("CREATE TABLE public.mine (id int)")
    finally:
        await connection.close()


def _order(kind: str, number: int) -> dict[str, Any]:
    return {
        "source": "shop",
        "external_id": f"{kind}-{number}",
        "customer_id": "c-1",
        "shipping_address": ADDRESS,
        "items": [{"product_id": f"kept-{number % 3}", "quantity": 1}],
        "auto_confirm": True,
    }


async def _any_ready(shop: Shop) -> list[Any]:
    found: list[Any] = (await shop.get("fulfillment", "/api/fulfillment/fulfillments"))["items"]
    return found


async def _all_on_the_floor(shop: Shop) -> bool:
    orders = [order for order in await shop.every("order", "/api/orders") if order["source"]]
    return len(orders) == BEFORE + AFTER and all(order["status"] == "processing" for order in orders)


async def _run(*words: str | Path, env: dict[str, str] | None = None) -> None:
    command = [str(word) for word in words]
    done = await asyncio.to_thread(
        subprocess.run, command, env=env, capture_output=True, text=True, timeout=SECONDS, check=False
    )
    assert done.returncode == 0, f"{command[:3]}: {done.stdout}{done.stderr}"


async def _lose_everything(system: System, servers: Servers) -> None:
    for name in [record.name for record in system.fleet.running()]:
        system.fleet.kill_instance(name)
    await drop_database(servers.postgres_admin_dsn, system.database)
    await delete_topics(servers.kafka_bootstrap, system.stack.topic_prefix)


async def _put_back(system: System, servers: Servers, backup: Path) -> None:
    """As the runbook says: database, topics, what the outboxes have, then the services."""
    admin = system.stack.postgres["admin"]
    await create_database(servers.postgres_admin_dsn, system.database)
    await _run(program("pg_restore"), "--exit-on-error", "-d", admin, backup)
    await prepare(servers.postgres_admin_dsn, system.database, PASSWORDS)  # what a dump of one database does not have
    prefix = system.stack.topic_prefix

    async def made() -> bool:
        await make_topics(servers.kafka_bootstrap, prefix=prefix)
        return True

    await until(made, what="topics made anew")
    since = (datetime.now(UTC) - timedelta(hours=23)).isoformat()
    for service in SERVICES:
        await system.fleet.run(service, "republish", "--since", since)
    await system.fleet.scale(ONE_EACH)
