"""Agreement between the services' tables: orders, holds, fulfillments, shipments and batches tell the same story."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from typing import Final

from deploy.local.audit.books import Books, Claim, Fulfillment, Order, OrderLine, Reservation
from deploy.local.audit.deviation import Deviation, compare

RESTING: Final = frozenset({"fulfilled", "cancelled", "rejected", "expired"})
HOLD_OF: Final[Mapping[str, frozenset[str]]] = {
    "created": frozenset({"none", "active"}),
    "confirmed": frozenset({"confirmed"}),
    "processing": frozenset({"confirmed"}),
    "backordered": frozenset({"active", "confirmed"}),
    "partially_fulfilled": frozenset({"confirmed", "closed"}),
    "cancelling": frozenset({"confirmed"}),
    "fulfilled": frozenset({"confirmed", "closed"}),
    "cancelled": frozenset({"none", "new", "active", "confirmed", "closed"}),
    "rejected": frozenset({"none", "rejected"}),
    "expired": frozenset({"expired"}),
}
ORDERS: Final = "order: orders"
LINES: Final = "order: order_lines"


def check_status(books: Books) -> Iterator[Deviation]:
    """An order's status follows from its lines; what rests has nothing under way."""
    lines = _lines(books)
    for order in books.orders.values():
        yield from _status(order, lines[order.order_id])
    batches = {batch.batch_id: batch.status for batch in books.batches.values()}
    statuses = {order.order_id: order.status for order in books.orders.values()} | batches
    for subject, event in books.unanswered:
        if statuses.get(subject) in RESTING | {"completed", "failed"}:
            yield Deviation("open_question", subject, "answered", f"{event} is not", f"questions, {statuses[subject]}")


def _lines(books: Books) -> defaultdict[str, list[OrderLine]]:
    lines: defaultdict[str, list[OrderLine]] = defaultdict(list)
    for line in books.order_lines:
        lines[line.order_id].append(line)
    return lines


def _status(order: Order, lines: list[OrderLine]) -> Iterator[Deviation]:
    left = sum(line.open for line in lines)
    shipped = sum(line.shipped for line in lines)
    facts = f"{left} units open, {shipped} shipped"
    legal = {
        "fulfilled": left == 0 and shipped > 0,
        "cancelled": left == 0 and shipped == 0,
        "rejected": shipped == 0,
        "expired": left > 0,
        "partially_fulfilled": left > 0 and shipped > 0,
    }.get(order.status, left > 0 and (shipped == 0 or order.status in ("backordered", "cancelling")))
    if not legal:
        yield Deviation(
            "order_status", order.order_id, f"a status for {facts}", order.status, f"{ORDERS} against {LINES}"
        )
    for line in lines:
        if line.open < 0:
            subject = f"{order.order_id} {line.product_id}"
            yield Deviation(
                "order_line", subject, f"at most {line.quantity}", f"{line.shipped} + {line.cancelled}", LINES
            )


def check_holds(books: Books) -> Iterator[Deviation]:
    """Order's holds and queues are inventory's; what left since order last heard of it is deducted, no longer held."""
    rows = {(row.claim_id, row.item_id): row for row in books.reservations}
    statuses = {order.order_id: order.status for order in books.orders.values()}
    for line in books.order_lines:
        row = rows.get((line.order_id, line.product_id))
        yield from _hold(line, row, statuses.get(line.order_id, "no order"))
    for order in books.orders.values():
        yield from _claim(order, books.claims.get(order.order_id))
    for claim in books.claims.values():
        if claim.kind == "order" and claim.claim_id not in books.orders:
            yield Deviation("hold_order", claim.claim_id, "an order", "none", "inventory: claims")


def _hold(line: OrderLine, row: Reservation | None, status: str) -> Iterator[Deviation]:
    subject = f"{line.order_id} {line.product_id}"
    there = (row.held, row.backordered, row.deducted) if row else (0, 0, 0)
    where = f"{LINES} against inventory: reservations"
    taken, believed = (there[0] + there[2], there[1]), (line.held + line.deducted, line.backordered)
    yield from compare("order_hold", f"{subject} (held or deducted, backordered)", taken, believed, where)
    yield from compare("order_deducted", f"{subject} shipped", there[2], line.shipped, where)
    if status in RESTING and there[0] + there[1]:
        yield Deviation("stranded_hold", subject, f"nothing held, being {status}", f"{there[:2]}", where)


def _claim(order: Order, claim: Claim | None) -> Iterator[Deviation]:
    status = claim.status if claim else "none"
    where = f"inventory: claims against {ORDERS}"
    expected = HOLD_OF.get(order.status, frozenset())
    if status not in expected:
        legal = " or ".join(sorted(expected))
        yield Deviation("hold_status", order.order_id, f"{legal}, being {order.status}", status, where)
    if order.stock_status is not None:
        yield from compare("hold_status", f"{order.order_id} as order heard", order.stock_status, status, where)


def check_fulfillments(books: Books) -> Iterator[Deviation]:
    """Fulfillment shipped what the order counts as shipped, and closed what the order cancelled."""
    shipped = {(line.order_id, line.product_id): line.shipped for line in books.fulfillment_lines if line.shipped}
    for line in books.order_lines:
        key = (line.order_id, line.product_id)
        where = f"{LINES} against fulfillment: lines"
        yield from compare("order_shipped", " ".join(key) + " shipped", shipped.pop(key, 0), line.shipped, where)
    for (order_id, product_id), units in sorted(shipped.items()):
        yield Deviation("order_shipped", f"{order_id} {product_id}", "0, not ordered", str(units), "fulfillment: lines")
    for fulfillment in books.fulfillments.values():
        yield from _fulfillment(fulfillment, books.orders.get(fulfillment.order_id))


def _fulfillment(fulfillment: Fulfillment, order: Order | None) -> Iterator[Deviation]:
    subject, where = fulfillment.order_id, f"fulfillment: fulfillments against {ORDERS}"
    if order is None:
        yield Deviation("fulfillment_order", subject, "an order", "none", where)
    elif order.status in ("cancelled", "rejected", "expired") and not fulfillment.closed:
        if fulfillment.status != "created" or order.status != "cancelled":
            yield Deviation("fulfillment_order", subject, f"closed, being {order.status}", fulfillment.status, where)
    elif order.status == "fulfilled" and fulfillment.status not in ("shipped", "delivered") and not fulfillment.closed:
        yield Deviation("fulfillment_order", subject, "shipped or delivered", fulfillment.status, where)


def check_shipments(books: Books) -> Iterator[Deviation]:
    """Fulfillment's parcels are those that inventory deducted and order shows; their units are the lines' units."""
    sent = {shipment.shipment_id: shipment.order_id for shipment in books.shipments.values()}
    for name, known in (
        ("inventory: shipments_deducted", books.deducted_shipments),
        ("order: order_shipments", books.order_shipments),
    ):
        for shipment_id in sorted(sent.keys() | known.keys()):
            where = f"{name} against fulfillment: shipments"
            yield from compare(
                "shipment", shipment_id, sent.get(shipment_id, "none"), known.get(shipment_id, "none"), where
            )
    units: Counter[tuple[str, str]] = Counter()
    for shipment in books.shipments.values():
        for product_id, quantity in shipment.contents.items():
            units[shipment.order_id, product_id] += quantity
    for line in books.fulfillment_lines:
        key = (line.order_id, line.product_id)
        yield from compare(
            "shipment_units", " ".join(key), units[key], line.shipped, "fulfillment: lines against shipments"
        )


def check_batches(books: Books) -> Iterator[Deviation]:
    """Good units are produced less defective and entered stock once, of completed batches; nothing stays claimed."""
    received = {arrival.key: (arrival.item_id, arrival.quantity) for arrival in books.batches_received}
    for batch in books.batches.values():
        subject, where = batch.batch_id, "bottling: batches"
        yield from compare("batch_units", subject, batch.produced - batch.defective, batch.good, where)
        expected = (batch.product_id, batch.good) if batch.status == "completed" else "none"
        entered = received.pop(subject, "none")
        yield from compare("batch_received", subject, expected, entered, f"inventory: batches_received against {where}")
        claim = books.claims.get(subject)
        if batch.status in ("completed", "failed") and (claim is None or claim.status != "settled"):
            found = claim.status if claim else "none"
            yield Deviation("batch_materials", subject, f"settled, being {batch.status}", found, "inventory: claims")
        if batch.status == "cancelled" and claim is not None and claim.status != "closed":
            yield Deviation("batch_materials", subject, "closed, being cancelled", claim.status, "inventory: claims")
    for batch_id in sorted(received):
        yield Deviation(
            "batch_received", batch_id, "no such batch", f"{received[batch_id]}", "inventory: batches_received"
        )
