"""What happened to orders, kept for ever."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from shared.runtime.transaction import Transaction


@dataclass(frozen=True, slots=True)
class Entry:
    """One step of an order's saga: an event heard or told, by whom and why."""

    order_id: str
    at: datetime
    service: str
    event: str
    event_id: UUID | None
    causation_id: str | None
    from_status: str | None
    to_status: str
    detail: str | None = None


ADD_HISTORY = """
WITH touched AS (
    INSERT INTO orders_touched (order_ids)
    SELECT array_agg(DISTINCT order_id) FROM unnest($1::uuid[]) AS changed (order_id)
)
INSERT INTO order_history (order_id, at, service, event, event_id, causation_id, from_status, to_status, detail)
SELECT order_id, at, service, event, event_id, causation_id, from_status, to_status, detail
FROM unnest(
    $1::uuid[], $2::timestamptz[], $3::text[], $4::text[], $5::uuid[], $6::text[], $7::text[], $8::text[], $9::text[]
) WITH ORDINALITY
    AS new (order_id, at, service, event, event_id, causation_id, from_status, to_status, detail, position)
ORDER BY position
"""


async def add_history(tx: Transaction, entries: Sequence[Entry]) -> None:
    """Appends the entries in their order, and notes their orders for whoever keeps the sums of figures."""
    if entries:
        columns = (list(column) for column in zip(*(_row(entry) for entry in entries), strict=True))
        await tx.execute(ADD_HISTORY, *columns)


def _row(entry: Entry) -> tuple[object, ...]:
    return (
        entry.order_id,
        entry.at,
        entry.service,
        entry.event,
        entry.event_id,
        entry.causation_id,
        entry.from_status,
        entry.to_status,
        entry.detail,
    )
