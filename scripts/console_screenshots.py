"""Take the pictures of the console that the documents show, of the demo's data.

    python -m scripts.console_screenshots [FOLDER]

It runs `jobforge demo` in a folder of its own, serves the console on loopback and looks at it with
the system's Chromium, wide and on a phone, light and dark.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
from playwright.sync_api import Browser, Page, sync_playwright

FOLDER = Path(__file__).parents[1] / "docs" / "images" / "console"
PORT = 8977
ADDRESS = f"http://127.0.0.1:{PORT}"
JOBFORGE = [sys.executable, "-m", "jobforge"]
WIDE, PHONE = {"width": 1100, "height": 720}, {"width": 390, "height": 760}

PAGES = {
    "overview": "/",
    "inbox": "/inbox",
    "plan": "/inbox first",
    "run": "/runs?mode=execute first",
    "jobs": "/jobs",
    "result": "/results?type=autopilot.finops.reconcile first",
    "controls": "/controls",
}
DARK = ("overview", "plan", "result")
ON_PHONE = ("inbox", "plan")


def main(folder: Path) -> None:
    """Take every picture."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as home:
        environment = _environment(Path(home))
        _run("demo", environment)
        environment |= _of_demo(Path(home))
        wish = ["--owner", "you", "--role", "approver", "--role", "operator", "--json"]
        made = _run("key create --tenant kettle-works", environment, *wish)
        key = json.loads(made)["key"]
        with _serving(environment), sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=shutil.which("chromium"), args=["--no-sandbox"]
            )
            _take(browser, key, folder)
            browser.close()


def _take(browser: Browser, key: str, folder: Path) -> None:
    for name in PAGES:
        _picture(browser, key, name, folder / f"{name}.png")
    for name in DARK:
        _picture(browser, key, name, folder / f"{name}-dark.png", is_dark=True)
    for name in ON_PHONE:
        _picture(browser, key, name, folder / f"{name}-phone.png", is_phone=True)
        _picture(browser, key, name, folder / f"{name}-phone-dark.png", is_dark=True, is_phone=True)


def _picture(
    browser: Browser,
    key: str,
    name: str,
    path: Path,
    *,
    is_dark: bool = False,
    is_phone: bool = False,
) -> None:
    scheme = "dark" if is_dark else "light"
    page = browser.new_page(viewport=PHONE if is_phone else WIDE, color_scheme=scheme)  # type: ignore[arg-type]  # a dict of that form
    page.goto(f"{ADDRESS}/")
    page.fill("#key", key)
    page.click("button[type=submit]")
    _go(page, PAGES[name])
    page.wait_for_timeout(500)
    page.screenshot(path=path)
    page.close()
    print(path.name, path.stat().st_size)


def _go(page: Page, where: str) -> None:
    address, _, first = where.partition(" ")
    page.goto(f"{ADDRESS}/console{address}")
    if first:
        page.locator("main tbody tr a").first.click()
        page.wait_for_load_state()


def _run(words: str, environment: dict[str, str], *more: str) -> str:
    command = [*JOBFORGE, *words.split(), *more]
    done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)  # noqa: S603 (our own command)
    return done.stdout


@contextmanager
def _serving(environment: dict[str, str]) -> Iterator[None]:
    command = [*JOBFORGE, "serve", "--port", str(PORT), "--work", "1"]
    with subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL) as server:  # noqa: S603 (our own command)
        try:
            for _ in range(200):
                try:
                    httpx.get(f"{ADDRESS}/v1/health/live")
                    break
                except httpx.TransportError:
                    time.sleep(0.1)
            yield
        finally:
            server.terminate()


def _environment(home: Path) -> dict[str, str]:
    kept = {n: v for n, v in os.environ.items() if not n.startswith("JOBFORGE_")}  # noqa: TID251 (a script is its own edge)
    return {**kept, "JOBFORGE_HOME": str(home)}


def _of_demo(home: Path) -> dict[str, str]:
    return {
        "JOBFORGE_HOME": str(home / "demo" / "home"),
        "JOBFORGE_DATA_ROOT": str(home / "demo" / "workspaces"),
        "JOBFORGE_AUTOPILOT_JOBS_ENABLED": "1",
        "JOBFORGE_ACTION_JOBS_ENABLED": "1",
    }


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER)
