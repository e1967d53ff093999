"""Hears every topic without a group: the console remembers nothing in Kafka and takes nothing from the services."""

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import Any, Final

import orjson
import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError

from console.live.picture import COUNTED, WORDS, Picture, moment_of
from shared.contracts.catalog import BY_NAME
from shared.contracts.rights import HEARD_BY_CONSOLE
from shared.runtime.kafka.connection import (
    METADATA_MAX_AGE_MS,
    REQUEST_TIMEOUT_MS,
    Unreachable,
    full_jitter,
    quiet_client_logs,
    stopped_within,
)

POLL_MS: Final = 200
RECORDS_MAX: Final = 1_000
FETCH_WAIT_MS: Final = 100
BACK_SECONDS: Final = 24 * 3600
LOOK_EVERY_SECONDS: Final = 60.0

NO_SECURITY: Final[Mapping[str, Any]] = {}

_log = structlog.get_logger()

CHANNELS: Final = {
    "order": ("orders",),
    "stock": ("stock", "orders"),
    "item": ("stock",),
    "lot": ("stock",),
    "materials": ("production", "stock"),
    "batch": ("production", "stock"),
    "fulfillment": ("fulfillment", "orders"),
}
"""What a page has to show anew after an event, by the first word of its type."""
ALERTING: Final = ("stock.low", "batch.planned", "batch.completed", "batch.failed")


def names_of(type: str, key: str) -> tuple[str, ...]:
    """The channels of an event and its subject: `order:ID`, `batch:ID`, `item:ID`."""
    alerts = ("alerts",) if type in ALERTING else ()
    subject = BY_NAME[type].key[0].removesuffix("_id")
    return (*CHANNELS[type.partition(".")[0]], *alerts, f"{subject}:{key}")


class Hearing:
    """One consumer for the process; Kafka may be away, at the start or later, for as long as it likes."""

    def __init__(
        self,
        bootstrap: str,
        prefix: str,
        picture: Picture,
        tell: Callable[[Iterable[str]], None],
        security: Mapping[str, Any] = NO_SECURITY,
    ) -> None:
        self._bootstrap = bootstrap
        self._security = security
        self._prefix = prefix
        self._picture = picture
        self._tell = tell
        self._places: dict[TopicPartition, int] = {}
        self._behind: set[TopicPartition] = set()
        self._ends: dict[TopicPartition, int] = {}
        self.trouble: str | None = f"not connected to {bootstrap} yet"

    @property
    def state(self) -> str:
        """`ok`, `catching up`, or why nothing is heard just now."""
        return self.trouble or ("catching up" if self._behind else "ok")

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop`: connects, and goes on after whatever ended the connection where it was."""
        quiet_client_logs()
        failures = 0
        while not stop.is_set():
            try:
                await self._hear(stop)
                failures = 0
            except (KafkaError, OSError, Unreachable) as error:
                failures += 1
                told = str(error) if isinstance(error, Unreachable) else type(error).__name__
                self.trouble = f"not connected to {self._bootstrap}: {told}"
                _log.warning("hearing waits", reason=self.trouble, attempt=failures)
                await stopped_within(stop, full_jitter(failures))

    async def _hear(self, stop: asyncio.Event) -> None:
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self._bootstrap,
            client_id="flacon-console",
            group_id=None,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            isolation_level="read_committed",
            fetch_max_wait_ms=FETCH_WAIT_MS,
            request_timeout_ms=REQUEST_TIMEOUT_MS,
            metadata_max_age_ms=METADATA_MAX_AGE_MS,
            **self._security,
        )
        await consumer.start()
        try:
            while not stop.is_set():
                partitions = await self._assign(consumer)
                self.trouble = None
                await self._listen(consumer, partitions, stop)
        finally:
            with suppress(KafkaError, OSError):
                await consumer.stop()

    async def _assign(self, consumer: Any) -> set[TopicPartition]:
        """Every partition that there is, each from where it was heard last."""
        partitions = await self._partitions(consumer)
        if missing := partitions - self._places.keys():
            await self._begin(consumer, missing)
        consumer.assign(sorted(partitions))
        for place in partitions:
            consumer.seek(place, self._places[place])
        return partitions

    async def _partitions(self, consumer: Any) -> set[TopicPartition]:
        """Those of the catalog's topics that there are by now (the client has no public way to ask for all)."""
        cluster = await consumer._client.fetch_all_metadata()
        topics = [self._prefix + event.name for event in HEARD_BY_CONSOLE]
        found = {TopicPartition(topic, one) for topic in topics for one in cluster.partitions_for_topic(topic) or ()}
        if not found:
            raise Unreachable("there are no topics yet")
        return found

    async def _begin(self, consumer: Any, partitions: set[TopicPartition]) -> None:
        """Compacted topics from their beginning, what is counted from a day back, the rest from now on."""
        back = int((time.time() - BACK_SECONDS) * 1000)
        ends = await consumer.end_offsets(list(partitions))
        beginnings = await consumer.beginning_offsets(list(partitions))
        counted = [place for place in partitions if self._type(place) in COUNTED]
        since = await consumer.offsets_for_times(dict.fromkeys(counted, back)) if counted else {}
        for place in partitions:
            if BY_NAME[self._type(place)].compacted:
                start = beginnings[place]
            else:
                found = since.get(place)
                start = ends[place] if found is None else found.offset
            self._places[place], self._ends[place] = start, ends[place]
            if start < ends[place]:
                self._behind.add(place)

    async def _listen(self, consumer: Any, partitions: set[TopicPartition], stop: asyncio.Event) -> None:
        look_at = time.monotonic() + LOOK_EVERY_SECONDS
        while not stop.is_set():
            found = await consumer.getmany(timeout_ms=POLL_MS, max_records=RECORDS_MAX)
            names: set[str] = set()
            for place, records in found.items():
                for record in records:
                    names |= self._take(record)
                self._places[place] = records[-1].offset + 1
            await self._note_progress(consumer)
            if names:
                self._tell(names)
            if time.monotonic() > look_at:
                if await self._partitions(consumer) != partitions:
                    return
                look_at = time.monotonic() + LOOK_EVERY_SECONDS

    async def _note_progress(self, consumer: Any) -> None:
        """The end may be a marker that is no record, so the position counts and not the last record."""
        for place in list(self._behind):
            if await consumer.position(place) >= self._ends[place]:
                self._behind.discard(place)
                if not self._behind:
                    self._tell({"orders", "stock", "production", "fulfillment", "alerts"})

    def _take(self, record: ConsumerRecord[bytes, bytes]) -> set[str]:
        type = record.topic.removeprefix(self._prefix)
        headers = dict(record.headers)
        if record.value is None or (headers.get("ce_source") or b"").startswith(b"/flacon/") is False:
            return set()
        try:
            data = orjson.loads(record.value) if type in COUNTED or type in WORDS or BY_NAME[type].compacted else {}
            event_id = (headers.get("ce_id") or b"").decode()
            self._picture.hear(type, event_id, moment_of(record.timestamp), data)
            return set(names_of(type, (record.key or b"").decode()))
        except (ValueError, KeyError, TypeError) as error:
            _log.warning("an event was passed over", type=type, offset=record.offset, error=str(error))
            return set()

    def _type(self, place: TopicPartition) -> str:
        return str(place.topic).removeprefix(self._prefix)
