"""A fulfillment as it is kept: values made of rows."""

import dataclasses
import json
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any, Protocol

from services.fulfillment.domain.copies import replace
from services.fulfillment.domain.lots import NO_LOTS, Lot, Lots
from services.fulfillment.domain.state import Fulfillment, Line, Parcel, Shipment


class Row(Protocol):
    """A row of a query: values by column."""

    def __getitem__(self, column: str, /) -> Any: ...


def whole(
    heads: Iterable[Row], lines: Iterable[Row], parcels: Iterable[Row], shipments: Iterable[Row]
) -> list[Fulfillment]:
    """Fulfillments in the order of their heads; the parts' rows come sorted by order id, then by their own place."""
    lines_of, parcels_of, shipments_of = (_by_order(rows) for rows in (lines, parcels, shipments))
    return [
        _head(
            row,
            {line["product_id"]: _line(line) for line in lines_of.get(row["order_id"], ())},
            tuple(map(_parcel, parcels_of.get(row["order_id"], ()))),
            tuple(map(_shipment, shipments_of.get(row["order_id"], ()))),
        )
        for row in heads
    ]


def with_recalled(fulfillments: Sequence[Fulfillment], recalled: Mapping[str, frozenset[str]]) -> list[Fulfillment]:
    """The same, whose lines know which lots of their product must not leave."""
    if not recalled:
        return list(fulfillments)
    return [
        replace(found, lines={id: _knowing(line, recalled.get(id)) for id, line in found.lines.items()})
        for found in fulfillments
    ]


def _knowing(line: Line, recalled: frozenset[str] | None) -> Line:
    return line if recalled is None else replace(line, lots=dataclasses.replace(line.lots, recalled=recalled))


def _by_order(rows: Iterable[Row]) -> dict[str, list[Row]]:
    return {order_id: list(group) for order_id, group in groupby(rows, key=lambda row: str(row["order_id"]))}


def _head(
    row: Row, lines: dict[str, Line], parcels: tuple[Parcel, ...], shipments: tuple[Shipment, ...]
) -> Fulfillment:
    return Fulfillment(
        order_id=row["order_id"],
        fulfillment_id=row["fulfillment_id"],
        version=row["version"],
        revision=row["revision"],
        ready_version=row["ready_version"],
        asked_version=row["asked_version"],
        closed=row["closed"],
        customer_id=row["customer_id"],
        priority=row["priority"],
        requested_delivery=row["requested_delivery"],
        ship_to=row["ship_to"],
        accepted_at=row["accepted_at"],
        wave_id=row["wave_id"],
        lines=lines,
        parcels=parcels,
        shipments=shipments,
    )


def _line(row: Row) -> Line:
    return Line(
        product_id=row["product_id"],
        quantity=row["quantity"],
        name=row["name"],
        wanted=row["wanted"],
        short_known=row["short_known"],
        target=row["target"],
        picked=row["picked"],
        packed=row["packed"],
        shipped=row["shipped"],
        cancelled=row["cancelled"],
        short=row["short"],
        lots=NO_LOTS if row["lots"] is None else _lots(json.loads(row["lots"])),
    )


def _lots(kept: dict[str, Any]) -> Lots:
    return Lots(tuple(Lot(*lot) for lot in kept["told"]), kept["bench"], kept["gone"], kept["short"])


def lots_text(lots: Lots) -> str | None:
    """JSON to keep; None if nothing is known of lots."""
    if lots == NO_LOTS:
        return None
    told = [(lot.lot_id, lot.lot_code, lot.expires_on, lot.quantity) for lot in lots.told]
    return json.dumps({"told": told, "bench": lots.bench, "gone": lots.gone, "short": lots.short})


def _parcel(row: Row) -> Parcel:
    return Parcel(row["number"], json.loads(row["contents"]), row["weight_grams"], row["pack_id"], row["shipment_id"])


def _shipment(row: Row) -> Shipment:
    return Shipment(
        shipment_id=row["shipment_id"],
        carrier=row["carrier"],
        tracking_number=row["tracking_number"],
        contents=json.loads(row["contents"]),
        status=row["status"],
        shipped_at=row["shipped_at"],
        shipped_by=row["shipped_by"],
        delivered_at=row["delivered_at"],
        lots=json.loads(row["lots"]),
    )
