"""PostgreSQL and Kafka in containers, from the official images."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence

import asyncpg
import docker  # type: ignore[import-untyped]
from testcontainers.core.config import testcontainers_config
from testcontainers.core.container import DockerContainer

from deploy.local.kafka import serves

START_SECONDS = 90.0
# The run itself removes them: the reaper would do it when the first worker ends, under the others' feet.
testcontainers_config.ryuk_disabled = True


def start_postgres(password: str, settings: Sequence[str]) -> tuple[str, str]:
    """A server with that superuser's password; container id and DSN."""
    command = ["postgres", "-c", "max_connections=400", *(word for setting in settings for word in ("-c", setting))]
    container = DockerContainer("postgres:18").with_env("POSTGRES_PASSWORD", password)
    container = container.with_exposed_ports(5432).with_command(command).start()
    address = f"{container.get_container_host_ip()}:{container.get_exposed_port(5432)}"
    dsn = f"postgresql://postgres:{password}@{address}/postgres"
    asyncio.run(_until(lambda: _postgres_answers(dsn)))
    return container.get_wrapped_container().id, dsn


def start_kafka(port: int) -> tuple[str, str]:
    """A broker published on that port; container id and bootstrap address."""
    container = DockerContainer("apache/kafka:4.3.0").with_bind_ports(9092, port)
    host = container.get_docker_client().host()
    for name, value in _kafka_settings(f"{host}:{port}").items():
        container = container.with_env(name, value)
    container = container.start()
    asyncio.run(_until(lambda: serves(f"{host}:{port}")))
    return container.get_wrapped_container().id, f"{host}:{port}"


def remove(containers: Sequence[str]) -> None:
    """Remove the containers and their volumes."""
    engine = docker.from_env()
    for container in containers:
        engine.containers.get(container).remove(force=True, v=True)


def _kafka_settings(advertised: str) -> dict[str, str]:
    return {
        "KAFKA_NODE_ID": "1",
        "KAFKA_PROCESS_ROLES": "broker,controller",
        "KAFKA_LISTENERS": "PLAINTEXT://:9092,CONTROLLER://:9093",
        "KAFKA_ADVERTISED_LISTENERS": f"PLAINTEXT://{advertised}",
        "KAFKA_CONTROLLER_LISTENER_NAMES": "CONTROLLER",
        "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
        "KAFKA_CONTROLLER_QUORUM_VOTERS": "1@localhost:9093",
        "KAFKA_AUTO_CREATE_TOPICS_ENABLE": "false",
        "KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS": "0",
        "KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR": "1",
        "KAFKA_OFFSETS_TOPIC_NUM_PARTITIONS": "4",
        "KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR": "1",
        "KAFKA_TRANSACTION_STATE_LOG_MIN_ISR": "1",
        "KAFKA_HEAP_OPTS": "-Xms256m -Xmx512m",
    }


async def _until(answers: Callable[[], Awaitable[bool]]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not await answers():
        if time.monotonic() > deadline:
            raise TimeoutError("a container did not come up")
        await asyncio.sleep(0.2)


async def _postgres_answers(dsn: str) -> bool:
    try:
        connection = await asyncpg.connect(dsn, timeout=2)
    except (OSError, asyncpg.PostgresError, TimeoutError):
        return False
    await connection.close()
    return True
