"""A working day at the bottler's, for every view to have something to show."""

from dataclasses import dataclass
from typing import Any

from tests.shop import Shop, until

MONEY = "EUR"
SCENTS = (
    ("ROSE", "Rose de Mai", 140, 20),
    ("IRIS", "Iris Poudré", 64, 20),
    ("FIGUE", "Figue d'Été", 12, 20),
    ("OUD", "Oud Royal", 4, 10),
    ("NEROLI", "Néroli Bleu", 90, 30),
    ("VETIVER", "Vétiver Sec", 0, 15),
)
CUSTOMERS = ("chloe", "ada", "lena", "finn", "hugo", "greta", "jonas", "bruno")


@dataclass
class Day:
    """What happened, as far as pages show single things of it."""

    views: dict[str, str]


async def live_a_day(shop: Shop) -> Day:
    """Items, orders in every state, batches on their way, parcels, an alert, a dead letter; the views to look at."""
    for code, name, quantity, reorder in SCENTS:
        await shop.product(f"{code}-50", quantity, name=f"{name} 50 ml", min_stock_level=5, reorder_point=reorder)
    for material, unit, quantity in (("ALCOHOL", "ml", 80_000), ("BOTTLE-50", "pcs", 900), ("LABEL-50", "pcs", 1200)):
        await shop.material(material, quantity, unit)
    batches = await _bottle(shop)
    cancelled, shipped, floor = await _sell(shop)
    await shop.publish("order.submitted", [(b"web:1", b"{not json", [])])
    lots = await shop.get("inventory", "/api/inventory/lots?item_id=VETIVER-50")
    letters = await until(lambda: _letters(shop), what="a dead letter")
    return Day(
        {
            "overview": "/",
            "orders": "/orders",
            "order": f"/orders/{shipped}",
            "order-cancelled": f"/orders/{cancelled}",
            "order-new": "/orders/new",
            "stock": "/stock",
            "item": "/stock/products/ROSE-50",
            "lot": f"/stock/lots/{lots['items'][0]['lot_id']}",
            "lots": "/stock/lots",
            "ledger": "/stock/ledger",
            "production": "/production",
            "batch": f"/production/batches/{batches[-1]}",
            "recipe": "/production/recipes/vetiver",
            "recipe-new": "/production/recipes/new",
            "fulfillment": "/fulfillment",
            "parcels": f"/fulfillment/{floor}",
            "alerts": "/alerts",
            "operations": "/operations",
            "dead-letter": f"/operations/dead-letters/order/{letters[0]['dead_letter_id']}",
            "books": "/operations/books",
        }
    )


async def _letters(shop: Shop) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await shop.get("order", "/api/orders/dead-letters?state=open"))["items"]
    return found


async def _post(shop: Shop, service: str, path: str, body: Any = None) -> dict[str, Any]:
    answer = await shop.ask(service, "POST", path, body, Prefer="wait=10")
    assert answer.status_code in (200, 201), answer.text
    found: dict[str, Any] = answer.json()
    return found


def _recipe(code: str) -> dict[str, Any]:
    return {
        "recipe_id": code.lower(),
        "product_id": f"{code}-50",
        "materials": [
            {"material_id": "ALCOHOL", "quantity_per_unit": "50", "waste_percent": "2"},
            {"material_id": "BOTTLE-50", "quantity_per_unit": "1", "waste_percent": "0.5"},
            {"material_id": "LABEL-50", "quantity_per_unit": "1"},
        ],
        "labour_cost": {"amount": "1.20", "currency": MONEY},
        "overhead_cost": {"amount": "0.40", "currency": MONEY},
        "expected_minutes": 45,
        "shelf_life_days": 1095,
    }


async def _bottle(shop: Shop) -> list[str]:
    """One batch completed, one in quality check, one running, one ready, one short."""
    for code, *_ in SCENTS:

        async def known(code: str = code) -> bool:
            answer = await shop.ask("bottling", "POST", "/api/bottling/recipes", _recipe(code))
            return answer.status_code in (201, 409)

        await until(known, what="a recipe of items that bottling knows")
    made = []
    for code, quantity in (("VETIVER", 120), ("OUD", 60), ("FIGUE", 80), ("IRIS", 40), ("ROSE", 2000)):
        batch = await _post(
            shop, "bottling", "/api/bottling/batches", {"product_id": f"{code}-50", "quantity": quantity}
        )
        made.append(batch["batch_id"])
    for place, batch_id in enumerate(made[:3]):
        await _advance(shop, f"/api/bottling/batches/{batch_id}", place)
    return made[:2]


async def _advance(shop: Shop, path: str, place: int) -> None:
    """The first to its end, the second into quality check, the third is started."""
    await _post(shop, "bottling", f"{path}/start")
    if place == 2:
        return
    check = {"inspected": 30, "accepted": 28, "rejected": [{"reason_code": "leak", "quantity": 2}]}
    measure = {"name": "fill_ml", "value": "50.1", "low": "49.5", "high": "50.5"}
    await _post(shop, "bottling", f"{path}/quality-checks", {**check, "measures": [measure]})
    if place == 1:
        return
    await _post(shop, "bottling", f"{path}/quality-checks", {"inspected": 90, "accepted": 90, "rejected": []})
    await _post(shop, "bottling", f"{path}/consumption", {})
    await _post(shop, "bottling", f"{path}/complete")


async def _sell(shop: Shop) -> tuple[str, str, str]:
    """Orders in every state: one cancelled while it was picked, one shipped, one on the floor (its fulfillment)."""

    async def there() -> bool:
        return (await shop.levels("VETIVER-50"))[2] >= 100

    await until(there, what="what was bottled in stock")
    orders = []
    for place, customer in enumerate(CUSTOMERS):
        lines = [("ROSE-50", 3 + place), ("VETIVER-50", 2 * place + 1)]
        orders.append(await shop.ordered(lines, customer_id=customer, priority=place % 4))
    for order_id in orders[:5]:
        await shop.confirmed(order_id)
    await shop.ordered([("OUD-50", 9)], customer_id="marie", on_shortage="backorder")
    await shop.order([("FIGUE-50", 40)], customer_id="paul")
    await shop.ship(orders[0], "JJD000000000000001", deliver=True)
    await shop.ship(orders[1], "JJD000000000000002")
    cancelled, floor = orders[2], (await shop.fulfillment(orders[3]))["fulfillment_id"]
    await _post(shop, "fulfillment", f"/api/fulfillment/fulfillments/{floor}/pick")
    await shop.fulfillment(cancelled)
    answer = await shop.ask(
        "order", "PUT", f"/api/orders/{cancelled}/cancel", {"reason": "changed my mind"}, Prefer="wait=10"
    )
    assert answer.status_code == 200, answer.text
    await shop.becomes(orders[0], "fulfilled")
    return cancelled, orders[0], floor
