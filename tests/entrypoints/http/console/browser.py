"""A real Chromium that looks at the console, and reports whatever should not have happened."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import uvicorn
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, BrowserContext, Page, async_playwright

from jobforge.entrypoints.http.server import config_for

if TYPE_CHECKING:
    from fastapi import FastAPI
    from tests.entrypoints.http.console.site import Site

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
GRAVE = {"serious", "critical"}


def find_chromium() -> str | None:
    """A Chromium of this system, if there is one; Playwright's own is never fetched."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


@dataclass
class Watched:
    """A person at a browser; `faults` is what should not have happened."""

    page: Page
    address: str
    faults: list[str] = field(default_factory=list)

    async def sign_in(self, key: str) -> None:
        """Sign in."""
        await self.page.goto(f"{self.address}/")
        await self.page.get_by_label("Your API key").fill(key)
        await self.page.get_by_role("button", name="Sign in").click()
        await self.page.wait_for_url(f"{self.address}/console/")

    async def go(self, path: str) -> None:
        """Look at a page."""
        await self.page.goto(f"{self.address}/console{path}")

    async def check(self) -> None:
        """Look for faults of access in the page as it is now."""
        found = await Axe().run(self.page)
        for violation in found.response["violations"]:
            if violation["impact"] in GRAVE:
                node = violation["nodes"][0]["html"]
                self.faults.append(f"{self.page.url}: {violation['id']}: {node[:200]}")
        width = await self.page.evaluate("document.documentElement.scrollWidth - innerWidth")
        if width > 0:
            self.faults.append(f"{self.page.url}: {width} pixels wider than the window")


@dataclass(frozen=True)
class Stage:
    """A served console, and a browser."""

    site: Site
    browser: Browser
    address: str
    people: list[Watched] = field(default_factory=list)

    async def person(
        self, key: str | None = None, *, has_scripts: bool = True, is_dark: bool = False,
        width: int = 1280,
    ) -> Watched:  # fmt: skip
        """Somebody with a browser window of his own; signed in where a key is given."""
        context = await self.browser.new_context(
            viewport={"width": width, "height": 860},
            color_scheme="dark" if is_dark else "light",
            java_script_enabled=has_scripts,
        )
        person = await self._watch(context)
        self.people.append(person)
        if key is not None:
            await person.sign_in(key)
        return person

    async def _watch(self, context: BrowserContext) -> Watched:
        person = Watched(await context.new_page(), self.address)
        person.page.on(
            "console",
            lambda said: person.faults.append(said.text) if said.type == "error" else None,
        )
        person.page.on("pageerror", lambda error: person.faults.append(str(error)))
        person.page.on("dialog", lambda dialog: person.faults.append(f"dialog {dialog.message}"))
        person.page.on(
            "request",
            lambda request: (
                None
                if request.url.startswith((self.address, "data:", "blob:", "about:"))
                else person.faults.append(f"off-origin: {request.url}")
            ),
        )
        return person


@asynccontextmanager
async def open_stage(site: Site, chromium: str) -> AsyncIterator[Stage]:
    """Serve the console on loopback, and open a browser; at the end nothing may have gone wrong."""
    async with _serving(site.app) as port, async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        stage = Stage(site, browser, f"http://127.0.0.1:{port}")
        try:
            yield stage
        finally:
            await browser.close()
    faults = [fault for person in stage.people for fault in person.faults]
    if faults:
        raise AssertionError("\n".join(faults))


@asynccontextmanager
async def _serving(app: FastAPI) -> AsyncIterator[int]:
    server = uvicorn.Server(config_for(app, "127.0.0.1", 0))
    serving = asyncio.create_task(server.serve())
    try:
        while not server.started:  # noqa: ASYNC110 (uvicorn has no event for it)
            await asyncio.sleep(0.02)
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        server.force_exit = True
        await serving
