"""Batches that wait for inventory for too long."""

from typing import Any
from uuid import UUID

from services.bottling.domain.questions import STUCK_AFTER
from services.bottling.views.reading import Reader

LIST_STUCK = """
SELECT batch_id, type, version, asked_at, attempts, next_attempt_at
FROM questions
WHERE attempts >= $1
  AND ($2::uuid IS NULL OR batch_id < $2)
ORDER BY batch_id DESC
LIMIT $3
"""


async def list_stuck(reader: Reader, before: UUID | None, most: int) -> list[dict[str, Any]]:
    """Questions that were asked again twice or more and are not answered, the newest batch first."""
    rows = await reader.fetch(LIST_STUCK, STUCK_AFTER, before, most)
    return [
        {
            "batch_id": str(row["batch_id"]),
            "step": row["type"],
            "since": row["asked_at"],
            "attempts": row["attempts"],
            "next_attempt_at": row["next_attempt_at"],
            "last_error": f"inventory has not answered {row['type']}, version {row['version']}",
        }
        for row in rows
    ]
