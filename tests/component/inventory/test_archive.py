"""Old months of the ledger go to files: nothing is lost, the books still add up, whoever ends it when."""

import asyncio
import gzip
import hashlib
import json
import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest

from deploy.local.fleet import Surroundings
from deploy.local.home import ROOT
from services.inventory.domain.months import next_month, start_of
from services.inventory.operations.archiving import PAGE_ROWS, Archived, Changed, OtherFile, archive
from services.inventory.operations.reconciliation import Correction, correct
from services.inventory.views import history
from shared.runtime.clock import new_id
from tests.component.inventory.test_api import client as client
from tests.component.inventory.warehouse import Warehouse, new

SOMEBODY_WAITS_FOR_ME = """
SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY (pg_blocking_pids(pid)))
"""
SECONDS = 60
ITEMS = ("P", "Q")
THIS = datetime.now(UTC).date().replace(day=1)

# Ten times a month a unit comes, is promised and let go again; versions and levels go on from month to month.
AGE = """
INSERT INTO ledger (transaction_id, item_id, version, type, quantity, previous_current, new_current, previous_reserved,
                    new_reserved, previous_held, new_held, reference_type, reference_id, actor, note, at)
SELECT uuidv7(), item_id, $2 * 30 + step, (ARRAY['release', 'receipt', 'reserve'])[step % 3 + 1],
       (ARRAY[-1, 1, 1])[step % 3 + 1],
       $2 * 10 + (step + 1) / 3, $2 * 10 + (step + 2) / 3, (step % 3 = 0)::int, (step % 3 = 2)::int, 0, 0, 'order',
       'R-' || step, 'ann', CASE step WHEN 1 THEN E'two\nlines, "quoted"' WHEN 2 THEN '' END,
       $3::timestamptz + step * interval '1 second 123456 microseconds'
FROM unnest($1::text[]) AS item_id CROSS JOIN generate_series(1, 30) AS step
"""
LEVELS = "UPDATE stock SET current = $1, version = $2 WHERE item_id = ANY($3::text[])"
LOT = """
INSERT INTO lots (lot_id, item_id, kind, lot_code, quantity, spent, made, made_at)
SELECT uuidv7(), item_id, 'opening', 'opening', $1, false, $1, now() FROM unnest($2::text[]) AS item_id
"""
LINES = "SELECT row_to_json(ledger)::text FROM ledger WHERE at >= $1 AND at < $2 ORDER BY at, transaction_id"
ARCHIVES = "SELECT month, rows, sha256, file, actor FROM ledger_archives ORDER BY month"
COUNT = "SELECT count(at) FROM ledger"


def months_ago(number: int) -> date:
    month = THIS
    for _ in range(number):
        month = (month - timedelta(days=1)).replace(day=1)
    return month


OLD = [months_ago(number) for number in (4, 3, 2)]
"""The months that may go now; the one before the running one is filled too."""


@pytest.fixture
async def aged(warehouse: Warehouse) -> Warehouse:
    """Two items with 30 movements each in each of the last four months that are over."""
    for item_id in ITEMS:
        await warehouse.item(item_id)
    async with warehouse.database.transaction() as tx:
        for number, month in enumerate([*OLD, months_ago(1)]):
            bounds = (f"ledger_{month:%Y%m}", f"{month}T00:00:00Z", f"{next_month(month)}T00:00:00Z")
            await tx.execute("SELECT make_partition('ledger', $1, $2, $3)", *bounds)
            await tx.execute(AGE, list(ITEMS), number, start_of(month))
        await tx.execute(LEVELS, 40, 120, list(ITEMS))
        await tx.execute(LOT, 40, list(ITEMS))
    assert (await reconciled(warehouse))["ok"] is True
    return warehouse


async def reconciled(warehouse: Warehouse) -> dict[str, Any]:
    async with warehouse.database.reading() as connection:
        return await history.reconcile(connection)


async def read(warehouse: Warehouse, sql: str, *args: Any) -> list[tuple[Any, ...]]:
    async with warehouse.database.reading() as connection:
        return [tuple(row) for row in await connection.fetch(sql, *args)]


async def lines_of(warehouse: Warehouse, month: date) -> list[str]:
    return [line for (line,) in await read(warehouse, LINES, start_of(month), start_of(next_month(month)))]


async def let_go(warehouse: Warehouse, folder: Path, before: date | None = None) -> list[Archived]:
    return [one async for one in archive(warehouse.database, before or months_ago(1), folder, "ann")]


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


async def command(dsn: str, *words: str) -> tuple[asyncio.subprocess.Process, Callable[[], Awaitable[tuple[str, str]]]]:
    """The command as its own process, and how to wait for what it said."""
    environment = Surroundings({"inventory": dsn}, "127.0.0.1:1", "0" * 64).environment("inventory", 0)
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "services.inventory",
        "archive",
        *words,
        cwd=ROOT,
        env=environment,
        stdout=pipe,
        stderr=pipe,
    )

    async def said() -> tuple[str, str]:
        async with asyncio.timeout(SECONDS):
            out, err = await process.communicate()
        return out.decode(), err.decode()

    return process, said


async def test_a_month_stands_whole_in_its_file_and_no_longer_in_the_ledger(aged: Warehouse, tmp_path: Path) -> None:
    lines = {month: await lines_of(aged, month) for month in OLD}
    gone = await let_go(aged, tmp_path)
    assert [(one.month, one.rows) for one in gone] == [(month, 60) for month in OLD]
    for one in gone:
        packed = one.file.read_bytes()
        assert gzip.decompress(packed).decode().splitlines() == lines[one.month]
        assert packed[4:8] == bytes(4), "with a time in it, a later run would write another file"
        assert one.sha256 == hashlib.sha256(packed).hexdigest()
        assert (tmp_path / f"{one.file.name}.sha256").read_text() == f"{one.sha256}  {one.file.name}\n"
    told = await read(aged, ARCHIVES)
    assert told == [(one.month, 60, one.sha256, one.file.name, "ann") for one in gone]
    assert len(files(tmp_path)) == 6
    assert await read(aged, COUNT) == [(60,)]
    assert len(await lines_of(aged, months_ago(1))) == 60


async def test_a_month_of_many_pages_is_written_whole(aged: Warehouse, tmp_path: Path) -> None:
    """All at one moment, so that a page ends between rows of the same time."""
    many = """
    INSERT INTO ledger (transaction_id, item_id, version, type, quantity, previous_current, new_current,
                        previous_reserved, new_reserved, previous_held, new_held, reference_type, reference_id, actor,
                        at)
    SELECT uuidv7(), 'P', 30, 'receipt', 1, 0, 1, 0, 0, 0, 0, 'receipt', 'R', 'ann', $1
    FROM generate_series(1, $2::int)
    """
    async with aged.database.transaction() as tx:
        await tx.execute(many, start_of(OLD[0]), 2 * PAGE_ROWS + 1)
    lines = await lines_of(aged, OLD[0])
    [one] = await let_go(aged, tmp_path, OLD[1])
    assert one.rows == len(lines) == 2 * PAGE_ROWS + 61
    assert gzip.decompress(one.file.read_bytes()).decode().splitlines() == lines


async def test_a_file_can_be_read_back_into_rows(aged: Warehouse, tmp_path: Path) -> None:
    before = await lines_of(aged, OLD[0])
    [one] = await let_go(aged, tmp_path, OLD[1])
    again = "SELECT row_to_json(json_populate_record(NULL::ledger, line::json))::text FROM unnest($1::text[]) AS line"
    lines = gzip.decompress(one.file.read_bytes()).decode().splitlines()
    assert [line for (line,) in await read(aged, again, lines)] == before
    notes = {json.loads(line)["note"] for line in lines}
    assert notes == {None, "", 'two\nlines, "quoted"'}


async def test_the_books_prove_the_same_afterwards(aged: Warehouse, tmp_path: Path) -> None:
    wrong = "UPDATE stock SET current = current + 2, held = 1 WHERE item_id = 'Q'"
    async with aged.database.transaction() as tx:
        await tx.execute(wrong)
    before = await reconciled(aged)
    assert [one["check"] for one in before["deviations"]] == [
        *("current_ledger", "current_lots"),
        *("held_ledger", "held_lots"),
    ]
    await let_go(aged, tmp_path)
    after = await reconciled(aged)
    assert {**after, "as_of": None} == {**before, "as_of": None}
    async with aged.database.transaction() as tx:
        assert await correct(tx, Correction(new_id(), "Q", "current_ledger", 2, "looked again", "ann")) is not None
        assert await correct(tx, Correction(new_id(), "Q", "current_lots", 2, "looked again", "ann")) is not None
        assert await correct(tx, Correction(new_id(), "Q", "held_ledger", 1, "looked again", "ann")) is not None
        assert await correct(tx, Correction(new_id(), "Q", "held_lots", 1, "looked again", "ann")) is not None
    assert (await reconciled(aged))["ok"] is True


async def test_the_next_movement_goes_on_where_the_ledger_was(aged: Warehouse, tmp_path: Path) -> None:
    await let_go(aged, tmp_path)
    await aged.receive("P", 5)
    await aged.hear(aged.created(new(), ("P", 45)))
    assert await aged.levels("P") == (45, 45, 0, 0)
    assert (await reconciled(aged))["deviations"] == []


async def test_a_second_run_finds_nothing_to_do(aged: Warehouse, tmp_path: Path) -> None:
    await let_go(aged, tmp_path, OLD[1])
    kept = files(tmp_path)
    assert await let_go(aged, tmp_path, OLD[1]) == []
    assert files(tmp_path) == kept
    assert [one.month for one in await let_go(aged, tmp_path)] == OLD[1:]
    assert (await reconciled(aged))["ok"] is True


async def test_of_two_runs_at_once_each_month_goes_once(aged: Warehouse, tmp_path: Path) -> None:
    folders = [tmp_path / name for name in ("one", "two")]
    for folder in folders:
        folder.mkdir()
    async with asyncio.timeout(SECONDS):
        one, two = await asyncio.gather(*(let_go(aged, folder) for folder in folders))
    assert sorted(each.month for each in one + two) == OLD
    assert len(await read(aged, ARCHIVES)) == 3
    assert (await reconciled(aged))["ok"] is True
    assert await read(aged, COUNT) == [(60,)]


async def test_reconciliation_is_right_while_months_go(aged: Warehouse, tmp_path: Path) -> None:
    done = asyncio.Event()
    seen = []

    async def look() -> None:
        while not done.is_set():
            seen.append((await reconciled(aged))["ok"])

    async with asyncio.timeout(SECONDS), asyncio.TaskGroup() as tasks:
        lookers = [tasks.create_task(look()) for _ in range(3)]
        await let_go(aged, tmp_path)
        done.set()
    assert len(lookers) == 3
    assert seen
    assert all(seen)


async def test_killed_between_file_and_database_it_loses_nothing_and_goes_on(aged: Warehouse, tmp_path: Path) -> None:
    lines = await lines_of(aged, OLD[0])
    holder: Any = await asyncpg.connect(aged.dsn)
    try:
        async with holder.transaction():
            await holder.execute("LOCK TABLE ledger IN ACCESS SHARE MODE")
            process, said = await command(aged.dsn, "--before", f"{OLD[1]:%Y-%m}", "--to", str(tmp_path))
            async with asyncio.timeout(SECONDS):
                while not await holder.fetchval(SOMEBODY_WAITS_FOR_ME):
                    assert process.returncode is None, await said()
            process.kill()
            await said()
    finally:
        await holder.close()
    half = files(tmp_path)
    assert sorted(half) == [f"ledger_{OLD[0]:%Y%m}.jsonl.gz", f"ledger_{OLD[0]:%Y%m}.jsonl.gz.sha256"]
    assert await read(aged, ARCHIVES) == []
    assert await lines_of(aged, OLD[0]) == lines
    assert [one.month for one in await let_go(aged, tmp_path, OLD[1])] == [OLD[0]]
    assert files(tmp_path) == half
    assert (await reconciled(aged))["ok"] is True


async def test_a_month_that_changed_while_it_was_written_stays(aged: Warehouse, tmp_path: Path) -> None:
    late = "INSERT INTO ledger SELECT (r).* FROM (SELECT json_populate_record(NULL::ledger, $1::json) AS r) AS late"
    row = {**json.loads((await lines_of(aged, OLD[0]))[-1]), "transaction_id": new(), "version": 500}
    holder: Any = await asyncpg.connect(aged.dsn)
    try:
        turn = holder.transaction()
        await turn.start()
        same = "INSERT INTO ledger_archives SELECT $1, 'f', 0, repeat('0', 64), 'bob', clock_timestamp()"
        await holder.execute(same, OLD[0])
        running = asyncio.create_task(let_go(aged, tmp_path, OLD[1]))
        async with asyncio.timeout(SECONDS):
            while not await holder.fetchval(SOMEBODY_WAITS_FOR_ME):
                assert not running.done()
        async with aged.database.transaction() as tx:
            await tx.execute(late, json.dumps(row))
        await turn.rollback()
        with pytest.raises(Changed, match=f"{OLD[0]:%Y-%m}"):
            await running
    finally:
        await holder.close()
    assert (await read(aged, ARCHIVES), await read(aged, COUNT)) == ([], [(241,)])


async def test_another_file_of_that_name_is_never_written_over(aged: Warehouse, tmp_path: Path) -> None:
    name = f"ledger_{OLD[0]:%Y%m}.jsonl.gz"
    (tmp_path / name).write_bytes(b"another installation's")
    with pytest.raises(OtherFile, match=name):
        await let_go(aged, tmp_path)
    assert files(tmp_path) == {name: b"another installation's"}
    assert (await read(aged, ARCHIVES), await read(aged, COUNT)) == ([], [(240,)])


async def test_a_dry_run_tells_what_would_go_and_changes_nothing(aged: Warehouse, tmp_path: Path) -> None:
    words = ("--before", f"{months_ago(1):%Y-%m}", "--to", str(tmp_path), "--json", "--dry-run")
    process, said = await command(aged.dsn, *words)
    out, err = await said()
    assert process.returncode == 0, err
    assert [(row["month"], row["rows"], row["sha256"]) for row in json.loads(out)] == [
        (f"{month:%Y-%m}", 60, None) for month in OLD
    ]
    assert "3 months would be archived" in err
    assert files(tmp_path) == {}
    assert (await read(aged, ARCHIVES), await read(aged, COUNT)) == ([], [(240,)])


@pytest.mark.parametrize(
    ("before", "to", "told"),
    [
        (f"{THIS:%Y-%m}", ".", f"at most {months_ago(1):%Y-%m}"),
        (f"{next_month(THIS):%Y-%m}", ".", f"at most {months_ago(1):%Y-%m}"),
        ("2026-13", ".", "must be a month such as 2026-01"),
        ("yesterday", ".", "must be a month such as 2026-01"),
        (f"{months_ago(1):%Y-%m}", "nowhere", "is not a folder"),
    ],
)
async def test_what_cannot_go_is_refused_and_everything_stays(
    aged: Warehouse, tmp_path: Path, before: str, to: str, told: str
) -> None:
    process, said = await command(aged.dsn, "--before", before, "--to", str(tmp_path / to))
    out, err = await said()
    assert (process.returncode, out) == (2, "")
    assert told in " ".join(err.replace("│", " ").split())
    assert files(tmp_path) == {}
    assert (await read(aged, ARCHIVES), await read(aged, COUNT)) == ([], [(240,)])


async def test_a_count_looks_back_to_the_opening_and_no_further(
    aged: Warehouse, client: httpx.AsyncClient, tmp_path: Path
) -> None:
    await let_go(aged, tmp_path)
    asked = {"item_id": "P", "counted": 28, "version": 89, "reason": "cycle"}
    refused = await client.post("/counts", json=asked)
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/version")
    assert await aged.levels("P") == (40, 0, 0, 0)
    assert (await read(aged, "SELECT count(*) FROM counts")) == [(0,)]
    told = (await client.post("/counts", json={**asked, "version": 90})).json()
    assert (told["expected"], told["variance"], told["current_stock"]) == (30, -2, 38)
    told = (await client.post("/counts", json={**asked, "version": 93})).json()
    assert told["expected"] == 29
    assert (await reconciled(aged))["ok"] is True
