"""Everybody can use every view: on a phone, in the dark, by keyboard; axe finds nothing serious. Pictures too.

`make screenshots` writes every view to docs/img, in light and dark, on a desk and on a phone.
"""

import os
from pathlib import Path
from typing import Any, Literal

import pytest
from playwright.async_api import Page, expect

from tests.browser.conftest import SignIn, Somebody
from tests.browser.scenery import live_a_day
from tests.shop import Shop

IMAGES = Path(__file__).resolve().parents[2] / "docs" / "img"
WRITING = os.environ.get("FLACON_WRITE_SCREENSHOTS") == "1"
DESK: dict[str, Any] = {"width": 1280, "height": 860}
PHONE: dict[str, Any] = {"width": 390, "height": 844}
SCREENS: tuple[tuple[str, dict[str, Any], Literal["light", "dark"]], ...] = (
    ("desk", DESK, "light"),
    ("desk", DESK, "dark"),
    ("phone", PHONE, "dark"),
    ("phone", PHONE, "light"),
)
OPEN_ALL = "document.querySelectorAll('details').forEach(one => { one.open = true })"
WIDTH = "document.documentElement.scrollWidth"


@pytest.mark.timeout(600)
async def test_every_view_can_be_used_by_everybody_on_every_screen(sign_in: SignIn, shop: Shop) -> None:
    views = (await live_a_day(shop)).views
    faults: list[str] = []
    somebody = await sign_in("operator")
    page = somebody.page
    # The overview last: by then its events are heard and its figures summed up.
    for name, path in sorted(views.items(), key=lambda view: view[0] == "overview"):
        await somebody.go(path)
        await expect(page.locator("h1").first).to_be_attached()
        await _settle(page)
        if WRITING:
            for one in SCREENS:
                screen, scheme = await _turn_to(page, *one)
                await page.screenshot(path=IMAGES / f"{name}-{screen}-{scheme}.png")
        await page.evaluate(OPEN_ALL)
        for one in SCREENS:
            screen, scheme = await _turn_to(page, *one)
            faults += [f"{name} {screen} {scheme}: {fault}" for fault in await somebody.grave_faults()]
            if await page.evaluate(WIDTH) > one[1]["width"]:
                faults.append(f"{name} {screen} {scheme}: wider than the screen")
    assert faults == []


async def _turn_to(page: Page, screen: str, size: Any, scheme: Literal["light", "dark"]) -> tuple[str, str]:
    await page.set_viewport_size(size)
    await page.emulate_media(color_scheme=scheme)
    return screen, scheme


async def _settle(page: Page) -> None:
    """The page has its stream, and has looked once more since."""
    if await page.locator("[data-pulse]").count():
        await expect(page.locator("[data-pulse]")).to_have_text("live")


async def test_the_door_can_be_used_by_everybody(sign_in: SignIn, console: str) -> None:
    somebody = await sign_in("viewer", viewport=PHONE)
    await somebody.context.clear_cookies()
    await somebody.go("/sign-in")

    assert await somebody.grave_faults() == []


async def test_keys_lead_to_views_and_to_the_search(sign_in: SignIn, console: str) -> None:
    somebody = await sign_in("operator")
    page = somebody.page
    await page.keyboard.press("2")
    await page.wait_for_url(f"{console}/orders")
    await page.keyboard.press("/")
    await expect(page.locator("[data-search]")).to_be_focused()
    await page.keyboard.type("2nobody")
    await page.keyboard.press("Enter")
    await expect(page.locator("main")).to_contain_text("No order is like this.")

    await page.keyboard.press("Tab")

    await expect(page.get_by_role("link", name="Skip to content")).to_be_focused()


@pytest.mark.parametrize("theme", ["light", "dark"])
async def test_the_chosen_theme_stays_against_the_machines(sign_in: SignIn, theme: str) -> None:
    other = "dark" if theme == "light" else "light"
    somebody = await sign_in("viewer", color_scheme=other)
    page = somebody.page
    while await page.locator("html").get_attribute("data-theme") != theme:
        await _press_theme(somebody)
    await page.reload()

    shade = await page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert shade == {"light": "rgb(246, 243, 238)", "dark": "rgb(21, 19, 16)"}[theme]


async def _press_theme(somebody: Somebody) -> None:
    before = await somebody.page.locator("html").get_attribute("data-theme")
    await somebody.page.locator(".theme button").click()
    await expect(somebody.page.locator("html")).not_to_have_attribute("data-theme", str(before))
