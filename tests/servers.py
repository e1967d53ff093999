"""PostgreSQL and Kafka for the tests: given, from testcontainers, or from the local stack; once for all workers."""

import asyncio
import fcntl
import os
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

import orjson

from deploy.local.home import Home
from deploy.local.kafka import Kafka
from deploy.local.ports import HOST, Ports
from deploy.local.postgres import Postgres
from deploy.local.processes import Processes

FOLDER = "FLACON_TEST_FOLDER"
ADMIN_PASSWORD = "flacon-test-admin"
NOT_DURABLE = ("fsync=off", "full_page_writes=off", "synchronous_commit=off")


@dataclass(frozen=True)
class Servers:
    """Where the servers are; `containers` were started for this run."""

    postgres_admin_dsn: str
    kafka_bootstrap: str
    containers: list[str] = field(default_factory=list)


def begin_run() -> None:
    """Give this run, with all its workers, one folder."""
    os.environ.setdefault(FOLDER, tempfile.mkdtemp(prefix="flacon-tests-"))


def end_run() -> None:
    """Stop what the run has started and delete its folder."""
    folder = Path(os.environ.pop(FOLDER))
    try:
        if (folder / "servers.json").exists():
            _stop(Servers(**orjson.loads((folder / "servers.json").read_bytes())), Home(folder / "home"))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def shared_servers() -> Servers:
    """The servers of this run, started by the first worker that asks."""
    postgres, kafka = os.environ.get("FLACON_TEST_POSTGRES"), os.environ.get("FLACON_TEST_KAFKA")
    if postgres and kafka:
        return Servers(postgres, kafka)
    folder = Path(os.environ[FOLDER])
    told = folder / "servers.json"
    with (folder / "servers.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not told.exists():
            told.write_bytes(orjson.dumps(asdict(_way()(folder))))
    return Servers(**orjson.loads(told.read_bytes()))


def docker_answers() -> bool:
    """Whether there is a Docker engine that this user may use."""
    import docker  # type: ignore[import-untyped]
    from docker.errors import DockerException  # type: ignore[import-untyped]

    try:
        return bool(docker.from_env(timeout=5).ping())
    except (DockerException, OSError):
        return False


def _way() -> Callable[[Path], Servers]:
    chosen = os.environ.get("FLACON_TEST_SERVERS", "docker" if docker_answers() else "local")
    return {"docker": _from_containers, "local": _from_local_stack}[chosen]


def _from_local_stack(folder: Path) -> Servers:
    home = Home(folder / "home")
    home.prepare()
    processes, ports = Processes(home), Ports(home.ports)
    postgres = Postgres(home, processes, password=ADMIN_PASSWORD, settings=NOT_DURABLE)
    kafka = Kafka(home, processes)
    broker_port, controller_port, database_port = (ports.take(name) for name in ("kafka", "controller", "postgres"))

    async def start() -> None:
        await kafka.fetch()
        await asyncio.gather(postgres.start(database_port), kafka.start(broker_port, controller_port))

    asyncio.run(start())
    return Servers(postgres.dsn(database_port), f"{HOST}:{broker_port}")


def _from_containers(folder: Path) -> Servers:
    from tests.containers import start_kafka, start_postgres

    postgres, dsn = start_postgres(ADMIN_PASSWORD, NOT_DURABLE)
    kafka, bootstrap = start_kafka(Ports(folder / "ports.json").take("kafka"))
    return Servers(dsn, bootstrap, [postgres, kafka])


def _stop(servers: Servers, home: Home) -> None:
    if servers.containers:
        from tests.containers import remove

        remove(servers.containers)
    processes = Processes(home)
    for record in processes.all():
        processes.kill(record)
