"""On real servers the audit agrees with an installation at rest, and names each single thing that is changed in it."""

import asyncio
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import asyncpg
import pytest
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete

from deploy.local.audit.command import audit, examine
from deploy.local.audit.deviation import Deviation
from deploy.local.audit.log import Record
from deploy.local.audit.report import Report
from deploy.local.stack import Stack
from tests.installation import System
from tests.shop import ADDRESS, Shop

ROSE, IRIS = "audit-rose", "audit-iris"


@pytest.fixture(scope="module")
def at_rest(system: System) -> System:
    """Orders shipped, in the making, cancelled, queued and refused; one record that nobody can read."""
    asyncio.run(_trade(system.stack))
    return system


async def _trade(stack: Stack) -> None:
    async with Shop(stack) as shop:
        await shop.product(ROSE, 100)
        await shop.product(IRIS, 10)
        gone = await shop.ordered([(ROSE, 3), (IRIS, 2)], auto_confirm=True)
        await shop.ship(gone, "audit-1", deliver=True)
        await shop.becomes(gone, "fulfilled")
        await shop.confirmed(await shop.ordered([(ROSE, 5)]))
        await shop.ordered([(IRIS, 4)])
        cancelled = await shop.ordered([(ROSE, 7)])
        assert (await shop.ask("order", "PUT", f"/api/orders/{cancelled}/cancel")).status_code == 200
        await shop.ordered([(IRIS, 9)], on_shortage="backorder", auto_confirm=True)
        assert (await shop.order([(IRIS, 50)])).status_code == 409
        line = {"product_id": ROSE, "quantity": 2}
        submitted = {"customer_id": "c", "items": [line], "shipping_address": ADDRESS, "auto_confirm": True}
        await shop.submit([{**submitted, "source": "audit", "external_id": number} for number in "112"])
        await shop.publish("order.submitted", [(b"x", b"no order", [])])
        await shop.settled()


def report_of(system: System) -> Report:
    return asyncio.run(examine(system.stack))


def named(system: System) -> list[Deviation]:
    return report_of(system).all


def _execute(system: System, *statements: str) -> None:
    async def execute() -> None:
        connection = await asyncpg.connect(system.stack.postgres["admin"])
        try:
            async with connection.transaction():
                await connection.execute("SET LOCAL search_path = inventory_service")
                await connection.execute("SET LOCAL session_replication_role = replica")
                for statement in statements:
                    await connection.execute(statement)
        finally:
            await connection.close()

    asyncio.run(execute())


@contextmanager
def changed(system: System, change: str, back: str) -> Iterator[None]:
    """One statement behind everybody's back, undone afterwards."""
    _execute(system, change)
    try:
        yield
    finally:
        _execute(system, back)


def test_an_installation_at_rest_agrees_with_its_topics(at_rest: System, capsys: pytest.CaptureFixture[str]) -> None:
    assert [str(one) for one in named(at_rest)] == []
    assert audit(at_rest.stack, True) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["ok"], told["unrest"], told["deviations"], told["counts"]["dead letters"]) == (True, None, [], 1)
    assert audit(at_rest.stack, False) == 0
    assert "everything agrees" in capsys.readouterr().out


def test_a_stock_row_changed_by_sql_is_named(at_rest: System, capsys: pytest.CaptureFixture[str]) -> None:
    more = f"UPDATE stock SET current = current + 1 WHERE item_id = '{ROSE}'"
    less = f"UPDATE stock SET current = current - 1 WHERE item_id = '{ROSE}'"
    with changed(at_rest, more, less):
        checks = {one.check for one in named(at_rest) if one.subject.startswith(ROSE)}
        assert {"stock_ledger", "event_level", "event_current"} <= checks
        assert audit(at_rest.stack, False) == 1
        assert f"DEVIATION stock_ledger: {ROSE}" in capsys.readouterr().out
    assert named(at_rest) == []


@pytest.mark.parametrize("kind", ["receipt", "reserve", "release", "sale"])
def test_a_ledger_row_that_was_deleted_is_named(at_rest: System, kind: str) -> None:
    keep = "CREATE TABLE kept AS SELECT * FROM ledger WHERE (at, transaction_id) IN ("
    one = (
        f"SELECT at, transaction_id FROM ledger WHERE item_id = '{ROSE}' AND type = '{kind}' ORDER BY version LIMIT 1)"
    )
    _execute(at_rest, keep + one)
    delete = "DELETE FROM ledger WHERE transaction_id IN (SELECT transaction_id FROM kept)"
    with changed(at_rest, delete, "INSERT INTO ledger SELECT * FROM kept"):
        checks = {deviation.check for deviation in named(at_rest) if ROSE in deviation.subject}
        assert "ledger_chain" in checks or kind == "receipt"
        assert "stock_ledger" in checks
    _execute(at_rest, "DROP TABLE kept")
    assert named(at_rest) == []


@pytest.mark.parametrize(
    ("change", "back"),
    [
        ("held = held - 1, backordered = backordered + 1", "held = held + 1, backordered = backordered - 1"),
        ("held = held - 1, cancelled = cancelled + 1", "held = held + 1, cancelled = cancelled - 1"),
        ("held = held - 1, deducted = deducted + 1", "held = held + 1, deducted = deducted - 1"),
    ],
)
def test_a_hold_that_was_flipped_is_named(at_rest: System, change: str, back: str) -> None:
    one = "SELECT claim_id FROM reservations WHERE held > 1 ORDER BY claim_id LIMIT 1"
    _execute(at_rest, f"CREATE TABLE flipped AS {one}")
    where = "WHERE claim_id IN (SELECT claim_id FROM flipped)"
    with changed(at_rest, f"UPDATE reservations SET {change} {where}", f"UPDATE reservations SET {back} {where}"):
        assert {"reserved_holds", "hold_ledger", "event_hold"} <= {deviation.check for deviation in named(at_rest)}
    _execute(at_rest, "DROP TABLE flipped")


def test_a_claim_in_another_status_is_named(at_rest: System) -> None:
    one = "(SELECT id FROM claims WHERE status = '{}' AND kind = 'order' ORDER BY id LIMIT 1)"
    change = f"UPDATE claims SET status = 'expired' WHERE id = {one.format('closed')}"
    with changed(at_rest, change, f"UPDATE claims SET status = 'closed' WHERE id = {one.format('expired')}"):
        assert {"hold_status", "event_hold_status"} <= {deviation.check for deviation in named(at_rest)}


def test_each_record_that_is_missing_from_the_topics_is_named(at_rest: System) -> None:
    last: dict[str, Record] = {}

    def look(read: Sequence[Record]) -> Sequence[Record]:
        last.update({record.topic: record for record in read})
        return read

    asyncio.run(examine(at_rest.stack, records=look))
    assert len(last) >= 18
    for gone in last.values():

        def without(read: Sequence[Record], gone: Record = gone) -> Sequence[Record]:
            return [one for one in read if (one.topic, one.partition, one.offset) != _place(gone)]

        found = asyncio.run(examine(at_rest.stack, records=without)).all
        subject = f"{gone.topic} partition {gone.partition} offset {gone.offset}"
        assert [one.subject for one in found if one.check == "topic_gap"] == [subject]


def _place(record: Record) -> tuple[str, int, int]:
    return record.topic, record.partition, record.offset


def test_a_service_that_does_not_answer_is_exit_3(at_rest: System, capsys: pytest.CaptureFixture[str]) -> None:
    stack = Stack(
        **{**vars(at_rest.stack), "postgres": dict.fromkeys(at_rest.stack.postgres, "postgresql://x@127.0.0.1:1/x")}
    )
    assert audit(stack, False) == 3
    assert len(capsys.readouterr().err.strip().splitlines()) == 1


def test_records_that_the_broker_deleted_are_named(at_rest: System) -> None:
    """Last of this module: what is deleted stays so."""
    topic = at_rest.stack.topic_prefix + "stock.deducted"

    async def delete() -> None:
        admin = AIOKafkaAdminClient(bootstrap_servers=at_rest.stack.kafka)
        await admin.start()
        try:
            everything = {TopicPartition(topic, number): RecordsToDelete(before_offset=-1) for number in range(4)}
            await admin.delete_records(everything)
        finally:
            await admin.close()

    asyncio.run(delete())
    found = named(at_rest)
    assert [one.subject.split()[0] for one in found if one.check == "topic_start"] == ["stock.deducted"]
    assert "outbox_topic" in {one.check for one in found}
