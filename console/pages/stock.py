"""Stock: levels, one item with its ledger, lots and holds, receipts, counts, adjustments; items made and changed."""

import asyncio
from typing import Any, Final

from starlette.routing import Route

from console.drawing.spark import drawn_days, newest
from console.entrance import page
from console.services import refused
from console.visit import LIST_LIMIT, Done, Form, Visit, part

KINDS: Final = {"products": "product", "materials": "material"}
UNITS: Final = (("pcs", "pieces"), ("ml", "millilitres"), ("g", "grams"))
PARTS_MAX: Final = 20


def routes() -> list[Route]:
    """The list, the form, one item."""
    posts = ["GET", "POST"]
    return [
        Route("/stock", page("stock.html", load_list)),
        Route("/stock/new", page("item_new.html", load_form, make=make), methods=posts),
        Route("/stock/ledger", page("ledger.html", load_ledger)),
        Route("/stock/items/{id}", page("refused.html", find_item)),
        Route(
            "/stock/{kind}/{id}",
            page("item.html", load_item, receive=receive, count=count, adjust=adjust, change=change),
            methods=posts,
        ),
    ]


def _kind(visit: Visit) -> str:
    kind = str(visit.request.path_params.get("kind") or visit.asked("kind") or "products")
    return kind if kind in KINDS else "products"


async def load_list(visit: Visit) -> dict[str, Any]:
    """Products or materials with their levels."""
    kind = _kind(visit)
    low = visit.asked("low")
    found = await visit.get(
        "inventory",
        f"/{kind}",
        q=visit.asked("q"),
        below_reorder_point="true" if low else None,
        cursor=visit.asked("cursor"),
        limit=LIST_LIMIT,
    )
    return {
        "live": ("stock",),
        "kind": kind,
        "id": f"{KINDS[kind]}_id",
        "found": found,
        "asked": {"q": visit.asked("q"), "low": low},
    }


async def find_item(visit: Visit) -> dict[str, Any]:
    """Products and materials share one space of ids: whichever it is."""
    item_id = visit.path("id")
    product = await visit.try_get("inventory", f"/products/{item_id}")
    return {"go_to": f"/stock/{'products' if product else 'materials'}/{item_id}"}


async def load_form(visit: Visit) -> dict[str, Any]:
    """What an item is made of."""
    return {"kind": _kind(visit), "units": UNITS}


async def load_item(visit: Visit) -> dict[str, Any]:
    """One item: its level, what moved it, where it lies, who holds it."""
    kind, item_id = _kind(visit), str(visit.request.path_params["id"])
    item = await visit.get("inventory", f"/{kind}/{part(item_id)}")
    ledger = await visit.get("inventory", "/ledger", item_id=item_id, cursor=visit.asked("before"), limit=PARTS_MAX)
    lots = await visit.get("inventory", "/lots", item_id=item_id, limit=PARTS_MAX)
    holds = await visit.get("inventory", "/reservations", item_id=item_id, limit=PARTS_MAX)
    cover, lines = await _past(visit, kind, item_id)
    return {
        "live": (f"item:{item_id}", "stock"),
        "kind": kind,
        "item": item,
        "cover": cover,
        "lines": lines,
        "item_id": item_id,
        "ledger": ledger,
        "lots": lots,
        "holds": [hold for hold in holds["items"] if hold["held"] or hold["backordered"]],
    }


async def _past(visit: Visit, kind: str, item_id: str) -> tuple[dict[str, Any] | None, list[dict[str, Any]]]:
    """How long it lasts, and its last 30 days as lines; what cannot be had is left out."""
    asked = [
        visit.try_get("inventory", "/cover", item_id=item_id),
        visit.try_get("inventory", "/trends", item_id=item_id),
    ]
    if kind == "products":
        asked.append(visit.try_get("order", "/trends", product_id=item_id, limit=1))
    covers, moved, *wanted = await asyncio.gather(*asked)
    left = ("Used", "in batches", "used", sum) if kind == "materials" else ("Sales", "shipped", "sold", sum)
    lines = drawn_days(moved, left, ("Stock", "available today", "available", newest))
    demand = drawn_days(wanted[0], ("Demand", "ordered", "ordered", sum)) if wanted else []
    return next(iter(covers["items"]), None) if covers else None, [*demand, *lines]


async def load_ledger(visit: Visit) -> dict[str, Any]:
    """Every change of any level, newest first."""
    found = await visit.get(
        "inventory",
        "/ledger",
        item_id=visit.asked("item_id"),
        reference=visit.asked("reference"),
        cursor=visit.asked("cursor"),
        limit=LIST_LIMIT,
    )
    asked = {name: visit.asked(name) for name in ("item_id", "reference")}
    return {"live": () if visit.asked("cursor") else ("stock",), "ledger": found, "asked": asked}


def _fields(form: Form) -> dict[str, Any]:
    found: dict[str, Any] = {
        "name": form.needed("name", "A name"),
        "min_stock_level": form.number("min_stock_level", "The safety stock", 0),
        "reorder_point": form.number("reorder_point", "The reorder point", 0),
        "lead_days": form.number("lead_days", "The lead time", 14),
    }
    if form.text("reorder_quantity"):
        found["reorder_quantity"] = form.number("reorder_quantity", "The reorder quantity")
    return found


async def make(visit: Visit, form: Form) -> Done:
    """A product or a material."""
    kind = _kind(visit)
    item_id = form.needed("item_id", "An id")
    body = {f"{KINDS[kind]}_id": item_id, **_fields(form)}
    if kind == "materials":
        body["unit"] = form.text("unit", "pcs")
    await visit.send("POST", "inventory", f"/{kind}", body)
    return Done(f"{body['name']} is made. Receive its first units.", f"/stock/{kind}/{part(item_id)}")


async def change(visit: Visit, form: Form) -> Done:
    """Name, levels, lead time, whether it is sold."""
    body = {**_fields(form), "active": form.ticked("active")}
    await visit.send("PATCH", "inventory", f"/{_kind(visit)}/{visit.path('id')}", body)
    return Done("Changed.")


async def receive(visit: Visit, form: Form) -> Done:
    """Units from a supplier."""
    cost = {"amount": form.needed("unit_cost", "The cost of a unit"), "currency": visit.house.settings.currency}
    body: dict[str, Any] = {
        "item_id": visit.request.path_params["id"],
        "quantity": form.number("quantity", "The quantity"),
        "supplier_lot": form.needed("supplier_lot", "The supplier's lot"),
        "unit_cost": cost,
    }
    body |= {name: form.text(name) for name in ("expires_on", "note") if form.text(name)}
    done = await visit.send("POST", "inventory", "/receipts", body)
    given = sum(one["quantity"] for one in done["filled"])
    waited = f", {given} of them for orders that waited" if given else ""
    return Done(f"{done['quantity']} received{waited}. {done['available_stock']} are available now.")


async def count(visit: Visit, form: Form) -> Done:
    """What lies on shelf and bench; movements since the page was shown stand."""
    body = {
        "item_id": visit.request.path_params["id"],
        "counted": form.number("counted", "What was counted"),
        "version": form.number("version", "The version"),
        "reason": form.needed("reason", "A reason"),
    }
    done = await visit.send("POST", "inventory", "/counts", body)
    taken = sum(one["quantity"] for one in done["taken_back"])
    back = f" {taken} units were taken back from orders; they wait again." if taken else ""
    return Done(f"Counted {done['counted']}, expected {done['expected']}: variance {done['variance']:+}.{back}")


async def adjust(visit: Visit, form: Form) -> Done:
    """Up or down by hand, never below what is promised."""
    quantity = form.number("quantity", "The change")
    if quantity == 0:
        raise refused(422, "The change must not be 0.")
    body = {
        "item_id": visit.request.path_params["id"],
        "quantity": quantity,
        "reason": form.needed("reason", "A reason"),
    }
    done = await visit.send("POST", "inventory", "/adjustments", body)
    return Done(f"{quantity:+}: {done['current_stock']} in the house, {done['available_stock']} available.")
