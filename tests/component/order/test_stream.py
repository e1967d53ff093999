"""The stream of orders: every step, in any order of commits, from where a client stopped, whatever others do."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from services.order.api import feed as feeds
from services.order.api.feed import BEHIND_MAX, Feed, News
from services.order.api.stream import COMMENT_SECONDS, frames, stream_routes
from services.order.app import build
from services.order.settings import OrderSettings
from services.order.views.steps import Interest, Step
from shared.runtime.auth import make_token
from shared.runtime.service import http_app
from tests.component.order.conftest import NOW, SECRET, Shop, held, new_order, until

WRITE_STEPS = """
INSERT INTO order_history (order_id, at, service, event, from_status, to_status)
SELECT $1, clock_timestamp(), 'order', 'step ' || number, 'created', 'created'
FROM generate_series(1, $2::int) AS number
RETURNING step
"""
ALL = Interest()


class Listener:
    """What one client has heard."""

    def __init__(self) -> None:
        self.heard: list[News] = []
        self.ended = False

    @property
    def events(self) -> list[str]:
        return [step.event for step, _ in self.heard]

    async def hears(self, count: int) -> None:
        async def so_many() -> bool:
            return len(self.heard) >= count

        await until(so_many)
        assert len(self.heard) == count


@asynccontextmanager
async def listening(feed: Feed, interest: Interest = ALL, since: int | None = None) -> AsyncIterator[Listener]:
    """A client that takes what comes as it comes, and hears from when this returns."""
    listener, waits = Listener(), asyncio.Event()

    async def listen() -> None:
        async with aclosing(feed.listen(interest, since, 0.05)) as news:
            async for one in news:
                if one is not None:
                    listener.heard.append(one)
                waits.set()
        listener.ended = True

    task = asyncio.create_task(listen())
    await asyncio.wait_for(waits.wait(), 10)
    try:
        yield listener
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@pytest.fixture
def feed(shop: Shop) -> Feed:
    return Feed(shop.database, asyncio.Event())


async def test_every_step_is_heard_with_the_status_it_led_to(shop: Shop, feed: Feed) -> None:
    async with listening(feed) as client:
        order_id = await shop.placed(auto_confirm=True)
        await client.hears(1)
        await shop.deliver(shop.stock(order_id, "reserved", "confirmed", 1, held()))
        await client.hears(4)
    assert client.events == ["order.created", "stock.reserved", "order.confirmed", "order.ready"]
    steps = [step for step, _ in client.heard]
    assert {step.order_id for step in steps} == {order_id}
    assert [(step.from_status, step.to_status) for step in steps[:2]] == [(None, "created"), ("created", "confirmed")]
    assert [step.version for step in steps] == [1, 2, 2, 2]


async def test_a_client_hears_of_what_interests_it_alone(shop: Shop, feed: Feed) -> None:
    first = await shop.placed()
    async with (
        listening(feed, Interest(order_id=first)) as one,
        listening(feed, Interest(status="confirmed")) as confirmed,
        listening(feed, Interest(customer_id="c-2")) as customer,
        listening(feed) as everybody,
    ):
        await shop.deliver(shop.stock(first, "reserved", "active", 1, held()))
        second = await shop.placed(customer_id="c-2", auto_confirm=True)
        await shop.deliver(shop.stock(second, "reserved", "confirmed", 1, held()))
        await everybody.hears(5)
    assert one.events == ["stock.reserved"]
    assert confirmed.events == ["stock.reserved", "order.confirmed", "order.ready"]
    assert customer.events == ["order.created", *confirmed.events]


async def test_a_step_that_is_committed_late_is_heard_and_a_resumed_client_hears_it_too(shop: Shop, feed: Feed) -> None:
    order_id = await shop.placed()
    async with listening(feed) as client, listening(feed) as another:
        async with shop.database.pool.acquire() as connection:
            late = connection.transaction()
            await late.start()
            [row] = await connection.fetch(WRITE_STEPS, UUID(order_id), 1)
            await shop.placed()
            await client.hears(1)
            [(early, resume)] = client.heard
            assert resume < row["step"] < early.number
            await late.commit()
        await client.hears(2)
        await another.hears(2)
        assert client.heard[1][0].number == row["step"]
        async with listening(feed, since=resume) as resumed:
            await resumed.hears(2)
            assert [step.number for step, _ in resumed.heard] == [row["step"], early.number]


async def test_a_step_under_way_before_anybody_listened_is_heard(shop: Shop, feed: Feed) -> None:
    order_id = await shop.placed()
    async with shop.database.pool.acquire() as connection:
        late = connection.transaction()
        await late.start()
        await connection.fetch(WRITE_STEPS, UUID(order_id), 1)
        await shop.placed()
        async with listening(feed) as client:
            await late.commit()
            await client.hears(1)
    assert client.events == ["step 1"]


async def test_numbers_that_were_rolled_back_are_waited_for_and_given_up(
    shop: Shop, feed: Feed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feeds, "GAP_SECONDS", 0.2)
    order_id = await shop.placed()
    async with listening(feed) as client:
        async with shop.database.pool.acquire() as connection:
            void = connection.transaction()
            await void.start()
            await connection.fetch(WRITE_STEPS, UUID(order_id), 3)
            await void.rollback()
        await shop.placed()
        await client.hears(1)
        assert client.heard[0][1] == client.heard[0][0].number - 4

        async def given_up() -> bool:
            await shop.placed()
            step, resume = client.heard[-1]
            return step.number == resume

        await until(given_up)


async def test_a_resumed_client_misses_nothing_however_much_there_was(shop: Shop, feed: Feed) -> None:
    order_id = await shop.placed()
    numbers = [row["step"] for row in await shop.database.pool.fetch(WRITE_STEPS, UUID(order_id), 1_234)]
    async with listening(feed, since=numbers[10]) as client:
        await client.hears(1_223)
        await shop.placed()
        await client.hears(1_224)
    assert [step.number for step, _ in client.heard[:-1]] == numbers[11:]
    assert [resume for _, resume in client.heard[:-1]] == numbers[11:]


async def test_a_client_that_is_too_slow_is_cut_off_and_nobody_else(shop: Shop, feed: Feed) -> None:
    order_id = await shop.placed()
    async with aclosing(feed.listen(ALL, None, 0.05)) as slow, listening(feed) as quick:
        assert await anext(slow) is None
        count = BEHIND_MAX + 1
        await shop.database.pool.fetch(WRITE_STEPS, UUID(order_id), count)
        await quick.hears(count)
        heard: list[News] = []
        async for one in slow:
            if one is not None:
                heard.append(one)
            if len(heard) == BEHIND_MAX // 2:
                await shop.placed()
                await quick.hears(count + 1)
        assert heard == quick.heard[:BEHIND_MAX]
    async with listening(feed, since=heard[-1][1]) as resumed:
        await resumed.hears(2)
        assert resumed.heard == quick.heard[BEHIND_MAX:]


async def test_the_streams_end_when_the_service_stops(shop: Shop) -> None:
    stopping = asyncio.Event()
    async with listening(Feed(shop.database, stopping)) as client:
        stopping.set()

        async def ended() -> bool:
            return client.ended

        await until(ended)


async def test_one_reader_serves_all_and_rests_when_nobody_listens(shop: Shop, feed: Feed) -> None:
    async with listening(feed):
        reading = feed._reading
        async with listening(feed):
            assert feed._reading is reading is not None
    await shop.post(new_order())
    await asyncio.wait_for(reading, 10)


async def test_more_clients_than_one_instance_serves_are_told_to_come_again(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feeds, "CLIENTS_MAX", 0)
    response = await shop.client.get("/api/orders/stream")
    assert (response.status_code, response.json()["type"]) == (503, "urn:flacon:problem:unavailable")
    assert int(response.headers["retry-after"]) >= 1


@pytest.mark.parametrize("given", ["x", "-1", "1.5", "9" * 19, "\u0661"])
async def test_an_id_that_the_stream_never_gave_is_refused(shop: Shop, given: str) -> None:
    response = await shop.client.get("/api/orders/stream", headers=[(b"last-event-id", given.encode())])
    assert (response.status_code, response.json()["type"]) == (400, "urn:flacon:problem:malformed-request")


async def test_no_more_listen_than_one_instance_serves(feed: Feed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feeds, "CLIENTS_MAX", 1)
    async with listening(feed):
        assert feed.is_full
        assert [one async for one in feed.listen(ALL, None, 0.05)] == []


@pytest.mark.parametrize(
    ("was", "names"), [("created", ["status", "order.confirmed"]), ("confirmed", ["order.confirmed"])]
)
def test_only_the_last_frame_of_a_step_tells_its_id(was: str, names: list[str]) -> None:
    step = Step(7, "o-1", "c-1", NOW, "order.confirmed", was, "confirmed", 3)
    told = [frame.split("\n") for frame in frames(step, 5).decode().split("\n\n")[:-1]]
    assert [line for frame in told for line in frame if line.startswith("event")] == [
        f"event: {name}" for name in names
    ]
    assert [any(line == "id: 5" for line in frame) for frame in told] == [False] * (len(names) - 1) + [True]


def _app(shop: Shop, comment_seconds: float) -> Any:
    """The service over HTTP, with the stream alone."""
    service = build(
        OrderSettings(postgres_dsn="postgresql://nobody@127.0.0.1:1/x", kafka="unused:1", jwt_secret=SECRET)
    )
    return http_app(replace(service, routers=(stream_routes(shop.database, asyncio.Event(), comment_seconds),)))


async def _read(app: Any, enough: Callable[[str], bool], query: str = "", customer_id: str | None = None) -> str:
    """What a client reads of all that ever happened and of what happens now, until it has enough and goes."""
    token = make_token(SECRET, "bob", ("orders:read",), customer_id=customer_id)
    headers = [(b"authorization", f"Bearer {token}".encode()), (b"last-event-id", b"0")]
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET", "scheme": "http",
        "path": "/api/orders/stream", "raw_path": b"/api/orders/stream", "root_path": "",
        "query_string": query.encode(), "headers": headers, "client": ("127.0.0.1", 1), "server": ("order", 80),
    }  # fmt: skip
    read, has_enough, asked = [""], asyncio.Event(), [{"type": "http.request", "body": b"", "more_body": False}]

    async def receive() -> dict[str, Any]:
        if asked:
            return asked.pop()
        await has_enough.wait()
        return {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        assert message.get("status", 200) == 200, message
        read[0] += message.get("body", b"").decode()
        if enough(read[0]):
            has_enough.set()

    async with asyncio.timeout(10):
        await app(scope, receive, send)
    return read[0]


def _orders_in(read: str) -> set[str]:
    lines = (line.removeprefix("data: ") for line in read.splitlines() if line.startswith("data: "))
    return {json.loads(line)["order_id"] for line in lines}


async def test_while_nothing_happens_a_comment_keeps_the_connection_alive(shop: Shop) -> None:
    read = await _read(_app(shop, 0.02), lambda read: read.count(": nothing new\n\n") == 3)
    assert read == "retry: 1000\n\n" + ": nothing new\n\n" * 3
    assert COMMENT_SECONDS == 15


async def test_a_customers_token_hears_of_its_own_orders_alone(shop: Shop) -> None:
    other, mine = await shop.placed(), await shop.placed(customer_id="c-2")
    everybody = await _read(_app(shop, 0.05), lambda read: ": nothing" in read)
    assert _orders_in(everybody) == {other, mine}
    later: list[str] = []

    def enough(read: str) -> bool:
        return len(later) == 2 and later[1] in read

    listening = asyncio.create_task(_read(_app(shop, 0.05), enough, customer_id="c-2"))
    for customer_id in ("c-1", "c-2"):
        later.append(await shop.placed(customer_id=customer_id))
    assert _orders_in(await listening) == {mine, later[1]}
    nothing = await _read(_app(shop, 0.05), lambda read: ": nothing" in read, f"order_id={other}", "c-2")
    assert _orders_in(nothing) == set()
