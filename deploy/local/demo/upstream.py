"""The world outside: an upstream system that publishes the file, and customers who confirm and cancel."""

import asyncio
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import orjson
from aiokafka import AIOKafkaProducer

from deploy.local.demo.client import Client
from deploy.local.demo.picture import Identity, Picture
from deploy.local.orders_file.entries import Cancellation, Entry, Order, Skipped

CUSTOMERS_AT_ONCE: Final = 16
UNCONFIRMED_SECONDS_MAX: Final = 900.0
RECORD_BYTES_MAX: Final = 1024 * 1024 + 64 * 1024


@dataclass(slots=True)
class Published:
    """What came of the file."""

    orders: int = 0
    repeats: int = 0
    prices_left_out: int = 0
    skipped: list[Skipped] = field(default_factory=list)
    cancellations: list[Cancellation] = field(default_factory=list)

    def reasons(self) -> Counter[str]:
        """Skipped rows by reason."""
        return Counter(skip.reason for skip in self.skipped)


async def publish(kafka: str, topic: str, entries: Iterable[Entry], picture: Picture) -> Published:
    """Publishes each order as it is read from the file, waiting for the broker only where its batches are full."""
    published = Published()
    producer = AIOKafkaProducer(
        bootstrap_servers=kafka, enable_idempotence=True, linger_ms=5, max_request_size=RECORD_BYTES_MAX
    )
    await producer.start()
    try:
        for entry in entries:
            if isinstance(entry, Order):
                await _send(producer, topic, entry, picture, published)
            elif isinstance(entry, Cancellation):
                published.cancellations.append(entry)
            else:
                published.skipped.append(entry)
        await producer.flush()
    finally:
        await producer.stop()
    return published


async def _send(producer: AIOKafkaProducer, topic: str, order: Order, picture: Picture, published: Published) -> None:
    published.repeats += order.identity in picture.submitted
    published.orders += 1
    published.prices_left_out += order.prices_left_out
    picture.submit(order.identity, bool(order.submission.get("auto_confirm", False)))
    key = ":".join(order.identity).encode()
    await producer.send(topic, orjson.dumps(order.submission), key=key)


class Customers:
    """Confirm what was not confirmed with the order, and cancel what the file cancels, in its order."""

    def __init__(self, client: Client, picture: Picture, cancellations: Iterable[Cancellation]) -> None:
        self._client = client
        self._picture = picture
        self.answers: Counter[str] = Counter()
        self.waiting: dict[Identity, list[Cancellation]] = {
            identity: [] for identity, confirmed in picture.submitted.items() if not confirmed
        }
        for cancellation in cancellations:
            self.waiting.setdefault(cancellation.identity, []).append(cancellation)

    @property
    def undecided(self) -> set[str]:
        """The orders that somebody still wants to cancel: the warehouse leaves them for now."""
        picture = self._picture
        return {picture.order_of[identity] for identity in self.waiting if identity in picture.order_of}

    async def run(self) -> None:
        """Until every customer had an answer."""
        identities = iter(list(self.waiting))

        async def worker() -> None:
            for identity in identities:
                await self._attend(identity)
                del self.waiting[identity]

        async with asyncio.TaskGroup() as group:
            for _ in range(CUSTOMERS_AT_ONCE):
                group.create_task(worker())

    async def _attend(self, identity: Identity) -> None:
        picture = self._picture
        if not await picture.until(lambda: picture.knows(identity), UNCONFIRMED_SECONDS_MAX):
            return
        order_id = picture.order_of[identity]
        cancellations = self.waiting[identity]
        whole = any(cancellation.items is None for cancellation in cancellations)
        if not picture.submitted.get(identity, True) and not whole:
            await self._put(order_id, "confirm", None)
        for cancellation in cancellations:
            await self._put(order_id, "cancel", _cancel_body(cancellation))

    async def _put(self, order_id: str, command: str, body: Mapping[str, Any] | None) -> None:
        path = f"/api/orders/{order_id}/{command}"
        reply = await self._client.ask("PUT", "order", path, dict(body) if body else None, also=(409,))
        self.answers[f"{command}: {reply.problem or reply.body.get('status')}"] += 1


def _cancel_body(cancellation: Cancellation) -> dict[str, Any]:
    body: dict[str, Any] = {"reason": cancellation.reason}
    if cancellation.items is not None:
        body["items"] = [{"product_id": name, "quantity": units} for name, units in cancellation.items.items()]
    return body
