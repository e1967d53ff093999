"""Orders: found, placed, confirmed, cancelled; the saga of each drawn step by step."""

from typing import Any, Final
from uuid import UUID

from starlette.routing import Route

from console.drawing.saga import draw_saga
from console.entrance import page
from console.services import refused
from console.visit import LIST_LIMIT, Done, Form, Visit, part

STATUSES: Final = (
    "created",
    "backordered",
    "confirmed",
    "processing",
    "cancelling",
    "partially_fulfilled",
    "fulfilled",
    "cancelled",
    "rejected",
    "expired",
)
SEARCHES: Final = (
    ("customer_id", "Customer"),
    ("product_id", "Product"),
    ("external_id", "External id"),
    ("source", "Source"),
)
POLICIES: Final = (
    ("reject", "refuse the order"),
    ("backorder", "wait until all is there"),
    ("partial", "ship what is there, the rest later"),
)
LINES: Final = 5
CONFIRMABLE: Final = ("created", "backordered", "expired")
CANCELLABLE: Final = (
    "created",
    "backordered",
    "confirmed",
    "processing",
    "cancelling",
    "partially_fulfilled",
    "expired",
)
"""Where the button is worth showing; the order service decides."""


def routes() -> list[Route]:
    """The list, the form, one order."""
    return [
        Route("/orders", page("orders.html", load_list)),
        Route("/orders/new", page("order_new.html", load_form, place=place), methods=["GET", "POST"]),
        Route("/orders/{id}", page("order.html", load_one, confirm=confirm, cancel=cancel), methods=["GET", "POST"]),
    ]


async def load_list(visit: Visit) -> dict[str, Any]:
    """Orders by what was searched, newest first; an order's id leads straight to it."""
    words = visit.asked("q")
    by = visit.asked("by") if visit.asked("by") in dict(SEARCHES) else "customer_id"
    if words and (order_id := _uuid(words)):
        return {"go_to": f"/orders/{order_id}"}
    status = visit.asked("status")
    found = await visit.get(
        "order",
        "",
        status=status if status in STATUSES else None,
        stuck="true" if visit.asked("stuck") else None,
        cursor=visit.asked("cursor"),
        limit=LIST_LIMIT,
        **({by: words} if words else {}),
    )
    return {
        "live": () if visit.asked("cursor") else ("orders",),
        "found": found,
        "statuses": STATUSES,
        "searches": SEARCHES,
        "asked": {"q": words, "by": by, "status": status, "stuck": visit.asked("stuck")},
    }


async def load_form(visit: Visit) -> dict[str, Any]:
    """Products to choose from, as far as one page of them goes."""
    found = await visit.try_get("inventory", "/products", active="true", limit=500)
    return {"products": found["items"] if found else [], "policies": POLICIES, "lines": LINES}


async def load_one(visit: Visit) -> dict[str, Any]:
    """An order with its saga, its holds and its way out of the house."""
    order_id = visit.path("id")
    order = await visit.get("order", f"/{order_id}")
    history = await visit.get("order", f"/{order_id}/history")
    holds = await visit.try_get("inventory", "/reservations", order_id=order["order_id"], limit=500)
    floor = await visit.try_get("fulfillment", "/fulfillments", order_id=order["order_id"], limit=1)
    return {
        "live": (f"order:{order['order_id']}",),
        "order": order,
        "saga": draw_saga(history["items"]),
        "holds": holds,
        "fulfillment": floor["items"][0] if floor and floor["items"] else None,
        "confirmable": order["status"] in CONFIRMABLE and not order["stock_confirmed"],
        "cancellable": order["status"] in CANCELLABLE,
    }


async def place(visit: Visit, form: Form) -> Done:
    """A new order; it is shown whatever inventory says within the wait."""
    rows = form.rows("product_id", "quantity")
    if not rows:
        raise refused(422, "At least one line needs a product.", "Something is missing")
    items = [
        {
            "product_id": row["product_id"],
            "quantity": Form(row).number("quantity", f"The quantity of {row['product_id']}"),
        }
        for row in rows
    ]
    body: dict[str, Any] = {
        "customer_id": form.needed("customer_id", "A customer"),
        "items": items,
        "shipping_address": {name: form.text(name) for name in ("name", "street", "city") if form.text(name)},
        "priority": form.number("priority", "The priority", 0),
        "on_shortage": form.text("on_shortage", "reject"),
        "auto_confirm": form.ticked("auto_confirm"),
    }
    body |= {name: form.text(name) for name in ("requested_delivery", "email") if form.text(name)}
    done = await visit.send("POST", "order", "", body)
    return Done(f"The order is {done['status'].replace('_', ' ')}.", f"/orders/{part(done['order_id'])}")


async def confirm(visit: Visit, form: Form) -> Done:
    """Its hold no longer expires."""
    done = await visit.send("PUT", "order", f"/{visit.path('id')}/confirm")
    if done["stock_confirmed"] is None:
        return Done("Asked; inventory has not answered yet.")
    return Done("Confirmed." if done["stock_confirmed"] else "Noted: it is confirmed as soon as stock is there.")


async def cancel(visit: Visit, form: Form) -> Done:
    """The whole order, or so many units of its lines in all."""
    items = [
        {"product_id": row["product_id"], "quantity": Form(row).number("cancel", f"The units of {row['product_id']}")}
        for row in form.rows("cancel", "product_id")
    ]
    body: dict[str, Any] = {"reason": form.needed("reason", "A reason")}
    if form.text("what") == "some":
        if not items:
            raise refused(422, "Enter how many units of a line are given up.", "Something is missing")
        body["items"] = items
    done = await visit.send("PUT", "order", f"/{visit.path('id')}/cancel", body)
    if done["stock_released"] is None:
        return Done("Asked; what is held is released as soon as it is known what has not left.")
    units = sum(one["quantity"] for one in done["cancelled"])
    return Done(f"{units} units are cancelled and no longer held.")


def _uuid(text: str) -> str | None:
    try:
        return str(UUID(text))
    except ValueError:
        return None
