"""The warehouse: picks, packs, ships and delivers the run's orders over the bulk routes."""

from collections.abc import Callable, Iterable, Sequence
from typing import Final

from deploy.local.demo.client import Body, Client
from deploy.local.demo.picture import Picture

BULK_MAX: Final = 500
ROUND_SECONDS_MAX: Final = 1.0
STATUSES: Final = ("created", "picked", "packed", "partially_shipped")
CARRIER: Final = "DEMO-PARCEL"


class Warehouse:
    """Goes round until it is cancelled; leaves orders alone that somebody is about to cancel."""

    def __init__(self, client: Client, picture: Picture, undecided: Callable[[], set[str]]) -> None:
        self._client, self._picture, self._undecided = client, picture, undecided
        self.refused = 0

    async def run(self) -> None:
        """A round whenever there is something to pick or to deliver, and now and then."""
        seen = -1
        while True:
            await self._picture.until(lambda: self._picture.listed != seen, ROUND_SECONDS_MAX)  # noqa: B023
            seen = self._picture.listed
            await self._round()

    async def _round(self) -> None:
        ours = self._picture.ours() - self._undecided()
        found: list[Body] = []
        for status in STATUSES:
            found += await self._client.pages("fulfillment", "/api/fulfillment/fulfillments", {"status": status})
        waiting = [one for one in found if one["order_id"] in ours and not one["closed"]]
        pickable = [one for one in waiting if _left_to_pick(one)]
        picked = await self._bulk("pick", ({"fulfillment_id": one["fulfillment_id"]} for one in pickable))
        ready = _newest(waiting, picked)
        packed = await self._bulk("pack", ({"fulfillment_id": one["fulfillment_id"]} for one in ready if _bench(one)))
        parcels = [one for one in _newest(ready, packed) if _bench(one)]
        await self._bulk("ship", (_parcel(one) for one in parcels))
        await self._deliver(found)

    async def _deliver(self, found: Sequence[Body]) -> None:
        """Everything that is on its way arrives, also what an earlier round sent."""
        ours = self._picture.ours()
        on_its_way = {
            shipment_id
            for order_id, parcels in self._picture.parcels.items()
            if order_id in ours
            for shipment_id in parcels.shipped - parcels.delivered
        }
        await self._bulk("deliver", ({"shipment_id": shipment_id} for shipment_id in sorted(on_its_way)))

    async def _bulk(self, step: str, items: Iterable[Body]) -> list[Body]:
        """The results of one step that succeeded; what was cancelled meanwhile fails alone."""
        waiting = list(items)
        results: list[Body] = []
        for start in range(0, len(waiting), BULK_MAX):
            body = {"items": waiting[start : start + BULK_MAX]}
            reply = await self._client.ask("POST", "fulfillment", f"/api/fulfillment/bulk/{step}", body)
            results += [one["result"] for one in reply.body["results"] if one["ok"]]
            self.refused += sum(not one["ok"] for one in reply.body["results"])
        return results


def _newest(before: Sequence[Body], after: Sequence[Body]) -> list[Body]:
    by_id = {one["fulfillment_id"]: one for one in after}
    return [by_id.get(one["fulfillment_id"], one) for one in before]


def _left_to_pick(one: Body) -> bool:
    return any(line["picked"] + line["shipped"] < line["target"] for line in one["lines"])


def _bench(one: Body) -> int:
    return sum(line["picked"] for line in one["lines"])


def _parcel(one: Body) -> Body:
    number = f"{one['fulfillment_id']}-{len(one['shipments']) + 1}"
    return {"fulfillment_id": one["fulfillment_id"], "carrier": CARRIER, "tracking_number": number}
