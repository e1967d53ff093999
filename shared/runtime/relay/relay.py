"""A service's relay: all its shards, the figures of the outbox, and the copies of dead letters."""

import asyncio
from collections.abc import Mapping
from functools import partial
from typing import Any, Final

import structlog

from shared.runtime.database import Database
from shared.runtime.kafka.connection import full_jitter, stopped_within
from shared.runtime.kafka.metrics import OLDEST, UNSENT
from shared.runtime.kafka.publisher import Publisher
from shared.runtime.relay.cursor import GAP_SECONDS
from shared.runtime.relay.letters import copy_letters
from shared.runtime.relay.shard import Shard
from shared.runtime.wakeups import Wakeups

TEND_SECONDS: Final = 1.0

_log = structlog.get_logger()

MEASURE_UNSENT = """
SELECT count(waiting.created_at)::bigint AS unsent,
       extract(epoch FROM clock_timestamp() - min(waiting.created_at))::float8 AS oldest_seconds
FROM generate_series(0, 7) AS shards (shard)
LEFT JOIN relay USING (shard)
CROSS JOIN LATERAL (
    SELECT created_at
    FROM outbox
    WHERE outbox.shard = shards.shard AND seq > coalesce(sent_through, 0)
    UNION ALL
    SELECT created_at
    FROM outbox
    WHERE outbox.shard = shards.shard AND seq = ANY (gaps)
) AS waiting
"""


async def unsent(connection: Any) -> tuple[int, float | None]:
    """How many events wait to be sent, and the age of the oldest in seconds (None: nothing waits)."""
    row = await connection.fetchrow(MEASURE_UNSENT)
    return row["unsent"], row["oldest_seconds"]


async def measured_unsent(service: str, connection: Any) -> tuple[int, float | None]:
    """The same, shown as figures too: by every instance, also while nobody leads because Kafka is away."""
    count, oldest = await unsent(connection)
    UNSENT.labels(service).set(count)
    OLDEST.labels(service).set(oldest or 0.0)
    return count, oldest


class Relay:
    """Tells Kafka what a service committed; any number of instances may run, one of them leads each shard."""

    def __init__(
        self,
        *,
        service: str,
        database: Database,
        dsn: str,
        bootstrap: str,
        prefix: str = "",
        shards: int = 1,
        wakeups: Wakeups,
        security: Mapping[str, Any] | None = None,
        instance: str = "",
        gap_seconds: float = GAP_SECONDS,
    ) -> None:
        self._service = service
        self._database = database
        self._group = prefix + service
        self._new_publisher = partial(
            Publisher, bootstrap, security, "-".join(filter(None, ("flacon", service, instance)))
        )
        self._shards = [
            Shard(
                service=service,
                shard=shard,
                dsn=dsn,
                prefix=prefix,
                wakeups=wakeups,
                publisher=self._new_publisher,
                gap_seconds=gap_seconds,
            )
            for shard in range(shards)
        ]
        self._copying: str | None = None

    @property
    def leading(self) -> list[int]:
        """The shards that this instance leads now."""
        return [number for number, shard in enumerate(self._shards) if shard.leading]

    def state(self) -> str:
        """`ok`, or what keeps events from leaving."""
        troubles = [
            f"shard {number}: {shard.state()}" for number, shard in enumerate(self._shards) if shard.state() != "ok"
        ]
        return "; ".join(troubles) or self._copying or "ok"

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop`; then what is committed is still sent, for at most 5 s."""
        await asyncio.gather(self._tend(stop), *(shard.run(stop) for shard in self._shards))

    async def _tend(self, stop: asyncio.Event) -> None:
        """The leader of the first shard copies dead letters."""
        failures = 0
        while not await stopped_within(stop, TEND_SECONDS + full_jitter(failures) if failures else TEND_SECONDS):
            if not self._shards[0].leading:
                continue
            try:
                while await copy_letters(self._database, self._new_publisher, self._group):
                    pass
                failures, self._copying = 0, None
            except Exception as error:
                failures += 1
                self._copying = f"dead letters not copied: {type(error).__name__}"
                _log.warning("dead letters not copied", service=self._service, reason=str(error), attempt=failures)
