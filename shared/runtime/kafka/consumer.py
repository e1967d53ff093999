"""The consumer of a service: one batch subscriber, one group, all its topics, and every delivery setting, here."""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, Final

import structlog
from aiokafka import ConsumerRecord
from aiokafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor
from aiokafka.errors import KafkaError
from faststream import AckPolicy
from faststream.kafka import KafkaBroker
from faststream.kafka.message import KafkaAckableMessage
from faststream.kafka.schemas import Topic
from faststream.security import BaseSecurity, SASLPlaintext, SASLScram256, SASLScram512

from shared.runtime.database import Database
from shared.runtime.kafka.batches import Batches
from shared.runtime.kafka.connection import (
    METADATA_MAX_AGE_MS,
    REQUEST_TIMEOUT_MS,
    Unreachable,
    first_of,
    full_jitter,
    missing_topics,
    quiet_client_logs,
    stopped_within,
)
from shared.runtime.kafka.session import (
    DRAIN_SECONDS,
    FETCH_WAIT_MS,
    POLL_MS,
    RECORDS_MAX,
    Drain,
    Session,
    is_of_a_record,
)
from shared.runtime.subscriptions import Subscription, subscribed_types

SESSION_TIMEOUT_MS: Final = 10_000
HEARTBEAT_MS: Final = 1_000
"""Members hear of a rebalance by their heartbeats, so this is how long a moved partition may stand still."""
REBALANCE_TIMEOUT_MS: Final = 45_000
POLL_INTERVAL_MS_MAX: Final = 300_000
LEAVE_SECONDS: Final = 5.0

_log = structlog.get_logger()


class Consumer:
    """Hears what a service subscribes to; Kafka may be away, at the start or later, for as long as it likes."""

    def __init__(
        self,
        *,
        service: str,
        database: Database,
        subscriptions: Sequence[Subscription],
        bootstrap: str,
        prefix: str = "",
        security: Mapping[str, Any] | None = None,
        instance: str = "",
        drain_seconds: float = DRAIN_SECONDS,
    ) -> None:
        """`drain_seconds`: how long a stop waits for the batch in hand before it is left to be delivered again."""
        self._service = service
        self._bootstrap = bootstrap
        self._prefix = prefix
        self._security = dict(security or {})
        self._drain_seconds = drain_seconds
        self._client_id = f"flacon-{service}-{instance}" if instance else f"flacon-{service}"
        self._topics = tuple(prefix + name for name in subscribed_types(subscriptions))
        self._batches = Batches(service, database, subscriptions, prefix)
        self._session: Session | None = None
        self._apart = False
        self._trouble = f"not connected to {bootstrap} yet"

    @property
    def group(self) -> str:
        """The consumer group: one per service."""
        return self._prefix + self._service

    def state(self) -> str:
        """`ok`, or why nothing is heard just now."""
        return self._session.state() if self._session is not None else self._trouble

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop`: connects, and again after whatever ended the connection. Returns when the group is left."""
        quiet_client_logs()
        if not self._topics:
            self._trouble = "ok"
            await stop.wait()
        failures = 0
        while not stop.is_set():
            try:
                await self._hear(stop)
                failures = 0
            except Exception as error:
                failures += 1
                self._apart = is_of_a_record(error)
                self._trouble = f"{type(error).__name__}: {error}" if not isinstance(error, Unreachable) else str(error)
                _log.warning("consumer waits", service=self._service, reason=self._trouble, attempt=failures)
                await stopped_within(stop, full_jitter(failures))

    async def _hear(self, stop: asyncio.Event) -> None:
        await self._find_topics()
        session = Session(self._service, self._batches, self._prefix, apart=self._apart)
        broker = self._subscribe(session)
        self._session = session
        try:
            if await first_of(broker.start(), stop.wait()):
                await first_of(session.broken(), stop.wait())
        finally:
            self._session = None
            self._trouble = f"not connected to {self._bootstrap}"
            session.halt()
            with suppress(TimeoutError):
                async with asyncio.timeout(self._drain_seconds + LEAVE_SECONDS):
                    await broker.stop()
            session.unmeasure()
        session.complain()

    async def _find_topics(self) -> None:
        try:
            missing = await missing_topics(self._bootstrap, self._topics, self._security)
        except (KafkaError, OSError) as error:
            raise Unreachable(f"not connected to {self._bootstrap}: {type(error).__name__}") from error
        if missing:
            raise Unreachable(f"topics are missing: {', '.join(missing)}")

    def _subscribe(self, session: Session) -> KafkaBroker:
        """FastStream's defaults acknowledge first and start at the end of a topic; so none is left a default."""
        broker = KafkaBroker(
            self._bootstrap,
            client_id=self._client_id,
            request_timeout_ms=REQUEST_TIMEOUT_MS,
            metadata_max_age_ms=METADATA_MAX_AGE_MS,
            consumer_only=True,
            allow_auto_create_topics=False,
            graceful_timeout=self._drain_seconds,
            security=security_of(self._security),
            apply_types=False,
            logger=None,
        )
        subscriber: Any = broker.subscriber(
            *(Topic(name, declare=False) for name in self._topics),
            group_id=self.group,
            batch=True,
            max_records=RECORDS_MAX,
            batch_timeout_ms=POLL_MS,
            auto_offset_reset="earliest",
            ack_policy=AckPolicy.MANUAL,
            isolation_level="read_committed",
            fetch_max_wait_ms=FETCH_WAIT_MS,
            fetch_min_bytes=1,
            fetch_max_bytes=50 * 1024 * 1024,
            max_partition_fetch_bytes=2 * 1024 * 1024,
            check_crcs=True,
            session_timeout_ms=SESSION_TIMEOUT_MS,
            heartbeat_interval_ms=HEARTBEAT_MS,
            rebalance_timeout_ms=REBALANCE_TIMEOUT_MS,
            max_poll_interval_ms=POLL_INTERVAL_MS_MAX,
            partition_assignment_strategy=(RoundRobinPartitionAssignor,),
            listener=Drain(session),
            parser=_parse,
            decoder=_decode,
            no_reply=True,
        )
        subscriber(session.handle)
        session.attend(subscriber)
        return broker


async def _parse(raw: tuple[ConsumerRecord[Any, Any], ...], original: Any) -> KafkaAckableMessage:
    """Cannot raise: the client's own parser loses a record with a null or non-UTF-8 header for good."""
    first = raw[0]
    place = f"{first.topic}:{first.partition}:{first.offset}"
    return KafkaAckableMessage(
        body=b"",
        headers={},
        batch_headers=[],
        raw_message=raw,
        correlation_id=place,
        message_id=place,
        consumer=original.__self__._consumer,
    )


async def _decode(message: Any) -> Any:
    return message.raw_message


def security_of(settings: Mapping[str, Any]) -> BaseSecurity | None:
    """The client library's security settings in FastStream's words."""
    if not settings:
        return None
    protocol = settings.get("security_protocol", "PLAINTEXT")
    tls: dict[str, Any] = {"ssl_context": settings.get("ssl_context"), "use_ssl": protocol.endswith("SSL")}
    if not protocol.startswith("SASL"):
        return BaseSecurity(**tls)
    mechanism = settings.get("sasl_mechanism", "PLAIN")
    kinds: dict[str, Any] = {"PLAIN": SASLPlaintext, "SCRAM-SHA-256": SASLScram256, "SCRAM-SHA-512": SASLScram512}
    security: BaseSecurity = kinds[mechanism](
        username=settings["sasl_plain_username"], password=settings["sasl_plain_password"], **tls
    )
    return security
