"""The figures of bottling: over the batches that ended in a window, few enough to be read as they are."""

from datetime import datetime
from typing import Any

from shared.runtime.kpis import Figure, Figures, ReadFigures, Window

READ_ENDED = """
SELECT coalesce(sum(quantity_planned), 0)::bigint AS planned, coalesce(sum(quantity_produced), 0)::bigint AS produced,
    coalesce(sum(quantity_produced) FILTER (WHERE status = 'completed'), 0)::bigint AS put_out,
    coalesce(sum(quantity_good) FILTER (WHERE status = 'completed'), 0)::bigint AS good,
    coalesce(sum(cost_total) FILTER (WHERE status = 'completed'), 0) AS cost
FROM batches
WHERE status IN ('completed', 'failed') AND ended_at >= $1 AND ended_at < $2
"""
READ_USED = """
SELECT coalesce(sum(cost), 0) AS used,
    coalesce(sum(round(cost * required / (issued - returned), 4)), 0) AS planned
FROM batches
JOIN batch_materials USING (batch_id)
WHERE status IN ('completed', 'failed') AND ended_at >= $1 AND ended_at < $2
  AND materials_settled AND cost > 0 AND issued > returned
"""


def figures_in(currency: str) -> ReadFigures:
    """Reads the four figures of bottling; money is in this currency."""

    async def read(connection: Any, window: Window, now: datetime) -> Figures:
        ended = await connection.fetchrow(READ_ENDED, *window.moments)
        materials = await connection.fetchrow(READ_USED, *window.moments)
        return Figures(
            now,
            (
                Figure("production_efficiency", "ratio", ended["put_out"], ended["planned"]),
                Figure("quality_rate", "ratio", ended["good"], ended["produced"]),
                Figure("material_utilization", "ratio", materials["used"], materials["planned"]),
                Figure("cost_per_unit", currency, ended["cost"], ended["good"]),
            ),
        )

    return read
