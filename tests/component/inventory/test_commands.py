"""`reconcile` and `correct` as an operator runs them: exit codes, what is printed, and nothing corrected by itself."""

import asyncio
import json
import subprocess
import sys

from deploy.local.fleet import Surroundings
from deploy.local.home import ROOT
from tests.component.inventory.warehouse import Warehouse, new

WRONG = """
WITH gone AS (UPDATE lots SET quantity = 9 WHERE item_id = 'P') UPDATE stock SET current = 9 WHERE item_id = 'P'
"""


async def _run(warehouse: Warehouse, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = Surroundings({"inventory": warehouse.dsn}, "127.0.0.1:1", "0" * 64).environment("inventory", 0)
    command = [sys.executable, "-m", "services.inventory", *arguments]
    return await asyncio.to_thread(
        subprocess.run, command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120, check=False
    )


async def test_deviations_are_printed_and_corrected_only_by_a_command_that_says_why(warehouse: Warehouse) -> None:
    await warehouse.item("P", 10)
    await warehouse.hear(warehouse.created(new(), ("P", 2)))
    well = await _run(warehouse, "reconcile", "--json")
    assert (well.returncode, json.loads(well.stdout)["ok"]) == (0, True)
    async with warehouse.database.transaction() as tx:
        await tx.execute(WRONG)
    for _ in range(2):
        wrong = await _run(warehouse, "reconcile", "--json")
        [deviation] = json.loads(wrong.stdout)["deviations"]
        assert (wrong.returncode, deviation["check"], deviation["proposal"]["quantity"]) == (1, "current_ledger", -1)
    table = await _run(warehouse, "reconcile")
    assert "P" in table.stdout and "1 items checked, 1 deviations" in table.stderr
    correct = ("correct", "--item", "P", "--check", "current_ledger", "--quantity", "-1")
    assert (await _run(warehouse, *correct)).returncode == 2
    other = await _run(warehouse, *correct[:-1], "-2", "--reason", "guess")
    assert (other.returncode, await warehouse.entries("P")) == (1, ["receipt +10", "reserve +2"])
    done = [await _run(warehouse, *correct, "--reason", "lost in the move") for _ in range(2)]
    assert [one.returncode for one in done] == [0, 1]
    assert await warehouse.entries("P") == ["receipt +10", "reserve +2", "adjust -1"]
    assert (await _run(warehouse, "reconcile")).returncode == 0
