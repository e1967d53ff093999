"""The examples do what they say, against the four services."""

import asyncio
import json
import os
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.installation import System
from tests.shop import Shop

ROOT = Path(__file__).parents[2]
SECONDS = 90


async def ran(folder: Path, *words: str) -> list[str]:
    """The lines that it printed, run where the stack's file is."""
    process = await asyncio.create_subprocess_exec(
        *words, cwd=folder, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    out, err = await asyncio.wait_for(process.communicate(), SECONDS)
    assert process.returncode == 0, err.decode()
    return out.decode().splitlines()


def told_in(folder: Path, system: System) -> Path:
    """A folder with the stack's file, as `make up` writes it."""
    stack = system.stack
    told = {"services": dict(stack.services), "kafka": stack.kafka, "token": stack.token}
    (folder / ".flacon").mkdir()
    (folder / ".flacon" / "stack.json").write_text(json.dumps({**told, "topic_prefix": stack.topic_prefix}))
    return folder


async def test_the_examples_publish_orders_and_follow_one(new_system: Callable[..., System], tmp_path: Path) -> None:
    system = new_system()
    folder = told_in(tmp_path, system)
    async with Shop(system.stack) as shop:
        await shop.product("ROSE-50", 100)
    published = await ran(folder, sys.executable, str(ROOT / "examples" / "publish_orders.py"), "ROSE-50")
    again = await ran(folder, sys.executable, str(ROOT / "examples" / "publish_orders.py"), "ROSE-50")
    words = sorted(line.split()[:2] for line in published)
    assert words == [[f"ROSE-50-{n}", name] for n in (1, 2) for name in ("order.confirmed", "order.created")]
    assert sorted(again) == sorted(published), "a repeat is the same order"

    followed = await ran(folder, sys.executable, str(ROOT / "examples" / "follow_one_order.py"), "ROSE-50")
    assert any(line.split()[1] in ("confirmed", "processing") for line in followed)
    assert any("stock.reserved" in line for line in followed)

    async with Shop(system.stack) as shop:
        await shop.settled()
        orders = (await shop.get("order", "/api/orders?source=example"))["items"]
    assert sorted(order["external_id"] for order in orders) == ["ROSE-50-1", "ROSE-50-2"]


async def test_the_example_hears_of_each_hold_until_it_is_stopped(
    new_system: Callable[..., System], tmp_path: Path
) -> None:
    system = new_system()
    folder = told_in(tmp_path, system)
    async with Shop(system.stack) as shop:
        await shop.product("ROSE-50", 100)
        held = [await shop.ordered([("ROSE-50", number)]) for number in (1, 2)]
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(ROOT / "examples" / "consume_stock_reserved.py"), cwd=folder, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    async with asyncio.timeout(SECONDS):
        heard = [(await process.stdout.readline()).decode().split(maxsplit=2) for _ in held]
        process.send_signal(signal.SIGINT)
        assert await process.wait() == 0
    assert sorted(heard) == sorted(
        [order_id, "active", f"[('ROSE-50', {number})]\n"] for number, order_id in enumerate(held, start=1)
    )


async def test_an_order_from_javascript_is_like_any_other(new_system: Callable[..., System], tmp_path: Path) -> None:
    node = ROOT / "examples" / "node"
    if shutil.which("node") is None or not (node / "node_modules").exists():
        assert "FLACON_NODE" not in os.environ, "Node or its packages are missing"
        pytest.skip("Node or its packages are not there: npm ci in examples/node")
    system = new_system()
    folder = told_in(tmp_path, system)
    async with Shop(system.stack) as shop:
        await shop.product("ROSE-50", 100)
        printed = await ran(folder, "node", str(node / "publish_orders.mjs"), "ROSE-50")
        assert printed == [f"example-node ROSE-50-{number} published" for number in (1, 2)]
        await shop.settled()
        orders = (await shop.get("order", "/api/orders?source=example-node"))["items"]
    assert sorted((order["external_id"], order["stock_confirmed"]) for order in orders) == [
        ("ROSE-50-1", True),
        ("ROSE-50-2", True),
    ]
