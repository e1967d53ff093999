"""Where a lot's units came from and went: over batches back to suppliers' lots, and on to parcels and customers."""

from collections.abc import AsyncIterator
from typing import Any, Final, Literal
from uuid import UUID

Way = Literal["backward", "forward"]
WAYS: Final[tuple[Way, ...]] = ("backward", "forward")
EDGES_AT_ONCE: Final = 1_000
"""More are read as they are sent."""
FIELDS: Final = {
    "backward": ("lot_id", "item_id", "supplier_lot", "batch_id", "quantity"),
    "forward": ("batch_id", "lot_id", "order_id", "shipment_id", "customer_id", "quantity"),
}

# Both ways go from lot to lot over the batches that used the one and made the other; a lot is entered once, and none
# over a batch that gave back all that it had of it. Each lot is looked up by itself (what is ordered or limited is not
# joined as a whole), so a trace costs its edges, and rows come as the lots are entered.
TRACE = """
WITH RECURSIVE origins (lot_id) AS (
    SELECT $1::uuid
    UNION
    SELECT used.lot_id
    FROM origins
    CROSS JOIN LATERAL (SELECT batch_id FROM lots WHERE lot_id = origins.lot_id LIMIT 1) AS made
    CROSS JOIN LATERAL (
        SELECT lot_id
        FROM lot_movements
        WHERE reference_id = made.batch_id::text AND type IN ('material_issue', 'material_return')
        GROUP BY lot_id
        HAVING sum(quantity) < 0
        ORDER BY lot_id
    ) AS used
), uses (lot_id) AS (
    SELECT $1::uuid
    UNION
    SELECT made.lot_id
    FROM uses
    CROSS JOIN LATERAL (
        SELECT reference_id
        FROM lot_movements
        WHERE lot_id = uses.lot_id AND type IN ('material_issue', 'material_return')
        GROUP BY reference_id
        HAVING sum(quantity) < 0
        ORDER BY reference_id
    ) AS used
    CROSS JOIN LATERAL (SELECT lot_id FROM lots WHERE batch_id = used.reference_id::uuid LIMIT 1) AS made
)
SELECT 'backward' AS way, used.lot_id, origin.item_id, origin.supplier_lot, made.batch_id::text AS batch_id,
       NULL AS order_id, NULL::uuid AS shipment_id, NULL AS customer_id, used.quantity
FROM origins
CROSS JOIN LATERAL (SELECT batch_id FROM lots WHERE lot_id = origins.lot_id LIMIT 1) AS made
CROSS JOIN LATERAL (
    SELECT lot_id, -sum(quantity)::bigint AS quantity
    FROM lot_movements
    WHERE reference_id = made.batch_id::text AND type IN ('material_issue', 'material_return')
    GROUP BY lot_id
    HAVING sum(quantity) < 0
    ORDER BY lot_id
) AS used
CROSS JOIN LATERAL (SELECT item_id, supplier_lot FROM lots WHERE lot_id = used.lot_id LIMIT 1) AS origin
WHERE 'backward' = ANY ($2::text[])
UNION ALL
SELECT 'forward', uses.lot_id, NULL, NULL, used.batch_id, NULL, NULL, NULL, used.quantity
FROM uses
CROSS JOIN LATERAL (
    SELECT reference_id AS batch_id, -sum(quantity)::bigint AS quantity
    FROM lot_movements
    WHERE lot_id = uses.lot_id AND type IN ('material_issue', 'material_return')
    GROUP BY reference_id
    HAVING sum(quantity) < 0
    ORDER BY reference_id
) AS used
WHERE 'forward' = ANY ($2::text[])
UNION ALL
SELECT 'forward', uses.lot_id, NULL, NULL, NULL, sold.reference_id, sold.shipment_id,
       (SELECT customer_id FROM shipments_deducted WHERE shipment_id = sold.shipment_id), -sold.quantity
FROM uses
CROSS JOIN LATERAL (
    SELECT reference_id, shipment_id, quantity
    FROM lot_movements
    WHERE lot_id = uses.lot_id AND type = 'sale'
    ORDER BY transaction_id
) AS sold
WHERE 'forward' = ANY ($2::text[])
LIMIT $3
"""


async def read_edges(connection: Any, lot_id: UUID) -> dict[str, list[dict[str, Any]]] | None:
    """A lot's origins and uses, each by way; None if there are more than are read at once."""
    rows = await connection.fetch(TRACE, lot_id, WAYS, EDGES_AT_ONCE + 1)
    if len(rows) > EDGES_AT_ONCE:
        return None
    return {way: [edge_of(row) for row in rows if row["way"] == way] for way in WAYS}


async def each_edge(connection: Any, lot_id: UUID, way: Way) -> AsyncIterator[list[dict[str, Any]]]:
    """All of one way, some at a time; on a connection that is in a transaction."""
    cursor = await connection.cursor(TRACE, lot_id, [way], None)
    while rows := await cursor.fetch(EDGES_AT_ONCE):
        yield [edge_of(row) for row in rows]


def edge_of(row: Any) -> dict[str, Any]:
    """A row as it is told."""
    return {name: row[name] for name in FIELDS[row["way"]]}
