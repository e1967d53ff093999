"""Meters: processor seconds of services, Postgres and Kafka apart, bytes of WAL and tables, messages by topic."""

import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

import asyncpg
import psutil  # type: ignore[import-untyped]
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from deploy.local.home import Home
from deploy.local.processes import Processes, Record
from deploy.local.stack import Stack
from shared.contracts.catalog import SERVICES

PARTS: Final = ("order", "inventory", "bottling", "fulfillment", "postgres", "kafka", "client")


@dataclass(frozen=True, slots=True)
class Reading:
    """One look at the meters; seconds of CPU by part, bytes of WAL since the server was made."""

    at: float
    cpu: dict[str, float]
    wal: int


@dataclass(frozen=True, slots=True)
class Volume:
    """Bytes of the database, records by topic."""

    tables: int
    messages: dict[str, int]


WAL_BYTES: Final = "SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::bigint"
TABLE_BYTES: Final = "SELECT pg_database_size(current_database())"


class Meters:
    """Reads one stack's meters; `dsn` names the database whose size counts."""

    def __init__(self, home: Home, stack: Stack, dsn: str) -> None:
        self._stack = stack
        self._dsn = dsn
        self._parts: dict[str, list[Record]] = {}
        for record in Processes(home).all():
            self._parts.setdefault(record.name.partition("-")[0], []).append(record)

    async def read(self) -> Reading:
        """The meters now."""
        connection: Any = await asyncpg.connect(self._dsn)
        try:
            wal = int(await connection.fetchval(WAL_BYTES))
        finally:
            await connection.close()
        cpu = {part: sum(tree_seconds(record.pid) for record in records) for part, records in self._parts.items()}
        return Reading(time.monotonic(), {**cpu, "client": time.process_time()}, wal)

    async def volume(self) -> Volume:
        """How much there is now."""
        connection: Any = await asyncpg.connect(self._dsn)
        try:
            size = int(await connection.fetchval(TABLE_BYTES))
        finally:
            await connection.close()
        return Volume(size, await end_offsets(self._stack))


def tree_seconds(pid: int) -> float:
    """CPU seconds of a process, its living children, and those of its children that have ended."""
    process = psutil.Process(pid)
    seconds = 0.0
    for one in (process, *process.children(recursive=True)):
        try:
            times = one.cpu_times()
        except psutil.NoSuchProcess:
            continue
        seconds += times.user + times.system + times.children_user + times.children_system
    return seconds


async def end_offsets(stack: Stack) -> dict[str, int]:
    """Records ever written, by topic."""
    admin = AIOKafkaAdminClient(bootstrap_servers=stack.kafka)
    consumer = AIOKafkaConsumer(bootstrap_servers=stack.kafka, enable_auto_commit=False)
    await admin.start()
    await consumer.start()
    try:
        named = [name for name in await admin.list_topics() if not name.startswith("__")]
        described = await admin.describe_topics(named)
        places = [TopicPartition(one["topic"], part["partition"]) for one in described for part in one["partitions"]]
        ends = await consumer.end_offsets(places)
    finally:
        await admin.close()
        await consumer.stop()
    return _by_topic(ends.items())


def _by_topic(ends: Iterable[tuple[TopicPartition, int]]) -> dict[str, int]:
    found: dict[str, int] = {}
    for place, end in ends:
        found[place.topic] = found.get(place.topic, 0) + end
    return found


def spent(before: Reading, after: Reading) -> dict[str, float]:
    """CPU seconds between two readings, services summed up too."""
    cpu: dict[str, float] = {part: after.cpu[part] - before.cpu.get(part, 0.0) for part in PARTS if part in after.cpu}
    return {**cpu, "services": sum(cpu.get(service, 0.0) for service in SERVICES)}
