"""The overview in Chromium: six panels that follow the events, whatever the rate, and lose nothing on a break."""

import asyncio
import os
import signal
from uuid import uuid4

from playwright.async_api import expect

from deploy.local.console import NAME, console_settings, ensure_console
from deploy.local.processes import Processes
from tests.browser.conftest import SignIn
from tests.installation import System
from tests.shop import Shop

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
    await expect(page.locator("[data-part=trends] dt", has_text="Demand").locator("xpath=../dd")).to_contain_text("7")


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
