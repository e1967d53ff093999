"""The local stack itself: started, started again, scaled, killed, stopped; and what it says when it cannot start."""

import json
import os
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import asyncpg
import httpx
import psutil  # type: ignore[import-untyped]
import pytest

from deploy.local.home import ROOT, Home
from deploy.local.ports import Ports
from deploy.local.processes import Processes
from deploy.local.stack import Stack

COMMAND_SECONDS = 240
ONE_EACH = {"postgres", "kafka", "order-1", "inventory-1", "bottling-1", "fulfillment-1", "console"}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """The folder of the stack that this module's tests share; every test starts by `up`, which repairs it."""
    folder = Home(tmp_path_factory.mktemp("stack") / "home")
    yield folder
    command(folder, "reset", "--yes")


def command(
    home: Home, *words: str, expect: int = 0, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a local command on that folder and check its exit code."""
    done = subprocess.run(
        [sys.executable, "-m", "deploy.local", *words],
        cwd=ROOT,
        env={**os.environ, "FLACON_HOME": str(home.path), **(env or {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=COMMAND_SECONDS,
        check=False,
    )
    assert done.returncode == expect, f"{words} gave {done.returncode}: {done.stdout}{done.stderr}"
    return done


def up(home: Home, *words: str) -> Stack:
    command(home, "up", *words)
    return Stack.load(home.path)


def pids(home: Home) -> dict[str, int]:
    return {record.name: record.pid for record in Processes(home).all()}


def with_marker(text: str) -> list[int]:
    """Every process of this machine that has the text in its command line, but this one."""
    lines = {process.pid: process.info["cmdline"] or [] for process in psutil.process_iter(["cmdline"])}
    return [pid for pid, line in lines.items() if pid != os.getpid() and any(text in word for word in line)]


def one_line(talk: str) -> str:
    """The one line in which a failure is told; what was started before it may stand above."""
    told: Sequence[str] = [line for line in talk.splitlines() if line.startswith("error: ")]
    assert len(told) == 1, talk
    assert "Traceback" not in talk
    return told[0]


def test_up_ends_when_every_service_is_ready_and_only_its_owner_may_read_where(home: Home) -> None:
    stack = up(home)

    assert stat.S_IMODE(home.stack.stat().st_mode) == 0o600
    assert set(json.loads(home.stack.read_text())) >= {"version", "services", "instances", "kafka", "postgres", "token"}
    assert {httpx.get(f"{url}/readyz").status_code for url in stack.services.values()} == {200}
    assert httpx.get(f"{stack.console}/readyz").status_code == 200
    assert set(stack.postgres) == {"order", "inventory", "bottling", "fulfillment", "admin"}
    assert set(pids(home)) == ONE_EACH


def test_everything_listens_on_loopback_only(home: Home) -> None:
    up(home)
    addresses = {
        connection.laddr.ip
        for pid in pids(home).values()
        for connection in psutil.Process(pid).net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    }

    assert {address.removeprefix("::ffff:") for address in addresses} == {"127.0.0.1"}


def test_a_second_up_changes_nothing(home: Home) -> None:
    up(home)
    before, told = pids(home), home.stack.read_bytes()

    command(home, "up")

    assert pids(home) == before
    assert home.stack.read_bytes() == told


def test_instances_are_added_and_removed_beside_those_that_run(home: Home) -> None:
    up(home)
    before = pids(home)

    stack = up(home, "--instances", "inventory=2")

    assert pids(home).keys() - before.keys() == {"inventory-2"}
    assert len({instance.url for instance in stack.instances["inventory"]}) == 2
    assert pids(home).items() >= before.items()

    up(home)
    assert pids(home) == before


def test_up_repairs_a_stack_whose_parts_were_killed_and_keeps_its_data(home: Home) -> None:
    stack = up(home)
    product = {"product_id": f"KEPT-{time.time_ns()}", "name": "Kept"}
    url = f"{stack.services['inventory']}/api/inventory/products"
    assert httpx.post(url, json=product, headers=stack.headers()).status_code == 201

    for name in ("kafka", "postgres", "order-1", "console"):
        os.kill(pids(home)[name], signal.SIGKILL)
    assert command(home, "status", expect=1).stdout.count("\tgone\t") >= 4
    again = up(home)

    url = f"{again.services['inventory']}/api/inventory/products/{product['product_id']}"
    assert httpx.get(url, headers=again.headers()).json()["name"] == "Kept"
    assert set(pids(home)) == ONE_EACH
    assert again.console == stack.console and httpx.get(f"{again.console}/readyz").status_code == 200
    assert (again.kafka, again.postgres, again.services) == (stack.kafka, stack.postgres, stack.services)


def test_down_stops_everything_and_up_finds_the_same_data_and_ports(home: Home) -> None:
    before = up(home)

    command(home, "down")

    assert pids(home) == {}
    assert with_marker(str(home.path)) == []
    assert not home.stack.exists()
    command(home, "status", expect=1)
    command(home, "down")
    assert up(home).services == before.services


def test_an_interrupted_start_leaves_nothing_running(home: Home) -> None:
    command(home, "down")
    starting = subprocess.Popen(
        [sys.executable, "-m", "deploy.local", "up"],
        cwd=ROOT,
        env={**os.environ, "FLACON_HOME": str(home.path)},
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 60
    while "order-1" not in pids(home) and time.monotonic() < deadline:
        time.sleep(0.02)

    starting.send_signal(signal.SIGINT)

    assert starting.wait(timeout=60) == 130
    assert pids(home) == {}
    assert with_marker(str(home.path)) == []
    assert not home.stack.exists()


async def test_a_role_sees_its_own_schema_only(home: Home) -> None:
    stack = up(home)
    connection = await asyncpg.connect(stack.postgres["order"])
    try:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.fetch("SELECT * FROM inventory_service.schema_migrations")
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute("CREATE TABLE public.mine (id int)")
        assert await connection.fetchval("SELECT count(*) > 0 FROM schema_migrations")
    finally:
        await connection.close()


def test_a_port_that_somebody_else_took_is_replaced(tmp_path: Path) -> None:
    ports = Ports(tmp_path / "ports.json")
    first = ports.take("order-1")
    server = socket.create_server(("127.0.0.1", first))
    try:
        assert ports.take("order-1") != first
    finally:
        server.close()


def test_a_folder_that_cannot_be_written_is_told_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")

    done = command(Home(tmp_path / "file" / "home"), "up", expect=3)

    assert "cannot write to" in one_line(done.stderr)


def test_a_service_that_does_not_start_is_told_with_its_log_and_nothing_stays(tmp_path: Path) -> None:
    folder = Home(tmp_path / "home")

    done = command(folder, "up", expect=3, env={"ORDER_POOL_SIZE": "many"})

    assert "ORDER_POOL_SIZE" in one_line(done.stderr)
    assert str(folder.logs) in one_line(done.stderr)
    assert with_marker(str(folder.path)) == []


def test_without_a_network_the_first_start_says_that_it_needs_one(tmp_path: Path) -> None:
    nowhere = {"XDG_CACHE_HOME": str(tmp_path / "cache"), "HOME": str(tmp_path), "HTTPS_PROXY": "http://127.0.0.1:9"}

    done = command(Home(tmp_path / "home"), "up", expect=3, env=nowhere)

    assert "the first start needs the network" in one_line(done.stderr)
    assert with_marker(str(tmp_path / "home")) == []


def test_wrong_usage_is_exit_code_2(tmp_path: Path) -> None:
    folder = Home(tmp_path / "home")

    for words in (
        ("up", "--instances", "cellar=2"),
        ("up", "--instances", "order=0"),
        ("demo", "--orders", "none.csv"),
    ):
        command(folder, *words, expect=2)
    command(folder, "reset", expect=2)
