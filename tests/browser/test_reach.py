"""Everybody can use every view: on a phone, in the dark, by keyboard; axe finds nothing serious. Pictures too.

`make screenshots` writes every view to docs/img, in light and dark, on a desk and on a phone.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page, expect

from tests.browser.conftest import SignIn, Somebody
from tests.browser.scenery import live_a_day
from tests.shop import Shop

IMAGES = Path(__file__).resolve().parents[2] / "docs" / "img"
WRITING = os.environ.get("FLACON_WRITE_SCREENSHOTS") == "1"
DESK: dict[str, Any] = {"viewport": {"width": 1280, "height": 860}}
PHONE: dict[str, Any] = {"viewport": {"width": 390, "height": 844}, "has_touch": True}
OPEN_ALL = "document.querySelectorAll('details').forEach(one => { one.open = true })"
WIDTH = "document.documentElement.scrollWidth"


def _screens() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Both schemes and both sizes; for pictures each with each."""
    yield "light", "desk", {**DESK, "color_scheme": "light"}
    yield "dark", "phone", {**PHONE, "color_scheme": "dark"}
    if WRITING:
        yield "dark", "desk", {**DESK, "color_scheme": "dark"}
        yield "light", "phone", {**PHONE, "color_scheme": "light"}


@pytest.mark.timeout(900)
async def test_every_view_can_be_used_by_everybody_on_every_screen(sign_in: SignIn, shop: Shop) -> None:
    views = (await live_a_day(shop)).views
    faults: list[str] = []
    for scheme, screen, options in _screens():
        somebody = await sign_in("operator", **options)
        for name, path in views.items():
            page = await somebody.go(path)
            await expect(page.locator("h1").first).to_be_attached()
            await _settle(page)
            if WRITING:
                await page.screenshot(path=IMAGES / f"{name}-{screen}-{scheme}.png")
            await page.evaluate(OPEN_ALL)
            faults += [f"{name} {screen} {scheme}: {fault}" for fault in await somebody.grave_faults()]
            if await page.evaluate(WIDTH) > options["viewport"]["width"]:
                faults.append(f"{name} {screen} {scheme}: wider than the screen")
    assert faults == []


async def _settle(page: Page) -> None:
    """The page has its stream, and has looked once more since."""
    if await page.locator("[data-pulse]").count():
        await expect(page.locator("[data-pulse]")).to_have_text("live")


async def test_the_door_can_be_used_by_everybody(sign_in: SignIn, console: str) -> None:
    somebody = await sign_in("viewer", **PHONE)
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
