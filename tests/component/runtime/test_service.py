"""The whole service as a process and as an app: it starts, tells how it is, and stops without losing anything."""

import asyncio
import json
import os
import signal
import socket
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import httpx
import pytest
from typer.testing import CliRunner

from shared.runtime import health, service
from shared.runtime.command import command
from shared.runtime.service import Running, StartFailed
from shared.runtime.supervision import Supervised
from tests.component.runtime import sample
from tests.component.runtime.sample import SECRET, TOKEN, Settings, build, served
from tests.servers import Servers

ROOT = Path(__file__).parents[3]
NOTES = "/api/fulfillment/notes"
END_LOOKING = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE application_name = 'flacon-health' AND datname = current_database()
"""
ADD_DEAD_LETTER = """
INSERT INTO dead_letters (dead_letter_id, topic, partition, "offset", value, headers, reason, error, attempts)
VALUES ($1, 'order.ready', 0, $2, 'x', '[]', 'undecodable', E'not\\tJSON', 1)
"""

ADD_EVENT = """
INSERT INTO outbox (shard, seq, id, aggregatetype, aggregateid, type, version, payload, headers, created_at)
VALUES (0, nextval('outbox_seq_0'), gen_random_uuid(), 'order', 'O-1', 'order.ready', 1, '{}', '{}', clock_timestamp())
"""

RUNTIME = "runtime/0001_messaging.sql\nruntime/0002_partitions_are_guarded.sql\n"


def environment(dsn: str, **more: str) -> dict[str, str]:
    given = {"SAMPLE_POSTGRES_DSN": dsn, "SAMPLE_KAFKA": "127.0.0.1:1", "SAMPLE_JWT_SECRET": SECRET}
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SAMPLE_")}
    return {**kept, **given, **more, "PYTHONPATH": str(ROOT)}


async def ran(dsn: str, *arguments: str, **more: str) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of a command, run here: a process for each would take most of these tests' time."""
    app = command("sample", Settings, build)
    with sample.plain_logs():
        done = await asyncio.to_thread(partial(CliRunner().invoke, app, arguments, env=environment(dsn, **more)))
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done.exit_code, done.stdout, done.stderr


async def ran_alone(dsn: str, *arguments: str, **more: str) -> tuple[int, str, str]:
    """The same in a process of its own."""
    process = await _started(dsn, *arguments, **more)
    out, err = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


async def _started(dsn: str, *arguments: str, **more: str) -> Process:
    line = (sys.executable, "-m", "tests.component.runtime.sample", *arguments)
    return await asyncio.create_subprocess_exec(*line, cwd=ROOT, env=environment(dsn, **more), stdout=PIPE, stderr=PIPE)


@asynccontextmanager
async def serving(dsn: str, **more: str) -> AsyncIterator[tuple[Process, httpx.AsyncClient]]:
    """A process that answers, on a port of its own choice, which it logs."""
    process = await _started(dsn, "serve", "--port", "0", **more)
    try:
        assert process.stdout is not None
        while True:
            line = json.loads(await asyncio.wait_for(process.stdout.readline(), 30))
            if line["event"] == "starts":
                break
        async with httpx.AsyncClient(
            base_url=line["url"], headers={"Authorization": f"Bearer {TOKEN}"}, timeout=20
        ) as client:
            await sample.until(lambda: _answers(client))
            yield process, client
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def _answers(client: httpx.AsyncClient) -> bool:
    try:
        return (await client.get("/readyz")).status_code == 200
    except httpx.TransportError:
        return False


@pytest.fixture
async def dsn(servers: Servers) -> AsyncIterator[str]:
    async with sample.fresh_dsn(servers) as dsn:
        yield dsn


async def test_a_request_under_way_is_answered_before_the_process_ends_with_0(dsn: str) -> None:
    async with serving(dsn, SAMPLE_SLOW_SECONDS="1") as (process, client):
        asking = asyncio.create_task(client.post("/api/fulfillment/slow"))
        written = await client.post(NOTES, json={"text": "kept"})
        await asyncio.sleep(0.2)
        process.send_signal(signal.SIGTERM)
        assert (await asking).json() == {"slept": True}
        assert await asyncio.wait_for(process.wait(), 25) == 0
        out = await process.stdout.read() if process.stdout else b""
    assert written.status_code == 201
    assert "stopped" in [json.loads(line)["event"] for line in out.splitlines()]


async def test_an_endless_response_ends_with_the_stop(dsn: str) -> None:
    async with serving(dsn) as (process, client), client.stream("GET", NOTES + "/stream") as stream:
        lines = stream.aiter_lines()
        assert await anext(lines) == ": open"
        process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), 9) == 0


async def test_an_interrupt_ends_with_130(dsn: str) -> None:
    async with serving(dsn) as (process, _):
        process.send_signal(signal.SIGINT)
        assert await asyncio.wait_for(process.wait(), 25) == 130


async def test_a_service_that_cannot_start_says_why_in_one_line(dsn: str, servers: Servers) -> None:
    empty = servers.postgres_admin_dsn
    code, out, err = await ran_alone(empty, "serve")
    assert (code, out, err.count("\n")) == (3, "", 1)
    assert "not migrated" in err and "migrate" in err
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        code, out, err = await ran_alone(dsn, "serve", "--port", str(taken.getsockname()[1]))
    assert (code, out, err.count("\n")) == (3, "", 1)
    assert "cannot listen" in err


async def test_settings_that_are_missing_or_wrong_are_all_named_without_their_values(dsn: str) -> None:
    code, _, err = await ran(dsn, "serve", SAMPLE_KAFKA="", SAMPLE_JWT_SECRET="hush", SAMPLE_RATE_LIMIT="lots")
    assert (code, err.count("\n")) == (2, 1)
    assert "SAMPLE_KAFKA" in err and "SAMPLE_JWT_SECRET" in err and "SAMPLE_RATE_LIMIT" in err
    assert "hush" not in err
    code, _, err = await ran(dsn, "serve", "--port", "70000")
    assert code == 2


async def test_postgres_that_does_not_come_ends_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "POSTGRES_SECONDS_MAX", 0.5)
    nobody = build(Settings(postgres_dsn="postgresql://u:hidden@127.0.0.1:1/x", kafka="127.0.0.1:1", jwt_secret=SECRET))
    with pytest.raises(StartFailed, match=r"Postgres at 127\.0\.0\.1:1/x does not answer") as failed:
        await Running(nobody).prepare()
    assert "hidden" not in str(failed.value)


async def test_migrate_tells_what_it_did_and_what_is_pending(servers: Servers, dsn: str) -> None:
    assert await ran(dsn, "migrate", "--check") == (0, "", "0 pending\n")
    connection = await asyncpg.connect(dsn)
    await connection.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    await connection.close()
    code, out, _ = await ran(dsn, "migrate", "--check")
    assert (code, out) == (1, f"{RUNTIME}fulfillment/0001_notes.sql\n")
    assert await ran(dsn, "migrate") == (0, out, "3 applied\n")
    assert await ran(dsn, "migrate") == (0, "", "0 applied\n")
    code, _, err = await ran("postgresql://postgres@127.0.0.1:1/x", "migrate")
    assert (code, err.count("\n")) == (3, 1)


async def test_dead_letters_are_listed_shown_replayed_and_purged_by_command(dsn: str) -> None:
    connection = await asyncpg.connect(dsn)
    ids = [UUID(int=7 << 76 | number) for number in (1, 2)]
    for offset, id in enumerate(ids):
        await connection.execute(ADD_DEAD_LETTER, id, offset)
    await connection.close()
    code, out, _ = await ran(dsn, "dead-letters", "list")
    assert code == 0
    assert [line.split("\t")[0] for line in out.splitlines()] == ["dead_letter_id", str(ids[1]), str(ids[0])]
    listed = json.loads((await ran(dsn, "dead-letters", "list", "--json", "--state", "open"))[1])
    assert [letter["value"] for letter in listed] == ["x", "x"]
    assert json.loads((await ran(dsn, "dead-letters", "show", str(ids[0])))[1])["reason"] == "undecodable"
    code, out, _ = await ran(dsn, "dead-letters", "replay", "--all")
    assert (code, [line.split("\t")[1] for line in out.splitlines()]) == (1, ["failed", "failed"])
    assert (await ran(dsn, "dead-letters", "purge", "--all"))[0] == 2
    assert (await ran(dsn, "dead-letters", "purge", str(ids[0])))[0] == 0
    assert (await ran(dsn, "dead-letters", "purge", "--all", "--yes"))[2] == "1 purged\n"
    for wrong in (("show", "x"), ("show", str(UUID(int=9))), ("replay",), ("replay", "--all", str(ids[0]))):
        code, _, err = await ran(dsn, "dead-letters", *wrong)
        assert (code, err.count("\n")) == (2, 1), wrong


async def test_documents_need_no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("POSTGRES_DSN", "KAFKA", "JWT_SECRET"):
        monkeypatch.delenv(f"SAMPLE_{name}", raising=False)
    for name in ("openapi", "asyncapi"):
        done = CliRunner().invoke(command("sample", Settings, build), [name])
        assert done.exit_code == 0, done.stderr
        assert json.loads(done.stdout)[name].startswith("3.")


async def test_republish_refuses_what_it_cannot_do(dsn: str) -> None:
    for wrong in (("--since", "yesterday"), ("--since", "2026-01-31T12:00:00"), ()):
        assert (await ran(dsn, "republish", *wrong))[0] == 2
    code, _, err = await ran(dsn, "republish", "--since", "2026-01-31T12:00:00Z", "--type", "order.created")
    assert (code, err.count("\n")) == (2, 1)
    code, _, err = await ran(dsn, "republish", "--since", "2026-01-31T12:00:00Z")
    assert (code, err.splitlines()[-1].startswith("Kafka")) == (3, True)


async def test_readiness_is_postgres_alone(dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "NOT_WRITABLE_SECONDS_MAX", 1.5)
    admin = await asyncpg.connect(dsn)
    name = await admin.fetchval("SELECT current_database()")
    async with served(build(Settings(postgres_dsn=dsn, kafka="127.0.0.1:1", jwt_secret=SECRET))) as client:
        ready = await client.get("/readyz")
        assert (ready.status_code, ready.json()["ready"]) == (200, True)
        assert ready.json()["checks"]["postgres"] == "ok"
        assert ready.json()["checks"]["consumers"] != "ok"
        await admin.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
        await admin.execute(END_LOOKING)
        await sample.until(lambda: _is(client, 503, "read-only"))
        assert (await client.get("/livez")).json() == {"alive": True}
        await admin.execute("SET default_transaction_read_only = off")
        await admin.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = off")
        await admin.execute(END_LOOKING)
        await sample.until(lambda: _is(client, 200, "ok"))
    await admin.close()


async def test_figures_tell_of_what_waits_while_kafka_is_away(dsn: str) -> None:
    connection = await asyncpg.connect(dsn)
    await connection.execute(ADD_DEAD_LETTER, UUID(int=7), 1)
    await connection.execute(ADD_EVENT)
    await connection.close()
    expected = {
        f'flacon_dead_letters_open{{service="{sample.NAME}"}} 1.0',
        f'flacon_outbox_unsent{{service="{sample.NAME}"}} 1.0',
        'flacon_check_ok{check="kafka"} 0.0',
        'flacon_check_ok{check="postgres"} 1.0',
    }
    async with served(build(Settings(postgres_dsn=dsn, kafka="127.0.0.1:1", jwt_secret=SECRET))) as client:

        async def shown() -> bool:
            return expected <= set((await client.get("/metrics")).text.splitlines())

        await sample.until(shown)


async def _is(client: httpx.AsyncClient, status: int, postgres: str) -> bool:
    ready = await client.get("/readyz")
    return ready.status_code == status and ready.json()["checks"]["postgres"] == postgres


async def test_a_background_task_that_dies_is_shown_and_started_again() -> None:
    starts: list[int] = []
    broken: dict[str, str] = {}

    async def dies_first(stop: asyncio.Event) -> None:
        starts.append(len(starts))
        if len(starts) == 1:
            raise RuntimeError("gone")
        await stop.wait()

    task = Supervised("t", dies_first, broken)
    task.start()
    await sample.until(lambda: _true(bool(broken)))
    assert broken == {"t": "ended unexpectedly: RuntimeError: gone"}
    await sample.until(lambda: _true(len(starts) == 2))
    assert broken == {}
    await task.stop(1)


async def test_a_background_task_that_does_not_stop_is_cancelled_in_time() -> None:
    async def deaf(stop: asyncio.Event) -> None:
        await asyncio.sleep(60)

    task = Supervised("t", deaf)
    task.start()
    await asyncio.sleep(0)
    started = asyncio.get_running_loop().time()
    await task.stop(0.1)
    assert asyncio.get_running_loop().time() - started < 1


async def _true(value: bool) -> bool:
    return value


def test_the_documents_tell_bodies_scopes_and_problems() -> None:
    made = build(Settings(postgres_dsn="postgresql://x", kafka="x", jwt_secret=SECRET))
    document: dict[str, Any] = service.http_app(made).openapi()
    write = document["paths"][NOTES]["post"]
    body = write["requestBody"]["content"]["application/json"]["schema"]
    assert body["properties"]["places"]["items"] == {"$ref": "#/components/schemas/Place"}
    assert document["components"]["schemas"]["Place"]["additionalProperties"] is False
    assert write["security"] == [{"bearer": ["fulfillment:write"]}]
    statuses = (201, 202, 400, 401, 403, 404, 409, 413, 415, 422, 429, 500, 503)
    assert set(write["responses"]) == {str(status) for status in statuses}
    assert "illegal-transition" in write["responses"]["409"]["description"]
    assert {parameter["name"] for parameter in write["parameters"]} == {"Prefer", "Idempotency-Key"}
    operations = [op["operationId"] for path in document["paths"].values() for op in path.values()]
    assert len(operations) == len(set(operations))
    references = {part.split('"')[0] for part in json.dumps(document).split('"#/components/schemas/')[1:]}
    assert references <= set(document["components"]["schemas"])
    events = service.events_document(made)
    assert events["operations"]["read_order.ready"]["bindings"]["kafka"]["groupId"]["const"] == "fulfillment"
    references = {part.split('"')[0] for part in json.dumps(events).split('"#/components/schemas/')[1:]}
    assert references <= set(events["components"]["schemas"])
