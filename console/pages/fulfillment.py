"""Fulfillment: what waits at each stage, waves, and one order picked, packed, shipped and delivered."""

from typing import Any, Final

from starlette.routing import Route

from console.entrance import page
from console.services import refused
from console.visit import LIST_LIMIT, Done, Form, Visit, part

STAGES: Final = (("pick", "To pick"), ("pack", "To pack"), ("ship", "To ship"), ("late", "Late"))
SHORT_REASONS: Final = (("missing", "missing"), ("damaged", "damaged"), ("recalled", "of a recalled lot"))
WAVE_ORDERS: Final = 20


def routes() -> list[Route]:
    """The floor, waves, one fulfillment."""
    posts = ["GET", "POST"]
    return [
        Route("/fulfillment", page("floor.html", load_floor, wave=make_wave), methods=posts),
        Route("/fulfillment/waves/{id}", page("wave.html", load_wave, pick=pick_wave), methods=posts),
        Route(
            "/fulfillment/{id}",
            page("fulfillment.html", load_one, pick=pick, short=pick_short, pack=pack, ship=ship, deliver=deliver),
            methods=posts,
        ),
    ]


async def load_floor(visit: Visit) -> dict[str, Any]:
    """How much waits where, and the work of one stage in the order in which it should be done."""
    stage = visit.asked("stage") if visit.asked("stage") in dict(STAGES) else "pick"
    counts = await visit.get("fulfillment", "/stages")
    work = await visit.get("fulfillment", f"/stages/{stage}", cursor=visit.asked("cursor"), limit=LIST_LIMIT)
    return {
        "live": ("fulfillment",),
        "stages": STAGES,
        "stage": stage,
        "counts": {one["stage"]: one for one in counts["stages"]},
        "work": work,
        "wave_orders": WAVE_ORDERS,
    }


async def load_wave(visit: Visit) -> dict[str, Any]:
    """What is still to be picked of a list, by product as one walks."""
    wave = await visit.get("fulfillment", f"/waves/{visit.path('id')}")
    lines = sorted(wave["lines"], key=lambda line: (line["product_id"], line["lot_code"] or ""))
    return {"live": ("fulfillment",), "wave": wave, "lines": lines}


async def load_one(visit: Visit) -> dict[str, Any]:
    """One order on the floor, with what may be done next."""
    found = await visit.get("fulfillment", f"/fulfillments/{visit.path('id')}")
    listed = await visit.get("fulfillment", f"/fulfillments/{visit.path('id')}/picking-list")
    carriers = await visit.try_get("fulfillment", "/carriers")
    lines = found["lines"]
    closed = found["closed"]
    return {
        "live": (f"order:{found['order_id']}",),
        "fulfillment": found,
        "listed": listed["lines"],
        "carriers": [carrier["name"] for carrier in carriers["items"]] if carriers else [],
        "may_pack": not closed and any(line["picked"] > line["packed"] for line in lines),
        "may_ship": not closed and any(line["picked"] > 0 for line in lines),
        "reasons": SHORT_REASONS,
    }


async def make_wave(visit: Visit, form: Form) -> Done:
    """One picking list of the first orders that are on no other."""
    wave = await visit.send("POST", "fulfillment", "/waves", {"limit": form.number("limit", "Orders", WAVE_ORDERS)})
    if not wave["lines"]:
        return Done("Nothing waits that is not on a list already.")
    return Done(f"{wave['orders']} orders on one list.", f"/fulfillment/waves/{part(wave['wave_id'])}")


async def pick_wave(visit: Visit, form: Form) -> Done:
    """All that is still listed, as listed."""
    wave = await visit.get("fulfillment", f"/waves/{visit.path('id')}")
    ids = list(dict.fromkeys(line["fulfillment_id"] for line in wave["lines"]))
    if not ids:
        return Done("All of it is picked.")
    body = {"items": [{"fulfillment_id": id} for id in ids]}
    done = await visit.send("POST", "fulfillment", "/bulk/pick", body)
    failed = [one for one in done["results"] if not one["ok"]]
    told = f"; {len(failed)} could not be: {failed[0]['problem']['detail']}" if failed else ""
    return Done(f"{len(ids) - len(failed)} orders picked{told}.")


async def _command(visit: Visit, command: str, body: Any = None) -> dict[str, Any]:
    return await visit.send("POST", "fulfillment", f"/fulfillments/{visit.path('id')}/{command}", body or {})


async def pick(visit: Visit, form: Form) -> Done:
    """As listed."""
    done = await _command(visit, "pick")
    return Done(f"Picked: {sum(line['picked'] for line in done['lines'])} units on the bench.")


async def pick_short(visit: Visit, form: Form) -> Done:
    """Some units could not be picked; the rest of the line was."""
    line: dict[str, Any] = {
        "product_id": form.needed("product_id", "A product"),
        "quantity": form.number("quantity", "Units picked", 0),
        "short_quantity": form.number("short_quantity", "Units short"),
        "short_reason": form.text("short_reason", "missing"),
    }
    if line["short_quantity"] < 1:
        raise refused(422, "Enter how many units are short.")
    await _command(visit, "pick", {"lines": [line]})
    return Done(f"{line['short_quantity']} units reported {line['short_reason']}; other stock is looked for.")


async def pack(visit: Visit, form: Form) -> Done:
    """One parcel of all that is picked."""
    await _command(visit, "pack")
    return Done("Packed.")


async def ship(visit: Visit, form: Form) -> Done:
    """All that is picked leaves under a tracking number."""
    body = {
        "carrier": form.needed("carrier", "A carrier"),
        "tracking_number": form.needed("tracking_number", "A tracking number"),
    }
    done = await _command(visit, "ship", body)
    return Done(f"Shipped with {done['carrier']}, {done['tracking_number']}.")


async def deliver(visit: Visit, form: Form) -> Done:
    """A parcel has arrived."""
    await visit.send("POST", "fulfillment", f"/shipments/{part(form.needed('shipment_id', 'A parcel'))}/deliver", {})
    return Done("The parcel has arrived.")
