"""The relay of one shard: elected by a session lock, sends the outbox in order, moves one cursor row per batch."""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any, Final
from zlib import crc32

import asyncpg
import orjson
import structlog

from shared.runtime.database import BY_INDEX
from shared.runtime.kafka.connection import first_of, full_jitter, stopped_within
from shared.runtime.kafka.metrics import GAPS, SENT
from shared.runtime.kafka.publisher import Publisher, Sendable
from shared.runtime.relay.cursor import GAP_SECONDS, Cursor
from shared.runtime.wakeups import Wakeups

ROWS_MAX: Final = 2_000
BYTES_MAX: Final = 16 * 1024 * 1024
POLL_SECONDS: Final = 0.5
FOLLOW_SECONDS: Final = 1.0
LOOK_EVERYWHERE_SECONDS: Final = 60.0
PRUNING_MARGIN: Final = timedelta(minutes=5)
FLUSH_SECONDS: Final = 5.0
BEGINNING: Final = datetime.fromisoformat("2000-01-01T00:00:00+00:00")

_SESSION: Final = {
    **BY_INDEX,
    # The outbox is read in the order of its key, never sorted.
    "enable_bitmapscan": "off",
    "plan_cache_mode": "force_generic_plan",
    "statement_timeout": "15s",
    "lock_timeout": "5s",
    "timezone": "UTC",
    # A cursor that is lost in a crash means rows sent again, so its commit need not wait for the disk.
    "synchronous_commit": "off",
    # A leader whose machine vanished must not keep the lock until TCP gives up after hours.
    "tcp_keepalives_idle": "5",
    "tcp_keepalives_interval": "2",
    "tcp_keepalives_count": "3",
}

_log = structlog.get_logger()

TRY_TO_LEAD = "SELECT pg_try_advisory_lock($1, $2)"
MAKE_CURSOR = "INSERT INTO relay (shard) VALUES ($1) ON CONFLICT DO NOTHING"
READ_CURSOR = """
SELECT sent_through, greatest(sent_at, timestamptz '2000-01-01 00:00:00+00') AS sent_at, gaps
FROM relay
WHERE shard = $1
"""
MOVE_CURSOR = "UPDATE relay SET sent_through = $2, sent_at = $3, gaps = $4 WHERE shard = $1"
# One statement is one snapshot: were the gaps read first, an event could overtake its elder that fills one of them.
READ_OUTGOING = """
WITH outgoing AS (
    (SELECT seq, type, aggregateid, payload, headers, created_at
     FROM outbox
     WHERE shard = $1 AND seq > $2 AND created_at >= $3
     ORDER BY seq
     LIMIT $4)
    UNION ALL
    SELECT seq, type, aggregateid, payload, headers, created_at
    FROM outbox
    WHERE shard = $1 AND seq = ANY ($5::bigint[]) AND created_at >= $3
), measured AS (
    SELECT seq, type, aggregateid, payload, headers, created_at,
           sum(octet_length(payload)) OVER (ORDER BY seq ROWS UNBOUNDED PRECEDING) - octet_length(payload) AS earlier
    FROM outgoing
)
SELECT seq, type, aggregateid, payload, headers, created_at
FROM measured
WHERE earlier < $6
ORDER BY seq
"""


class Shard:
    """The relay of one shard: leads or waits to lead."""

    def __init__(
        self,
        *,
        service: str,
        shard: int,
        dsn: str,
        prefix: str,
        wakeups: Wakeups,
        publisher: Callable[[], Publisher],
        gap_seconds: float = GAP_SECONDS,
    ) -> None:
        self._service = service
        self._shard = shard
        self._dsn = dsn
        self._prefix = prefix
        self._wakeups = wakeups
        self._new_publisher = publisher
        self._gap_seconds = gap_seconds
        self._publisher: Publisher | None = None
        self._sending_since: float | None = None
        self._looked_everywhere = 0.0
        self.leading = False
        self.trouble: str | None = "not started"

    def state(self) -> str:
        """`ok` for a leader that sends and for one that waits to lead."""
        if self.trouble is not None:
            return self.trouble
        if self.leading and self._publisher is not None and not self._publisher.connected:
            return "not connected to Kafka"
        if self._sending_since is not None and time.monotonic() - self._sending_since > FLUSH_SECONDS:
            return f"Kafka has not acknowledged for {time.monotonic() - self._sending_since:.0f} s"
        return "ok"

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop`, whatever breaks; what was not sent is still in the outbox."""
        failures = 0
        while not stop.is_set():
            try:
                await self._session(stop)
                failures = 0
            except Exception as error:
                failures += 1
                self.trouble = f"{type(error).__name__}: {error}".rstrip(": ")
                _log.warning(
                    "relay waits", service=self._service, shard=self._shard, reason=self.trouble, attempt=failures
                )
                await stopped_within(stop, full_jitter(failures))

    async def _session(self, stop: asyncio.Event) -> None:
        connection: Any = await asyncpg.connect(
            self._dsn,
            timeout=5,
            command_timeout=20,
            server_settings={"application_name": f"flacon-{self._service}-relay", **_SESSION},
        )
        lost = asyncio.Event()
        connection.add_termination_listener(lambda _: lost.set())
        try:
            if await self._elected(connection, stop):
                await self._lead(connection, lost, stop)
        finally:
            self.leading = False
            with suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError):
                await connection.close(timeout=2)

    async def _elected(self, connection: Any, stop: asyncio.Event) -> bool:
        """Waits for the lock, which the session keeps until it ends; False if stopped before."""
        key = crc32(f"flacon-relay-{self._service}".encode())
        signed = key - (1 << 32) if key >= 1 << 31 else key
        while not await connection.fetchval(TRY_TO_LEAD, signed, self._shard):
            self.trouble = None
            if await stopped_within(stop, FOLLOW_SECONDS):
                return False
        return True

    async def _lead(self, connection: Any, lost: asyncio.Event, stop: asyncio.Event) -> None:
        """Every statement of a leader runs on the session that holds the lock: no lock, no cursor."""
        publisher = self._publisher = self._new_publisher()
        try:
            await publisher.start()
            cursor = await self._cursor(connection)
            self.leading, self.trouble = True, None
            work = asyncio.create_task(self._work(connection, publisher, cursor, stop))
            try:
                await _until(work, lost, stop)
            finally:
                work.cancel()
                await asyncio.gather(work, return_exceptions=True)
        finally:
            self._publisher = self._sending_since = None
            await publisher.close()

    async def _cursor(self, connection: Any) -> Cursor:
        await connection.execute(MAKE_CURSOR, self._shard)
        row = await connection.fetchrow(READ_CURSOR, self._shard)
        return Cursor(row["sent_through"], row["sent_at"], row["gaps"], time.monotonic())

    async def _work(self, connection: Any, publisher: Publisher, cursor: Cursor, stop: asyncio.Event) -> None:
        """Sends until there is nothing more and the service stops."""
        while True:
            sent, cut_short = await self._step(connection, publisher, cursor)
            if cut_short or (sent and stop.is_set()):
                continue
            if stop.is_set():
                return
            # What was committed since this step read has set the event that is waited for.
            await first_of(self._wakeups.wait(f"relay-{self._shard}", POLL_SECONDS), stop.wait())

    async def _step(self, connection: Any, publisher: Publisher, cursor: Cursor) -> tuple[int, bool]:
        """Reads, sends, waits for every acknowledgement, then moves the cursor: dying between means sending twice.

        Returns how many events were sent, and whether the read was cut short, so that more may wait.
        """
        now = time.monotonic()
        overdue = cursor.overdue(now, self._gap_seconds)
        rows = await connection.fetch(
            READ_OUTGOING,
            self._shard,
            cursor.sent_through,
            self._floor(cursor, now),
            ROWS_MAX,
            [*cursor.gaps],
            BYTES_MAX,
        )
        records = [sendable(row, self._prefix) for row in rows]
        if records:
            self._sending_since = now
            await publisher.send(records)
            self._sending_since = None
            SENT.labels(self._service).inc(len(records))
        too_large = sum(len(record.value or b"") for record in records) >= BYTES_MAX
        if too_large:
            overdue = set()  # a gap may have been filled unseen
        if cursor.advance({row["seq"]: row["created_at"] for row in rows}, overdue, now):
            await connection.execute(MOVE_CURSOR, self._shard, cursor.sent_through, cursor.sent_at, sorted(cursor.gaps))
        GAPS.labels(self._service, self._shard).set(len(cursor.gaps))
        return len(rows), too_large or len(rows) >= ROWS_MAX

    def _floor(self, cursor: Cursor, now: float) -> datetime:
        """Older partitions are not looked at, but for once a minute, should the server's clock have gone back."""
        if now - self._looked_everywhere > LOOK_EVERYWHERE_SECONDS:
            self._looked_everywhere = now
            return BEGINNING
        return cursor.sent_at - PRUNING_MARGIN


def sendable(row: Any, prefix: str) -> Sendable:
    """An outbox row as the record that goes out, byte for byte as it was committed."""
    headers = [(name, text.encode()) for name, text in orjson.loads(row["headers"]).items()]
    return Sendable(prefix + row["type"], row["aggregateid"].encode(), row["payload"].encode(), headers)


async def _until(work: "asyncio.Task[None]", lost: asyncio.Event, stop: asyncio.Event) -> None:
    """Waits for the work's end, at most 5 s after `stop`.

    Raises:
        ConnectionError: the session that holds the lock is gone, so somebody else may lead already.
    """
    gone, stopping = asyncio.create_task(lost.wait()), asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({work, gone, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if not work.done() and not gone.done():
            await asyncio.wait({work, gone}, return_when=asyncio.FIRST_COMPLETED, timeout=FLUSH_SECONDS)
    finally:
        gone.cancel()
        stopping.cancel()
    if work.done():
        work.result()
    elif lost.is_set():
        raise ConnectionError("the session that holds the relay's lock ended")
