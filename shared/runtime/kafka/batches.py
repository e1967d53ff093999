"""One poll's records: one transaction if all is well, halves to find poison, partitions apart in a passing fault."""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from aiokafka import ConsumerRecord, TopicPartition
from opentelemetry import trace

from shared.contracts.envelope import Event, Unreadable
from shared.runtime import dead_letters
from shared.runtime.database import Database, is_transient
from shared.runtime.dead_letters import DeadLetter
from shared.runtime.kafka.metrics import BATCH_RECORDS, BATCH_SECONDS, DEAD, DUPLICATES, HANDLED
from shared.runtime.records import Record, read_record, told
from shared.runtime.subscriptions import Subscription, deliver
from shared.runtime.telemetry import parse_traceparent

HANDLER_ATTEMPTS_MAX: Final = 3
SPLITTING_SECONDS_MAX: Final = 20.0
LINKS_MAX: Final = 128

_tracer = trace.get_tracer("flacon.kafka")


class Halted(Exception):
    """The partitions are wanted elsewhere or the service stops: what is left will be delivered again."""


@dataclass(frozen=True, slots=True)
class Taken:
    """A record and what was read in it: an event, the reason why not, or nothing to do."""

    place: TopicPartition
    record: Record
    event: Event[Any] | Unreadable | None


@dataclass(slots=True)
class Outcome:
    """Per partition: the offset up to which all is done; and where and why it has to wait."""

    done: dict[TopicPartition, int] = field(default_factory=dict)
    waiting: dict[TopicPartition, tuple[int, Exception]] = field(default_factory=dict)


class Batches:
    """Handles polls for one service; knows transactions and handlers, not Kafka."""

    def __init__(self, service: str, database: Database, subscriptions: Sequence[Subscription], prefix: str) -> None:
        self._service = service
        self._database = database
        self._subscriptions = subscriptions
        self._prefix = prefix

    async def handle(
        self,
        records: Sequence[ConsumerRecord[Any, Any]],
        *,
        alone: Iterable[TopicPartition] = (),
        halted: Callable[[], bool] = lambda: False,
    ) -> Outcome:
        """Never raises for what a record, a handler or Postgres does.

        Args:
            alone: partitions that failed the last time, each tried by itself so that its neighbours do not pay.
            halted: asked before each part; once true, no new part begins.
        """
        started = time.monotonic()
        taken = [self._taken(record) for record in records]
        with _tracer.start_as_current_span(f"{self._service} batch", kind=trace.SpanKind.CONSUMER) as span:
            if span.is_recording():
                _link(span, taken)
            outcome = await _Progress(self, halted).run(taken, set(alone))
        BATCH_RECORDS.labels(self._service).observe(len(records))
        BATCH_SECONDS.labels(self._service).observe(time.monotonic() - started)
        return outcome

    async def commit(self, taken: Sequence[Taken]) -> None:
        """Everything of these records in one transaction: inbox, effects, outbox, dead letters."""
        events = [one.event for one in taken if isinstance(one.event, Event)]
        letters = [
            DeadLetter(one.record, one.event.reason, one.event.error, attempts=1)
            for one in taken
            if isinstance(one.event, Unreadable)
        ]
        first: list[Event[Any]] = []
        if events or letters:
            async with self._database.transaction() as tx:
                first = await deliver(tx, self._subscriptions, events)
                if letters:
                    await dead_letters.insert(tx, letters)
        self._count(events, first, letters)

    async def bury(self, one: Taken, error: Exception) -> None:
        """Passes over a record whose handler keeps failing."""
        letter = DeadLetter(one.record, "handler_failed", told(error), HANDLER_ATTEMPTS_MAX)
        async with self._database.transaction() as tx:
            await dead_letters.insert(tx, [letter])
        self._count([], [], [letter])

    def _taken(self, raw: ConsumerRecord[Any, Any]) -> Taken:
        record = Record(raw.topic, raw.partition, raw.offset, raw.key, raw.value, tuple(raw.headers))
        return Taken(TopicPartition(raw.topic, raw.partition), record, read_record(record, self._prefix))

    def _count(self, events: list[Event[Any]], first: list[Event[Any]], letters: list[DeadLetter]) -> None:
        handled = {event.id for event in first}
        for event in first:
            HANDLED.labels(self._service, event.type).inc()
        repeats = len(events) - len(first)
        for event in events if repeats else ():
            if event.id in handled:
                handled.discard(event.id)
            else:
                DUPLICATES.labels(self._service, event.type).inc()
        for letter in letters:
            topic = letter.record.topic.removeprefix(self._prefix)
            DEAD.labels(self._service, topic, letter.reason).inc()


class _Progress:
    """How far one poll got."""

    def __init__(self, batches: Batches, halted: Callable[[], bool]) -> None:
        self._batches = batches
        self._halted = halted
        self._outcome = Outcome()
        self._until = time.monotonic() + SPLITTING_SECONDS_MAX

    async def run(self, taken: Sequence[Taken], alone: set[TopicPartition]) -> Outcome:
        together = [one for one in taken if one.place not in alone]
        try:
            if not await self._whole(together):
                await self._each_partition(together)
            await self._each_partition([one for one in taken if one.place in alone])
        except Halted:
            pass
        return self._outcome

    async def _whole(self, taken: Sequence[Taken]) -> bool:
        """False if something has to wait and it is not known what."""
        places = {one.place for one in taken}
        try:
            await self._part(taken)
        except Halted:
            raise
        except Exception as error:
            if len(places) > 1:
                return False
            self._wait(taken, error)
        return True

    async def _each_partition(self, taken: Sequence[Taken]) -> None:
        for place in dict.fromkeys(one.place for one in taken):
            rest = [one for one in taken if one.place == place and one.record.offset >= self._next(place)]
            if time.monotonic() > self._until:
                self._wait(rest, TimeoutError("other partitions took all the time of this poll"))
            elif rest:
                await self._whole(rest)

    async def _part(self, taken: Sequence[Taken]) -> None:
        if not taken:
            return
        if self._halted():
            raise Halted
        try:
            await self._batches.commit(taken)
        except Exception as error:
            if is_transient(error):
                raise
            await self._smaller(taken, error)
        else:
            self._done(taken)

    async def _smaller(self, taken: Sequence[Taken], error: Exception) -> None:
        """The first half before the second, so that the order inside a partition stays."""
        if len(taken) == 1:
            await self._insist(taken[0], error)
            return
        middle = len(taken) // 2
        await self._part(taken[:middle])
        await self._part(taken[middle:])

    async def _insist(self, one: Taken, error: Exception) -> None:
        for _ in range(HANDLER_ATTEMPTS_MAX - 1):
            try:
                await self._batches.commit([one])
            except Exception as again:
                if is_transient(again):
                    raise
                error = again
            else:
                self._done([one])
                return
        await self._batches.bury(one, error)
        self._done([one])

    def _next(self, place: TopicPartition) -> int:
        return self._outcome.done.get(place, 0)

    def _done(self, taken: Sequence[Taken]) -> None:
        for one in taken:
            self._outcome.done[one.place] = one.record.offset + 1

    def _wait(self, taken: Sequence[Taken], error: Exception) -> None:
        for one in taken:
            if one.record.offset >= self._next(one.place):
                self._outcome.waiting[one.place] = (one.record.offset, error)
                return


def _link(span: trace.Span, taken: Sequence[Taken]) -> None:
    parents = {one.event.traceparent for one in taken if isinstance(one.event, Event) and one.event.traceparent}
    for parent in sorted(parents)[:LINKS_MAX]:
        context = parse_traceparent(parent)
        if context is not None:
            span.add_link(context)
