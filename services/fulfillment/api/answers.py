"""What the floor and other clients get to see: fulfillments, picking lists, shipments, refusals."""

from collections.abc import Callable
from typing import Any, assert_never

import orjson

from services.fulfillment.domain.commands import Done, Excess, IllegalTransition, OtherContent
from services.fulfillment.domain.lots import Lot
from services.fulfillment.domain.records import Row
from services.fulfillment.domain.state import Fulfillment, Parcel, Quantities, Shipment
from services.fulfillment.operations import Outcome, Ship
from services.fulfillment.views import Wave
from shared.contracts.carriers import Carrier, link_to
from shared.runtime.answers import Answer
from shared.runtime.problems import invalid, problem

NOT_FOUND = "there is nothing with this id"


def fulfillment_body(fulfillment: Fulfillment) -> dict[str, Any]:
    """A fulfillment with everything that belongs to it."""
    return {
        "fulfillment_id": str(fulfillment.fulfillment_id),
        "order_id": fulfillment.order_id,
        "customer_id": fulfillment.customer_id,
        "status": fulfillment.status,
        "closed": fulfillment.closed,
        "priority": fulfillment.priority,
        "requested_delivery": fulfillment.requested_delivery,
        "ship_to": None if fulfillment.ship_to is None else orjson.loads(fulfillment.ship_to),
        "lines": _lines(fulfillment),
        "parcels": [_parcel(parcel, fulfillment) for parcel in fulfillment.parcels],
        "shipments": [shipment_body(shipment, fulfillment) for shipment in fulfillment.shipments],
        "version": fulfillment.revision,
    }


def _lines(fulfillment: Fulfillment) -> list[dict[str, Any]]:
    return [
        {
            "product_id": line.product_id,
            "name": line.name,
            "quantity": line.quantity,
            "target": line.target,
            "picked": line.picked,
            "packed": line.packed,
            "shipped": line.shipped,
            "cancelled": line.cancelled,
            "short": line.short,
            "lots": [_lot(lot) for lot in line.lots.told],
            "recalled": sum(line.lots.recalled_on_bench.values()),
        }
        for line in fulfillment.lines.values()
    ]


def _lot(lot: Lot) -> dict[str, Any]:
    """`LOT` of the contract."""
    return {"lot_id": lot.lot_id, "lot_code": lot.lot_code, "expires_on": lot.expires_on, "quantity": lot.quantity}


def _parcel(parcel: Parcel, fulfillment: Fulfillment) -> dict[str, Any]:
    return {
        "number": parcel.number,
        "weight_grams": parcel.weight_grams,
        "lines": _contents(parcel.contents, fulfillment),
        "shipment_id": parcel.shipment_id and str(parcel.shipment_id),
    }


def shipment_body(shipment: Shipment, fulfillment: Fulfillment) -> dict[str, Any]:
    """What left under one tracking number."""
    return {
        "shipment_id": str(shipment.shipment_id),
        "carrier": shipment.carrier,
        "tracking_number": shipment.tracking_number,
        "lines": _shipped_contents(shipment, fulfillment),
        "tracking_url": link_to(shipment.carrier, shipment.tracking_number),
        "shipped_at": shipment.shipped_at,
        "delivered_at": shipment.delivered_at,
    }


def _contents(contents: Quantities, fulfillment: Fulfillment) -> list[dict[str, Any]]:
    """Units by product, in the order of the order's lines."""
    return [
        {"product_id": product_id, "quantity": contents[product_id]}
        for product_id in fulfillment.lines
        if product_id in contents
    ]


def _shipped_contents(shipment: Shipment, fulfillment: Fulfillment) -> list[dict[str, Any]]:
    lines = _contents(shipment.contents, fulfillment)
    for line in lines:
        lots, units = fulfillment.lines[line["product_id"]].lots, shipment.lots.get(line["product_id"], {})
        line["lots"] = [_lot(lot) for lot in lots.named(units)]
    return lines


def picking_list_body(fulfillment: Fulfillment) -> dict[str, Any]:
    """What is still to be picked, in the order of the lines."""
    return {"wave_id": None, "lines": to_pick(fulfillment)}


def to_pick(fulfillment: Fulfillment) -> list[dict[str, Any]]:
    """Rows of a picking list: one for each line and lot."""
    if fulfillment.closed:
        return []
    return [
        {
            "fulfillment_id": str(fulfillment.fulfillment_id),
            "order_id": fulfillment.order_id,
            "product_id": line.product_id,
            "name": line.name,
            "lot_id": lot and lot.lot_id,
            "lot_code": lot and lot.lot_code,
            "expires_on": lot and lot.expires_on,
            "quantity": units,
        }
        for line in fulfillment.lines.values()
        for lot, units in line.lots.listed(line.left)
    ]


def wave_body(wave: Wave) -> dict[str, Any]:
    """A picking list of many orders."""
    return {
        "wave_id": str(wave.wave_id),
        "lines": [line for fulfillment in wave.fulfillments for line in to_pick(fulfillment)],
        "orders": wave.orders,
        "made_by": wave.made_by,
        "made_at": wave.made_at,
    }


def work_body(row: Row) -> dict[str, Any]:
    """An order that waits at a stage of the floor."""
    names = ("order_id", "customer_id", "status", "priority", "accepted_at", "requested_delivery")
    told = {name: row[name] for name in (*names, "to_pick", "to_pack", "to_ship")}
    return {"fulfillment_id": str(row["fulfillment_id"]), **told, "wave_id": row["wave_id"] and str(row["wave_id"])}


def carrier_body(carrier: Carrier) -> dict[str, Any]:
    """A carrier, and where `{number}` of a parcel is followed."""
    return {
        "carrier_id": carrier.carrier_id,
        "name": carrier.name,
        "lead_days_min": carrier.lead_days[0],
        "lead_days_max": carrier.lead_days[1],
        "tracking_numbers": carrier.looks,
        "tracking_link": carrier.link,
    }


def _answer(outcome: Outcome, done: Callable[[Done], Answer]) -> Answer:
    match outcome:
        case None:
            return problem("not-found", NOT_FOUND)
        case Done():
            return done(outcome)
        case IllegalTransition():
            detail = f"a fulfillment that is {outcome.status} does not allow to {outcome.action} now"
            told: dict[str, Any] = {"from": outcome.status, "action": outcome.action, "allowed": list(outcome.allowed)}
            if outcome.recalled:
                lots = ", ".join(outcome.recalled)
                detail = f"lot {lots} is recalled; take its units off the bench as short (`recalled`), then go on"
                told["recalled_lots"] = list(outcome.recalled)
            return problem("illegal-transition", detail, **told)
        case Excess():
            return invalid(outcome.errors[0][0], *outcome.errors)
        case OtherContent():
            detail = "this carrier and tracking number are of a shipment of this order with other lines"
            return problem("already-exists", detail, id=str(outcome.shipment_id))
        case _:
            assert_never(outcome)


def fulfillment_answer(request: object, outcome: Outcome) -> Answer:
    """To a pick or pack: the fulfillment as it is by now."""
    return _answer(outcome, lambda done: Answer(200, fulfillment_body(done.fulfillment)))


def shipped_answer(request: Ship, outcome: Outcome) -> Answer:
    """To a ship: 201 the first time, 200 and the same body again."""
    return _answer(outcome, lambda done: _shipped(request, done))


def _shipped(request: Ship, done: Done) -> Answer:
    assert done.shipment is not None, "a ship that was done has a shipment"
    shipment = done.shipment
    body = {
        "success": True,
        "shipment_id": str(shipment.shipment_id),
        "order_id": done.fulfillment.order_id,
        "status": shipment.status,
        "carrier": shipment.carrier,
        "tracking_number": shipment.tracking_number,
    }
    return Answer(201 if shipment.shipment_id == request.shipment_id else 200, body)


def delivered_answer(request: object, outcome: Outcome) -> Answer:
    """To a delivery: the shipment."""
    return _answer(outcome, _delivered)


def _delivered(done: Done) -> Answer:
    assert done.shipment is not None, "a delivery that was done has a shipment"
    return Answer(200, shipment_body(done.shipment, done.fulfillment))
