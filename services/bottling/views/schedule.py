"""Open batches by the time at which they are expected: what the promises to customers rest on."""

from datetime import datetime
from typing import Any
from uuid import UUID

from services.bottling.views.reading import Reader

READ_SCHEDULE = """
SELECT batch_id::text AS batch_id, product_id, status, plan_reason,
       quantity_planned - quantity_defective AS quantity_expected, expected_completion_at, started_at,
       expected_completion_at < clock_timestamp() AS late
FROM batches
WHERE status NOT IN ('completed', 'failed', 'cancelled')
  AND ($1::text IS NULL OR product_id = $1)
  AND ($2::timestamptz IS NULL OR (expected_completion_at, batch_id) > ($2, $3::uuid))
ORDER BY expected_completion_at, batch_id
LIMIT $4
"""


async def read_schedule(
    reader: Reader, product_id: str | None, after: tuple[datetime, UUID] | None, most: int
) -> list[dict[str, Any]]:
    """Planned and running batches, soonest first."""
    at, batch_id = after or (None, None)
    return [dict(row) for row in await reader.fetch(READ_SCHEDULE, product_id, at, batch_id, most)]
