"""Makes the topics of the catalog, a step of every deploy: `python -m shared.runtime.topics --bootstrap HOST:PORT`."""

import argparse
import asyncio
import logging
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from aiokafka.admin import AIOKafkaAdminClient, NewPartitions, NewTopic
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, for_code

from shared.contracts.catalog import EVENTS, RETENTION_DAYS, SERVICES, dead_letter_topic
from shared.runtime.kafka.connection import REQUEST_TIMEOUT_MS, UNKNOWN_TOPIC, quiet_client_logs

RECORD_BYTES_MAX: Final = 1024 * 1024
BATCH_OVERHEAD_BYTES: Final = 12 + 61 + 32
"""Log entry, batch and record framing, so that a record of exactly 1 MiB is taken."""
DEAD_LETTER_BYTES_MAX: Final = 2 * 1024 * 1024
VISIBLE_SECONDS_MAX: Final = 30.0
PARTITIONS_MAX: Final = 10_000


class TopicsError(Exception):
    """The cluster refused; the message names the topic."""


@dataclass(frozen=True, slots=True)
class TopicSpec:
    """A topic as it should be."""

    name: str
    compacted: bool
    bytes_max: int

    def settings(self) -> dict[str, str]:
        """The topic's configuration; a compacted one keeps the newest of each key for ever."""
        if self.compacted:
            return {"cleanup.policy": "compact", "max.message.bytes": str(self.bytes_max)}
        retention_ms = RETENTION_DAYS * 24 * 3600 * 1000
        return {
            "cleanup.policy": "delete",
            "retention.ms": str(retention_ms),
            "max.message.bytes": str(self.bytes_max),
        }


def topic_specs(prefix: str = "") -> list[TopicSpec]:
    """Every event's topic and every service's topic of dead letters."""
    events = [
        TopicSpec(prefix + event.name, event.compacted, RECORD_BYTES_MAX + BATCH_OVERHEAD_BYTES) for event in EVENTS
    ]
    letters = [TopicSpec(prefix + dead_letter_topic(service), False, DEAD_LETTER_BYTES_MAX) for service in SERVICES]
    return events + letters


async def make_topics(
    bootstrap: str, *, prefix: str = "", partitions: int = 4, security: Mapping[str, Any] | None = None
) -> list[str]:
    """Makes what is missing and adds partitions where there are fewer; returns the names made. Doing it again is fine.

    A topic that exists keeps its settings. All are visible to every client when this returns.

    Raises:
        TopicsError: the cluster refused.
        aiokafka.errors.KafkaError, OSError: it does not answer.
    """
    quiet_client_logs()
    admin = AIOKafkaAdminClient(
        bootstrap_servers=bootstrap, request_timeout_ms=REQUEST_TIMEOUT_MS, **dict(security or {})
    )
    try:
        await admin.start()
        specs = topic_specs(prefix)
        made = await _make_missing(admin, specs, partitions)
        await _grow(admin, specs, partitions)
        await _wait_until_visible(admin, specs, partitions)
    finally:
        await admin.close()
    return made


async def _partitions(admin: AIOKafkaAdminClient, specs: Sequence[TopicSpec]) -> dict[str, int]:
    """How many partitions with a leader each existing topic has."""
    described = await admin.describe_topics([spec.name for spec in specs])
    return {
        topic["topic"]: sum(1 for partition in topic["partitions"] if partition["leader"] >= 0)
        for topic in described
        if topic["error_code"] != UNKNOWN_TOPIC
    }


async def _make_missing(admin: AIOKafkaAdminClient, specs: Sequence[TopicSpec], partitions: int) -> list[str]:
    there = await _partitions(admin, specs)
    missing = [spec for spec in specs if spec.name not in there]
    if not missing:
        return []
    answer = await admin.create_topics(
        # The broker's own replication factor (-1); the client takes that only beside an empty assignment.
        [NewTopic(spec.name, partitions, -1, replica_assignments={}, topic_configs=spec.settings()) for spec in missing]
    )
    _refused(answer.to_object()["topic_errors"], besides=TopicAlreadyExistsError.errno)
    return [spec.name for spec in missing]


async def _grow(admin: AIOKafkaAdminClient, specs: Sequence[TopicSpec], partitions: int) -> None:
    there = await _partitions(admin, specs)
    small = {name: NewPartitions(partitions) for name, count in there.items() if 0 < count < partitions}
    if small:
        answer = await admin.create_partitions(small)
        _refused(answer.to_object()["topic_errors"])


async def _wait_until_visible(admin: AIOKafkaAdminClient, specs: Sequence[TopicSpec], partitions: int) -> None:
    try:
        async with asyncio.timeout(VISIBLE_SECONDS_MAX):
            while True:
                there = await _partitions(admin, specs)
                if all(there.get(spec.name, 0) >= partitions for spec in specs):
                    return
                await asyncio.sleep(0.05)
    except TimeoutError as error:
        raise TopicsError(f"topics were made but are not visible after {VISIBLE_SECONDS_MAX:.0f} s") from error


def _refused(answers: Sequence[Mapping[str, Any]], besides: int = 0) -> None:
    for answer in answers:
        code = answer["error_code"]
        if code not in (0, besides):
            why = answer.get("error_message") or for_code(code).__name__
            raise TopicsError(f"topic {answer['topic']}: {why}")


def _count(text: str) -> int:
    count = int(text)
    if not 1 <= count <= PARTITIONS_MAX:
        raise argparse.ArgumentTypeError(f"must be 1 to {PARTITIONS_MAX}")
    return count


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; exit codes 0 done, 2 wrong usage, 3 Kafka does not answer or refuses."""
    parser = argparse.ArgumentParser(prog="python -m shared.runtime.topics", description="Makes Flacon's topics.")
    parser.add_argument("--bootstrap", required=True, metavar="HOST:PORT")
    parser.add_argument("--prefix", default="")
    parser.add_argument("--partitions", type=_count, default=4)
    options = parser.parse_args(arguments)
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # one line says it
    try:
        made = asyncio.run(make_topics(options.bootstrap, prefix=options.prefix, partitions=options.partitions))
    except (KafkaError, OSError, TopicsError) as error:
        print(f"topics: {options.bootstrap}: {error or type(error).__name__}", file=sys.stderr)
        return 3
    print(f"{len(made)} topics made, {len(topic_specs())} are there")
    return 0


if __name__ == "__main__":
    sys.exit(main())
