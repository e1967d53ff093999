"""What customers hear of their orders, counted at a mail server: the whole saga, two instances, a kill -9."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg
import httpx
import orjson
import pytest

from tests.installation import System
from tests.mail_server import MailServer, mail_server, mail_settings
from tests.shop import Shop, until
from tests.staging import cancelled

GERMANY = {"name": "Anna Muster", "city": "Köln", "country": "DE"}
LAPSE = "UPDATE mails SET next_attempt_at = clock_timestamp() WHERE state = 'waiting'"
COUNT = "SELECT state, count(*) AS mails FROM mails GROUP BY state"


async def _came(server: MailServer, expected: Counter[str]) -> None:
    """Waits until that many mails came, then these must be the ones."""

    async def enough() -> bool:
        return len(server.got) >= expected.total()

    await until(enough, what=f"{expected.total()} mails")
    assert server.counted() == expected


async def _history(shop: Shop, order_id: str) -> list[str]:
    items = (await shop.get("order", f"/api/orders/{order_id}/history"))["items"]
    return [item["event"] for item in items if item["event"].startswith("mail.")]


async def test_customers_hear_of_everything_once_from_two_instances(new_system: Callable[..., System]) -> None:
    async with mail_server() as server:
        settings = mail_settings(server, INVENTORY_HOLD_SECONDS="2", INVENTORY_SWEEP_SECONDS="0.2")
        system = await asyncio.to_thread(new_system, counts={"order": 2}, more=settings)
        async with Shop(system.stack) as shop:
            expected = await _saga_of_each_kind(shop)
            await _came(server, expected)
            await shop.settled()
            await until(lambda: _states_are(system, {"sent": expected.total()}), what="all mails settled")
            assert server.counted() == expected
            for order_id in {name.partition(".")[0] for name in expected}:
                kinds = [f"mail.{name.split('.')[1]}" for name in expected if name.startswith(order_id)]
                assert Counter(await _history(shop, order_id)) == Counter(kinds)
            german = [message for message in server.got if message["To"] == "anna@example.org"]
            assert {message["Content-Language"] for message in german} == {"de"}


async def _saga_of_each_kind(shop: Shop) -> Counter[str]:
    """Orders that are shipped, refused, queued and filled, cancelled, left to expire, and one without an address."""
    await shop.product("mail-rose", 100)
    await shop.product("mail-lily", 1)
    told: dict[str, Any] = {"email": "anna@example.org", "shipping_address": GERMANY}
    shipped = [await shop.ordered([("mail-rose", 2)], auto_confirm=True, email="ann@example.org") for _ in range(10)]
    silent = await shop.ordered([("mail-rose", 1)], auto_confirm=True)
    refused = (await shop.order([("mail-lily", 2)], **told)).json()["order_id"]
    queued = await shop.ordered([("mail-lily", 3)], on_shortage="backorder", auto_confirm=True, **told)
    given_up = await shop.ordered([("mail-rose", 3)], auto_confirm=True, **told)
    lapsed = await shop.ordered([("mail-rose", 4)], **told)
    for order_id in [*shipped, silent]:
        await shop.ship(order_id, order_id)
    assert (await cancelled(shop, given_up)).status_code == 200
    await shop.receive("mail-lily", 5)
    await shop.becomes(lapsed, "expired")
    for order_id in [*shipped, silent]:
        await shop.becomes(order_id, "fulfilled")
    expected = [f"{order_id}.{kind}.1" for order_id in shipped for kind in ("confirmed", "shipped")]
    expected += [f"{refused}.shortage.1", f"{queued}.backordered.1", f"{queued}.confirmed.1"]
    expected += [f"{given_up}.confirmed.1", f"{given_up}.cancelled.1", f"{lapsed}.expired.1"]
    return Counter(expected)


async def _states_are(system: System, wanted: dict[str, int]) -> bool:
    connection = await asyncpg.connect(system.stack.postgres["order"])
    try:
        return {row["state"]: row["mails"] for row in await connection.fetch(COUNT)} == wanted
    finally:
        await connection.close()


@pytest.mark.parametrize("end", ["kill", "stop"])
async def test_an_instance_that_ends_before_it_could_write_down_its_mail_has_it_sent_again_under_the_same_identity(
    new_system: Callable[..., System], end: str
) -> None:
    async with mail_server() as server:
        server.whims.append("hang")
        system = await asyncio.to_thread(new_system, more=mail_settings(server))
        async with Shop(system.stack) as shop:
            await shop.product("mail-iris", 5)
            order_id = await shop.ordered([("mail-iris", 2)], auto_confirm=True, email="ann@example.org")
            await asyncio.wait_for(server.hanging.wait(), 30)
            if end == "kill":
                system.fleet.kill_instance("order-1")
            else:
                await system.fleet.stop("order-1")
            server.released.set()
            await system.fleet.start_instance("order-1")
            assert await _history_of(system, order_id) == []
            await _execute(system, LAPSE)
            await _came(server, Counter({f"{order_id}.confirmed.1": 2}))
            await until(lambda: _states_are(system, {"sent": 1}), what="the mail settled")
            assert await _history_of(system, order_id) == ["mail.confirmed"]


async def _history_of(system: System, order_id: str) -> list[str]:
    """Asked over a connection of its own: the one that the shop has kept broke with the instance."""
    async with system.client("order") as client:
        answer: httpx.Response = await client.get(f"/api/orders/{order_id}/history")
    return [item["event"] for item in answer.json()["items"] if item["event"].startswith("mail.")]


async def _execute(system: System, statement: str) -> None:
    connection = await asyncpg.connect(system.stack.postgres["order"])
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


async def test_without_a_mail_server_mails_are_lines_of_the_log_that_keep_their_readers_secret(
    new_system: Callable[..., System],
) -> None:
    system = await asyncio.to_thread(new_system, more={"ORDER_SMTP_HOST": ""})
    async with Shop(system.stack) as shop:
        await shop.product("mail-mint", 5)
        order_id = await shop.ordered([("mail-mint", 1)], auto_confirm=True, email="ann.private@example.org")
        await until(lambda: _states_are(system, {"sent": 1}), what="the mail settled")
    log = system.home.log("order-1").read_text(encoding="utf-8")
    [line] = [line for line in map(orjson.loads, log.splitlines()) if line["event"] == "mail"]
    assert (line["message_id"], line["to"]) == (f"<{order_id}.confirmed.1@flacon>", "***@example.org")
    assert "ann.private" not in log


async def test_a_mail_server_that_was_away_gets_every_mail_once_when_it_is_back(
    new_system: Callable[..., System],
) -> None:
    async with mail_server() as server:
        server.whims += ["close", "refuse_sender", "greylist", "close"]
        system = await asyncio.to_thread(new_system, more=mail_settings(server))
        async with Shop(system.stack) as shop:
            await shop.product("mail-aloe", 50)
            orders = [
                await shop.ordered([("mail-aloe", 1)], auto_confirm=True, email="ann@example.org") for _ in range(8)
            ]
            await _came(server, Counter(f"{order_id}.confirmed.1" for order_id in orders))
            await until(lambda: _states_are(system, {"sent": 8}), what="all mails settled")
            assert await _sum(shop.metric("order", "flacon_mail_attempts_total", outcome="sent")) == 8
            assert await _sum(shop.metric("order", "flacon_mail_attempts_total", outcome="failed")) == 4


async def _sum(samples: Awaitable[list[float]]) -> float:
    return sum(await samples)
