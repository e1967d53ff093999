"""The second account: the same totals recomputed from the topics alone, against the tables."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Final

from deploy.local.audit.books import Books, Claim, Mail
from deploy.local.audit.delivery_checks import complete
from deploy.local.audit.deviation import Deviation, compare
from deploy.local.audit.log import Log
from deploy.local.audit.order_checks import RESTING

MATERIALS_STATUS: Final[Mapping[str, frozenset[str]]] = {
    "reserved": frozenset({"confirmed"}),
    "short": frozenset({"confirmed"}),
    "issued": frozenset({"issued"}),
    "settled": frozenset({"settled"}),
    "released": frozenset({"closed"}),
}
ON_TOPICS: Final = frozenset({"sale", "batch_output", "material_issue", "material_return"})


def check_orders(books: Books, log: Log) -> Iterator[Deviation]:
    """The newest event of each order says the units and, once it rests, the status of its row."""
    lines = {(line.order_id, line.product_id): line for line in books.order_lines}
    for order_id, (_, event) in sorted(log.orders.items()):
        order = books.orders.get(order_id)
        if order is None:
            yield Deviation("event_order", order_id, "an order row", "none", "order: orders against order.*")
            continue
        if order.status in RESTING or event.status in RESTING:
            where = "order: orders against the newest order.*"
            yield from compare("event_order_status", order_id, event.status, order.status, where)
        for told in event.lines if order.status in RESTING - {"rejected"} else ():
            line = lines.get((order_id, told.product_id))
            found = (line.shipped, line.cancelled) if line else None
            subject = f"{order_id} {told.product_id} (shipped, cancelled)"
            expected = (told.shipped, told.cancelled)
            yield from compare("event_order_units", subject, expected, found, "order: order_lines against order.*")
    yield from _upstream(books, log)


def _upstream(books: Books, log: Log) -> Iterator[Deviation]:
    """Every submission is an order, and every order that came from upstream was submitted."""
    if not complete(books):
        return
    known = {(order.source, order.external_id or "") for order in books.orders.values() if order.source is not None}
    dead = {place[1:] for place in books.mail.get("order", Mail()).dead if place[0].endswith("order.submitted")}
    where = "order: orders against order.submitted"
    for (source, external_id), place in sorted(log.submitted.items()):
        if (source, external_id) not in known and place not in dead:
            yield Deviation("submitted_order", f"{source}:{external_id}", "an order", "none", where)
    for source, external_id in sorted(known - log.submitted.keys()):
        yield Deviation("submitted_order", f"{source}:{external_id}", "a submission", "none", where)


def check_holds(books: Books, log: Log) -> Iterator[Deviation]:
    """The newest `stock.*` of each order is the state of its claim and of every line of it."""
    rows = {(row.claim_id, row.item_id): row for row in books.reservations}
    for order_id, (_, event) in sorted(log.holds.items()):
        claim = books.claims.get(order_id)
        where = "inventory: claims against the newest stock.*"
        yield from compare("event_hold_status", order_id, event.status, claim.status if claim else None, where)
        for line in event.lines if event.status != "rejected" else ():
            row = rows.get((order_id, line.product_id))
            found = (row.held, row.backordered, row.deducted) if row else (0, 0, 0)
            expected = (line.held, line.backordered, line.deducted)
            subject = f"{order_id} {line.product_id} (held, backordered, deducted)"
            where_ = "inventory: reservations against the newest stock.*"
            yield from compare("event_hold", subject, expected, found, where_)


def check_materials(books: Books, log: Log) -> Iterator[Deviation]:
    """The newest `materials.*` of each batch is the state of its claim, and the newest `batch.*` that of the batch."""
    rows = {(row.claim_id, row.item_id): row for row in books.reservations}
    for batch_id, (_, event) in sorted(log.materials.items()):
        yield from _materials_status(batch_id, event.status, books.claims.get(batch_id))
        for line in event.materials:
            row = rows.get((batch_id, line.material_id))
            found = (row.held, row.backordered, row.deducted, row.returned) if row else (0, 0, 0, 0)
            expected = (line.held, line.backordered, line.issued, line.returned)
            subject = f"{batch_id} {line.material_id} (held, backordered, issued, returned)"
            where = "inventory: reservations against materials.*"
            yield from compare("event_materials", subject, expected, found, where)
    for batch_id, (_, told) in sorted(log.batches.items()):
        batch = books.batches.get(batch_id)
        ended = {"completed", "failed", "cancelled"}
        if batch is None or batch.status in ended or told.status in ended:
            found_ = (batch.status, batch.good) if batch else None
            where = "bottling: batches against the newest batch.*"
            yield from compare("event_batch", batch_id, (told.status, told.quantity_good), found_, where)


def _materials_status(batch_id: str, status: str, claim: Claim | None) -> Iterator[Deviation]:
    expected = MATERIALS_STATUS[status]
    found = claim.status if claim else "none"
    if found not in expected:
        legal = " or ".join(sorted(expected))
        yield Deviation("event_materials", batch_id, legal, found, "inventory: claims against the newest materials.*")


def check_shipments(books: Books, log: Log) -> Iterator[Deviation]:
    """Each parcel of `fulfillment.shipped` was deducted once, with the same units, and is fulfillment's own row."""
    where = "stock.deducted against fulfillment.shipped"
    for shipment_id in sorted(log.shipped.keys() | log.deducted.keys()):
        shipped, deducted = log.shipped.get(shipment_id), log.deducted.get(shipment_id)
        if complete(books) or (shipped and deducted):
            yield from compare("event_deducted", shipment_id, shipped, deducted, where)
    for shipment_id, shipment in sorted(books.shipments.items()):
        told = log.shipped.get(shipment_id)
        if told is None and not complete(books):
            continue
        row = (shipment.order_id, {name: units for name, units in shipment.contents.items() if units})
        yield from compare(
            "event_shipped", shipment_id, told, row, "fulfillment: shipments against fulfillment.shipped"
        )
        if complete(books):
            arrived = shipment_id in log.delivered
            where_ = "fulfillment: shipments against fulfillment.delivered"
            yield from compare("event_delivered", shipment_id, arrived, shipment.delivered, where_)
    yield from _fulfillments(books, log)


def _fulfillments(books: Books, log: Log) -> Iterator[Deviation]:
    lines = {(line.order_id, line.product_id): line for line in books.fulfillment_lines}
    for order_id, (_, event) in sorted(log.fulfillments.items()):
        row = books.fulfillments.get(order_id)
        where = "fulfillment: tables against the newest fulfillment.*"
        yield from compare("event_fulfillment", f"{order_id} closed", event.closed, row.closed if row else None, where)
        for told in event.lines:
            line = lines.get((order_id, told.product_id))
            subject = f"{order_id} {told.product_id} shipped"
            yield from compare("event_fulfillment", subject, told.shipped, line.shipped if line else None, where)


def check_levels(books: Books, log: Log) -> Iterator[Deviation]:
    """The newest level of each item is its stock row, and so is what all other events together imply."""
    for item_id, item in sorted(books.items.items()):
        if item.version == 0 and item_id not in log.levels:
            continue
        _, told = log.levels.get(item_id, (0, None))
        expected = (told.current, told.reserved, told.held, told.queued) if told else None
        found = (item.current, item.reserved, item.held, item.queued)
        subject = f"{item_id} (current, reserved, held, queued)"
        yield from compare("event_level", subject, expected, found, "inventory: stock against stock.level_changed")
        known = item_id in log.items
        yield from compare("event_item", item_id, True, known, "inventory: items against item.changed")
    if complete(books):
        yield from _implied(books, log)


def _implied(books: Books, log: Log) -> Iterator[Deviation]:
    """Units that no event tells of (receipts, counts, adjustments) come from the ledger, all others from events."""
    current, reserved = _moves(log), _promises(log)
    for row in books.ledger:
        if row.type not in ON_TOPICS:
            current[row.item_id] += row.new_current - row.previous_current
    for opening in books.openings:
        if opening.type not in ON_TOPICS:
            current[opening.item_id] += opening.current
    for item_id, item in sorted(books.items.items()):
        where = "inventory: stock against the sum of all events"
        yield from compare("event_current", item_id, current[item_id], item.current, where)
        yield from compare("event_reserved", item_id, reserved[item_id], item.reserved, where)


def _moves(log: Log) -> Counter[str]:
    current: Counter[str] = Counter()
    for product_id, units in log.completed.values():
        current[product_id] += units
    for _, deducted in log.deducted.values():
        current.subtract(deducted)
    for _, event in log.materials.values():
        for line in event.materials:
            current[line.material_id] += line.returned - line.issued
    return current


def _promises(log: Log) -> Counter[str]:
    reserved: Counter[str] = Counter()
    for _, event in log.holds.values():
        if event.status != "rejected":
            for line in event.lines:
                reserved[line.product_id] += line.held
    for _, told in log.materials.values():
        for material in told.materials:
            reserved[material.material_id] += material.held
    return reserved


def check_totals(books: Books, log: Log) -> Iterator[Deviation]:
    """Per product, five accounts of what left the building are one number."""
    sales, deducted, shipped, ordered, told = (Counter[str]() for _ in range(5))
    for row in books.ledger:
        if row.type == "sale":
            sales[row.item_id] += row.previous_current - row.new_current
    for opening in books.openings:
        if opening.type == "sale":
            sales[opening.item_id] -= opening.current
    for _, units in log.deducted.values():
        deducted.update(units)
    for _, units in log.shipped.values():
        shipped.update(units)
    for line in books.order_lines:
        ordered[line.product_id] += line.shipped
    for shipment in books.shipments.values():
        told.update(shipment.contents)
    accounts = {"order: order_lines": ordered, "fulfillment: shipments": told}
    if complete(books):
        accounts |= {"stock.deducted": deducted, "fulfillment.shipped": shipped}
    for product_id in sorted(sales.keys() | ordered.keys() | shipped.keys() | deducted.keys()):
        for name, account in accounts.items():
            where = f"{name} against the ledger's sales"
            yield from compare("units_shipped", product_id, sales[product_id], account[product_id], where)
