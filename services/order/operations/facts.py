"""What a mail tells: values taken from an order when it is decided, kept with the mail until it is sent."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from services.order.domain.mails import Kind, newly_given_up, queued
from services.order.domain.order import Line, Order, Policy
from services.order.saga import confirmable_until
from services.order.store.shipments import Shipment

Facts = dict[str, Any]


def facts_of(kind: Kind, before: Order, order: Order, policy: Policy, parcel: Shipment | None = None) -> Facts:
    """The facts of one mail; `parcel` is the one that a mail of kind `shipped` tells of."""
    facts = {"reference": order.external_id or order.order_id, **_OF[kind](before, order)}
    if kind == "expired":
        facts["until"] = confirmable_until(order, policy)
    return facts if parcel is None else {**facts, **_parcel(order, parcel)}


def _line(line: Line, units: int) -> Facts:
    return {
        "name": line.name,
        "units": units,
        "queued": queued(line),
        "expected_date": line.expected_date,
        "expected_basis": line.expected_basis,
    }


def _lines(order: Order, units: Callable[[Line], int]) -> list[Facts]:
    return [_line(line, units(line)) for line in order.lines if units(line)]


def _confirmed(before: Order, order: Order) -> Facts:
    return {
        "lines": _lines(order, lambda line: line.quantity - line.given_up),
        "estimated_delivery": order.estimated_delivery,
        "estimated_basis": order.estimated_delivery_basis,
    }


def _shortage(before: Order, order: Order) -> Facts:
    short = order.rejection.lines if order.rejection else ()
    lines = [
        {
            "name": line.name,
            "units": line.requested,
            "available": line.available,
            "alternatives": [alternative["name"] for alternative in line.alternatives],
            "expected_date": line.earliest_date,
        }
        for line in short
    ]
    return {"lines": lines, "expired": order.status == "expired"}


def _backordered(before: Order, order: Order) -> Facts:
    return {
        "lines": _lines(order, queued),
        "estimated_delivery": order.estimated_delivery,
        "estimated_basis": order.estimated_delivery_basis,
    }


def _expired(before: Order, order: Order) -> Facts:
    return {"lines": _lines(order, lambda line: line.open)}


def _cancelled(before: Order, order: Order) -> Facts:
    known = {line.product_id: line for line in before.lines}
    lines = _lines(order, lambda line: newly_given_up(known[line.product_id], line))
    return {"lines": lines, "whole": order.status == "cancelled"}


def _shipped(before: Order, order: Order) -> Facts:
    return {"rest_follows": order.is_open}


def _parcel(order: Order, parcel: Shipment) -> Facts:
    names = {line.product_id: line.name for line in order.lines}
    lines = [{"name": names.get(product_id, product_id), "units": units} for product_id, units in parcel.units]
    return {"carrier": parcel.carrier, "tracking_number": parcel.tracking_number, "lines": lines}


_OF: Final[Mapping[Kind, Callable[[Order, Order], Facts]]] = {
    "confirmed": _confirmed,
    "shortage": _shortage,
    "backordered": _backordered,
    "expired": _expired,
    "shipped": _shipped,
    "cancelled": _cancelled,
}
