"""The warehouse: picks, ships and delivers in bulk, at once or in waves."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final

from benchmarks.client import Connection, Unexpected
from deploy.local.credentials import token_for
from deploy.local.stack import Stack

BULK_MAX: Final = 500
CARRIER: Final = "BENCH"
ROUTE: Final = "/api/fulfillment/bulk/"
Step = Callable[[list[str]], Awaitable[None]]


class Warehouse:
    """Takes fulfillments as they are listed and carries each to its delivery.

    A step begins so many seconds after there is something to do, with all that came until then.
    """

    def __init__(self, stack: Stack, listed: asyncio.Queue[str], wave_seconds: float) -> None:
        self._wave = wave_seconds
        self._url = stack.services["fulfillment"]
        self._token = token_for(stack.jwt_secret, subject="warehouse")
        self._listed = listed
        self._picked: asyncio.Queue[str] = asyncio.Queue()
        self._shipped: asyncio.Queue[str] = asyncio.Queue()

    async def run(self) -> None:
        """Until it is cancelled."""
        async with (
            Connection(self._url, self._token) as picking,
            Connection(self._url, self._token) as shipping,
            Connection(self._url, self._token) as delivering,
            asyncio.TaskGroup() as group,
        ):
            group.create_task(self._each(self._listed, lambda ids: self._pick(picking, ids)))
            group.create_task(self._each(self._picked, lambda ids: self._ship(shipping, ids)))
            group.create_task(self._each(self._shipped, lambda ids: self._deliver(delivering, ids)))

    async def _pick(self, connection: Connection, ids: list[str]) -> None:
        await _bulk(connection, "pick", [{"fulfillment_id": id} for id in ids])
        _hand_on(self._picked, ids)

    async def _ship(self, connection: Connection, ids: list[str]) -> None:
        items = [{"fulfillment_id": id, "carrier": CARRIER, "tracking_number": id} for id in ids]
        shipped = await _bulk(connection, "ship", items)
        _hand_on(self._shipped, [one["shipment_id"] for one in shipped])

    async def _deliver(self, connection: Connection, ids: list[str]) -> None:
        await _bulk(connection, "deliver", [{"shipment_id": id} for id in ids])

    async def _each(self, queue: "asyncio.Queue[str]", step: Step) -> None:
        """Does a step with all that waits for it, up to 500 at a time."""
        while True:
            ids = [await queue.get()]
            await asyncio.sleep(self._wave)
            while len(ids) < BULK_MAX and not queue.empty():
                ids.append(queue.get_nowait())
            await step(ids)


def _hand_on(queue: "asyncio.Queue[str]", ids: list[str]) -> None:
    for id in ids:
        queue.put_nowait(id)


async def _bulk(connection: Connection, action: str, items: list[dict[str, str]]) -> list[dict[str, Any]]:
    answer = await connection.post(ROUTE + action, {"items": items})
    for one in answer["results"]:
        if not one["ok"]:
            raise Unexpected(f"bulk {action} refused one of {len(items)}: {one['problem'].get('detail')}")
    return [one["result"] for one in answer["results"]]
