"""The overview in Chromium: six panels that follow the events, whatever the rate, and lose nothing on a break."""

import asyncio
import os
import signal
import time
from contextlib import suppress
from uuid import uuid4

from playwright.async_api import expect

from console.live.signals import PAUSE_SECONDS
from deploy.local.console import NAME, console_settings, ensure_console
from deploy.local.processes import Processes
from tests.browser.conftest import SignIn
from tests.installation import System
from tests.shop import Shop, until

FIGURES = (
    *("fulfillment rate", "reservation accuracy", "delivery performance", "order to delivery"),
    *("stock turnover", "stock accuracy", "reorder efficiency", "stockout frequency"),
    *("production efficiency", "quality rate", "material utilization", "cost per unit"),
)
PANELS = ("Inventory", "Production", "Orders", "Alerts", "Performance", "Trends")


async def test_somebody_who_is_not_signed_in_sees_the_door_and_comes_back_where_they_wanted(
    console: str, sign_in: SignIn
) -> None:
    somebody = await sign_in("viewer")
    await somebody.context.clear_cookies()
    page = await somebody.go("/?x=1")
    await page.get_by_label("Name").fill("ines")
    await page.locator("input[name=role][value=viewer]").check()
    await somebody.press("Sign in")

    await page.wait_for_url(console + "/?x=1")

    [cookie] = [one for one in await somebody.context.cookies() if one["name"] == "flacon_session"]
    assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Strict")


async def test_six_panels_show_what_happens_without_reloading(sign_in: SignIn, shop: Shop) -> None:
    somebody = await sign_in("viewer")
    page = somebody.page
    for name in PANELS:
        await expect(page.get_by_role("heading", name=name).first).to_be_visible()
    product = f"rose-{uuid4().hex[:8]}"
    await shop.product(product, 100, name=product, reorder_point=10)
    await expect(page.locator("[data-part=inventory]")).to_contain_text(product)

    order_id = await shop.ordered([(product, 7)])

    await expect(page.locator(f"[data-part=orders] [data-order='{order_id}']").first).to_be_visible()
    await expect(page.locator("[data-part=inventory] tr", has_text=product).locator(".badge")).to_have_text("93")
    demand = page.locator("[data-part=trends] dt", has_text="Demand").locator("xpath=../dd")
    await expect(demand.first).to_contain_text("7")
    await expect(demand).to_have_count(2)

    async def told_by_the_day() -> bool:
        """Sums of days are kept every few seconds and asked for seldom; no event announces them."""
        await page.reload()
        return "7" in await demand.last.inner_text()

    await until(told_by_the_day, what="the day's demand", seconds=60)
    for name in FIGURES:
        await expect(page.locator("[data-part=performance] dt").get_by_text(name, exact=True)).to_be_visible()


async def test_a_console_that_was_killed_and_came_back_shows_what_happened_meanwhile(
    sign_in: SignIn, shop: Shop, system: System
) -> None:
    somebody = await sign_in("viewer")
    page = somebody.page
    await expect(page.locator("[data-pulse]")).to_have_text("live")
    processes = Processes(system.home)
    record = processes.find(NAME)
    assert record is not None
    os.kill(record.pid, signal.SIGKILL)
    await expect(page.locator("[data-pulse]")).to_have_text("reconnecting")
    product = f"lily-{uuid4().hex[:8]}"
    await shop.product(product, 40)
    order_id = await shop.ordered([(product, 4)])

    stack = system.stack
    told = console_settings(stack.services, stack.kafka, stack.jwt_secret, stack.topic_prefix)
    await asyncio.to_thread(asyncio.run, ensure_console(system.home, processes, told))

    await expect(page.locator("[data-pulse]")).to_have_text("live")
    await expect(page.locator(f"[data-part=orders] [data-order='{order_id}']").first).to_be_visible()


async def test_a_change_shows_at_once_under_fifty_orders_a_second_and_pages_do_bounded_work(
    sign_in: SignIn, shop: Shop
) -> None:
    """Run with `-s` to read the measured times."""
    somebody = await sign_in("viewer")
    page, product, marker = somebody.page, f"rush-{uuid4().hex[:8]}", f"mark-{uuid4().hex[:8]}"
    await shop.product(product, 100_000)
    await shop.product(marker, 0, name=marker, reorder_point=1_000_000)
    shown = page.locator("[data-part=inventory] tr", has_text=marker).locator(".badge")
    await expect(shown).to_have_text("0")
    looks: list[str] = []
    page.on("request", lambda request: looks.append(request.url) if request.resource_type == "fetch" else None)
    stop = asyncio.Event()
    began = time.monotonic()
    rush = asyncio.create_task(_rush(shop, product, stop))

    seconds = []
    for number in range(1, 11):
        await shop.receive(marker, 1)
        told_at = time.monotonic()
        await expect(shown).to_have_text(str(number))
        seconds.append(time.monotonic() - told_at)

    took = time.monotonic() - began
    stop.set()
    sent = await rush
    print(
        f"\n{sent / took:.0f} orders/s for {took:.0f} s: a change showed after", *(f"{one:.2f}" for one in seconds), "s"
    )
    assert len(looks) <= took / PAUSE_SECONDS + 2, "a page looks more often than it may"
    assert sent > 0


async def _rush(shop: Shop, product: str, stop: asyncio.Event) -> int:
    """Fifty orders a second from upstream until told to stop; how many."""
    sent = 0
    while not stop.is_set():
        await shop.submit(_order(product, sent + number) for number in range(10))
        sent += 10
        with suppress(TimeoutError):
            async with asyncio.timeout(0.2):
                await stop.wait()
    return sent


def _order(product: str, number: int) -> dict[str, object]:
    return {
        "source": product,
        "external_id": str(number),
        "customer_id": "c-1",
        "items": [{"product_id": product, "quantity": 1}],
        "shipping_address": {"city": "Grasse"},
        "auto_confirm": True,
    }
