"""One transaction: statements, the clock of Postgres, and the events that are committed with it."""

from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg

from shared.contracts.catalog import BY_PAYLOAD
from shared.contracts.envelope import headers_of, source_of
from shared.contracts.values import Payload, rfc3339
from shared.runtime import event_spans, outbox
from shared.runtime.clock import new_id

CLOCK = "SELECT clock_timestamp()"


class Transaction:
    """What an operation is given; it is opened and committed at the edge, never by the operation."""

    def __init__(self, connection: Any, service: str, shards: int) -> None:
        self.connection: asyncpg.Connection = connection
        self.quiet = False
        self.heard: dict[UUID, event_spans.Heard] = {}
        self._source = source_of(service)
        self._shards = shards
        self._outgoing: list[outbox.Outgoing] = []

    async def fetch(self, sql: str, *args: Any) -> list[asyncpg.Record]:
        return await self.connection.fetch(sql, *args)

    async def fetchrow(self, sql: str, *args: Any) -> asyncpg.Record | None:
        return await self.connection.fetchrow(sql, *args)

    async def fetchval(self, sql: str, *args: Any) -> Any:
        return await self.connection.fetchval(sql, *args)

    async def execute(self, sql: str, *args: Any) -> str:
        return await self.connection.execute(sql, *args)

    async def clock(self) -> datetime:
        """Postgres' time now; asked after the locks are taken, so that nobody decides by an older one."""
        now: datetime = await self.connection.fetchval(CLOCK)
        return now

    def new_id(self) -> UUID:
        """A UUIDv7."""
        return new_id()

    def publish(
        self, payload: Payload, *, version: int, correlation_id: str | None = None, cause: UUID | None = None
    ) -> UUID:
        """Adds an event to what is committed; returns its `ce_id`.

        Type and key follow from the payload's class. `version` counts the events about this key (from 1, without gaps)
        and must be taken while the aggregate's row is locked. `cause` is the event that led to this one.
        """
        event = BY_PAYLOAD[type(payload)]
        key = event.key_of(payload)
        id = new_id()
        headers = headers_of(
            id=id,
            type=event.name,
            source=self._source,
            subject=key,
            time=rfc3339(payload.occurred_at),
            version=version,
            correlation_id=correlation_id or key,
            causation_id=None if cause is None else str(cause),
            traceparent=event_spans.published(event.name, key, self.heard.get(cause) if cause else None),
        )
        self._outgoing.append(
            outbox.Outgoing(
                shard=outbox.shard_of(key, self._shards),
                id=id,
                aggregatetype=event.key[0].removesuffix("_id"),
                aggregateid=key,
                type=event.name,
                version=version,
                payload=payload.model_dump_json(),
                headers=headers,
            )
        )
        return id

    @property
    def published(self) -> int:
        """How many events wait for the commit."""
        return len(self._outgoing)

    async def flush(self) -> None:
        """Writes the events in one statement; called once, last, while every aggregate's row is still locked."""
        if self._outgoing:
            await outbox.insert(self.connection, self._outgoing)
            self._outgoing = []
