"""The console as people meet it: a running installation, its console, and a real Chromium."""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, BrowserContext, Page, async_playwright, expect

from deploy.local.console import NAME, console_settings, ensure_console
from deploy.local.processes import Processes
from tests.installation import System
from tests.shop import Shop

NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
SECONDS = 15_000
expect.set_options(timeout=SECONDS)
GRAVE = ("serious", "critical")
AXE: dict[str, Any] = {
    "runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"]}
}


def chromium() -> str:
    """The Chromium of this machine."""
    named = os.environ.get("FLACON_CHROMIUM")
    found = named or next((path for name in NAMES if (path := shutil.which(name))), None)
    assert found, "no Chromium: install one (Debian: apt-get install chromium) or name it in FLACON_CHROMIUM"
    return found


@pytest.fixture(scope="module")
def console(system: System) -> Iterator[str]:
    """The console of the module's installation."""
    processes = Processes(system.home)
    settings = console_settings(
        system.stack.services, system.stack.kafka, system.stack.jwt_secret, system.stack.topic_prefix
    )
    with ThreadPoolExecutor(max_workers=1) as thread:
        yield thread.submit(asyncio.run, ensure_console(system.home, processes, settings)).result()
    if (record := processes.find(NAME)) is not None:
        processes.kill(record)


@pytest.fixture
async def shop(system: System) -> AsyncIterator[Shop]:
    async with Shop(system.stack) as shop:
        yield shop


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        started = await playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
        yield started
        await started.close()


@dataclass
class Somebody:
    """A person at a screen: where their requests went and what their pages complained of."""

    page: Page
    context: BrowserContext
    console: str
    hosts: set[str] = field(default_factory=set)
    complaints: list[str] = field(default_factory=list)

    async def go(self, path: str) -> Page:
        await self.page.goto(self.console + path)
        return self.page

    async def press(self, name: str, inside: str = "main") -> None:
        """A button by its words."""
        await self.page.locator(inside).get_by_role("button", name=name, exact=True).first.click()

    async def unfold(self, name: str) -> None:
        """A form that is folded away, by its words."""
        await self.page.locator("main summary").get_by_text(name, exact=True).click()

    async def grave_faults(self) -> list[str]:
        """What axe finds serious or worse on the page as it is."""
        found = await Axe().run(self.page, options=AXE)
        return [
            f"{one['id']}: {node['html'][:160]} {node.get('failureSummary', '')[:200]}"
            for one in found.response["violations"]
            if one["impact"] in GRAVE
            for node in one["nodes"]
        ]


SignIn = Callable[..., Awaitable[Somebody]]


@pytest.fixture
async def sign_in(browser: Browser, console: str) -> AsyncIterator[SignIn]:
    """`await sign_in("warehouse")`: a browser of its own, through the door by name and role."""
    people: list[Somebody] = []

    async def enter(role: str, name: str = "ines", **options: Any) -> Somebody:
        context = await browser.new_context(**options)
        context.set_default_timeout(SECONDS)
        somebody = Somebody(await context.new_page(), context, console)
        somebody.page.on("request", lambda request: somebody.hosts.add(urlsplit(request.url).netloc))
        somebody.page.on("pageerror", lambda error: somebody.complaints.append(str(error)))
        people.append(somebody)
        page = await somebody.go("/sign-in")
        await page.get_by_label("Name").fill(name)
        await page.locator(f"input[name=role][value={role}]").check()
        await somebody.press("Sign in")
        await page.wait_for_url(console + "/")
        return somebody

    yield enter
    for somebody in people:
        assert somebody.hosts == {urlsplit(console).netloc}, "a page asked another host"
        assert somebody.complaints == []
        await somebody.context.close()
