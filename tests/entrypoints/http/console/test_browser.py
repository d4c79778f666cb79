"""What people do with the console, in a real Chromium; without one these tests are skipped.

Each fails on an error in the browser's console (a refusal by the page's policy is one), a request
that leaves the origin, a dialog, a serious finding of axe, or a page wider than its window.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from playwright.async_api import expect
from tests.application import OPERATOR, Harness, Text, change, look, make_type, open_harness
from tests.entrypoints.http.console.browser import Stage, find_chromium, open_stage
from tests.entrypoints.http.console.test_pages import BAD, HOSTILE, REPORT, fill, paths

from jobforge.adapters.postgres.access import DatabaseAccess
from jobforge.core.actor import Role
from jobforge.core.context import JobContext
from jobforge.ports.records import TenantWishes

if TYPE_CHECKING:
    from tests.entrypoints.http.console.site import Site

CHROMIUM = find_chromium()
pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="no Chromium is found on this system (Debian's package: chromium)"
)


async def _slow(payload: Text, context: JobContext) -> Text:
    for step in range(20):
        await context.progress(step / 20, f"step {step}")
        await asyncio.sleep(0.1)
    return payload


SLOW = make_type("slow", _slow)


@pytest.fixture
async def app(
    database_access: DatabaseAccess,
    tmp_path: Path,
    clean_environment: None,  # noqa: ARG001 (asked for its effect)
) -> AsyncIterator[Harness]:
    """The application, with job types that fail, report and take their time."""
    types = [BAD, REPORT, SLOW]
    async with open_harness(database_access, tmp_path, job_types=types) as harness:
        yield harness


@pytest.fixture
async def stage(site: Site) -> AsyncIterator[Stage]:
    """The console served, and a browser."""
    assert CHROMIUM is not None
    async with open_stage(site, CHROMIUM) as opened:
        yield opened


@pytest.fixture
async def one_is_enough(app: Harness) -> None:
    # The action of these tests cannot be undone, which takes two people unless somebody says so.
    await app.app.change_tenant(TenantWishes(True, 1, 1), "one is enough", app.tenant, OPERATOR)


async def test_a_first_look_with_the_keyboard_alone(stage: Stage, app: Harness) -> None:
    await app.run(look())
    person = await stage.person(await stage.site.key(Role.viewer))

    for key, title in zip("irjbsca", _TITLES, strict=True):
        await person.page.keyboard.press("g")
        await person.page.keyboard.press(key)
        await expect(person.page.get_by_role("heading", level=1)).to_have_text(title)
    await person.go("/runs")
    await person.page.keyboard.press("n")
    await person.page.keyboard.press("Enter")
    await expect(person.page.get_by_role("heading", level=1).first).to_contain_text("Run")
    await person.page.keyboard.press("?")
    await expect(person.page.get_by_role("dialog")).to_be_visible()


@pytest.mark.usefixtures("one_is_enough")
async def test_a_second_person_approves_and_the_action_runs(stage: Stage, app: Harness) -> None:
    planner = await stage.site.as_(Role.operator, owner="ada")
    await planner.drop(app.bundle(change()))
    ada = await stage.person(await stage.site.key(Role.operator, Role.approver, owner="ada"))
    await ada.go("/inbox")
    await ada.page.get_by_role("link", name="file-1.txt").click()
    await expect(ada.page.get_by_text("There is nothing for you to approve")).to_be_visible()
    await expect(ada.page.get_by_role("button", name="Approve")).to_have_count(0)

    ben = await stage.person(await stage.site.key(Role.approver, owner="ben"))
    await ben.page.get_by_role("link", name="Inbox").click()
    await ben.page.get_by_role("link", name="file-1.txt").click()
    await expect(ben.page.locator("#allows")).to_contain_text("file-1.txt, exactly as shown")
    await ben.check()
    await ben.page.get_by_label("Why", exact=True).fill("looked at the difference")
    await ben.page.get_by_role("button", name="Approve").click()
    await expect(ben.page.get_by_text("It is permitted")).to_be_visible()

    await ada.page.reload()
    await ada.page.get_by_role("button", name="Execute").click()
    await ada.page.wait_for_url("**/runs/*")
    await app.work()

    # Nobody reloads: the page of a run follows it to its end.
    await expect(ada.page.locator("main")).to_contain_text("Each planned change was made")
    assert (app.folder / "file-1.txt").read_text() == "new"


async def test_refusing_needs_a_reason_and_ends_the_plan(stage: Stage, app: Harness) -> None:
    plan = await app.plan(app.bundle(change()))
    ben = await stage.person(await stage.site.key(Role.approver, owner="ben"))
    await ben.go(f"/plans/{plan.plan_digest}")

    await ben.page.get_by_label("Why", exact=True).fill("not during the sale")
    await ben.page.get_by_role("button", name="Refuse").click()

    await expect(ben.page.get_by_text("rejected by ben")).to_be_visible()
    await expect(ben.page.get_by_role("button", name="Approve")).to_have_count(0)


async def test_a_page_says_why_a_job_waits(stage: Stage, app: Harness) -> None:
    admin = await stage.person(await stage.site.key(Role.admin, owner="root"))
    await admin.go("/controls")
    pause = admin.page.locator("form", has=admin.page.get_by_text("Pause everything"))
    await pause.get_by_label("Why").fill("the shop is moving")
    await pause.get_by_label("Type pause").fill("pause")
    await pause.get_by_role("button", name="Pause").click()
    await expect(admin.page.get_by_role("status")).to_contain_text("the shop is moving")
    result = await app.execute(app.bundle(look()))

    await admin.go(f"/runs/{result.bundle_run_id}")
    await expect(admin.page.get_by_label("Why look-1 waits")).to_contain_text("it is paused")
    await admin.check()
    await admin.page.get_by_role("link", name="look-1").first.click()
    await expect(admin.page.get_by_label("Why it waits")).to_contain_text("the shop is moving")


async def test_stopping_everything_takes_a_word_and_shows_on_every_page(
    stage: Stage, app: Harness
) -> None:
    operator = await stage.person(await stage.site.key(Role.operator, owner="ada"))
    await operator.go("/controls")
    stop = operator.page.locator("form", has=operator.page.get_by_text("Stop everything"))
    await stop.get_by_label("Why").fill("prices are wrong")
    button = stop.get_by_role("button", name="Stop")
    await expect(button).to_be_disabled()
    await stop.get_by_label("Type stop").fill("stop")
    await button.click()

    for path in ("/", "/inbox", "/runs", "/jobs", "/controls", "/audit"):
        await operator.go(path)
        await expect(operator.page.locator(".stopped")).to_contain_text("prices are wrong")
    await operator.check()
    done = await app.run(look())
    assert done.child_runs[0].status == "denied"

    admin = await stage.person(await stage.site.key(Role.admin, owner="root"))
    await admin.go("/controls")
    await admin.page.get_by_label("Why it may go on").fill("prices are right again")
    await admin.page.get_by_role("button", name="Let it go on").click()
    await expect(admin.page.locator(".stopped")).to_have_count(0)


async def test_a_run_is_seen_live_to_its_end(stage: Stage, app: Harness) -> None:
    slow = {"job_type": SLOW.name, "payload": {"text": "x"}, "id": "slow", "idempotency_key": "s"}
    result = await app.execute(app.bundle(slow))
    person = await stage.person(await stage.site.key(Role.viewer))
    await person.go(f"/runs/{result.bundle_run_id}")
    await expect(person.page.get_by_text("0 of 1 done")).to_be_visible()

    working = asyncio.create_task(app.work())
    await expect(person.page.get_by_text("1 running")).to_be_visible()
    await working

    await expect(person.page.get_by_role("heading", name="Progress")).to_have_count(0)
    await expect(person.page.locator("main")).to_contain_text("executed")


async def test_many_jobs_are_canceled_by_typing_their_number(stage: Stage, app: Harness) -> None:
    await app.execute(app.bundle(*(look(number) for number in range(1, 4))))
    operator = await stage.person(await stage.site.key(Role.operator))
    await operator.go("/jobs?status=queued")
    await operator.page.get_by_role("button", name="Cancel…").click()
    await operator.page.get_by_label(re.compile("Type 3")).fill("3")
    await operator.check()
    await operator.page.get_by_role("button", name="Cancel 3 jobs").click()

    await expect(operator.page.get_by_role("status")).to_contain_text("3 jobs were canceled")


@pytest.mark.usefixtures("one_is_enough")
async def test_everything_can_be_read_and_decided_without_scripts(
    stage: Stage, app: Harness
) -> None:
    plan = await app.plan(app.bundle(change()))
    ben = await stage.person(await stage.site.key(Role.approver, owner="ben"), has_scripts=False)

    await ben.go("/inbox")
    await ben.page.get_by_role("link", name="file-1.txt").click()
    await ben.page.get_by_label("Why", exact=True).fill("fine")
    await ben.page.get_by_role("button", name="Approve").click()

    await expect(ben.page.get_by_text("It is permitted")).to_be_visible()
    assert ben.page.url.endswith(str(plan.plan_digest))


@pytest.mark.parametrize(("width", "is_dark"), [(1280, False), (390, True)], ids=["wide", "phone"])
async def test_every_page_is_sound_and_hostile_texts_do_nothing(
    stage: Stage, app: Harness, width: int, is_dark: bool
) -> None:
    filled = await fill(app, HOSTILE)
    key = await stage.site.key(Role.admin, owner=HOSTILE)
    person = await stage.person(key, width=width, is_dark=is_dark)
    reader = await stage.site.as_(Role.admin, owner="reader")
    # One of each kind of page: the others differ in their rows alone.
    seen: set[str] = set()
    for path in paths(filled):
        kind = re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}|sha256:[0-9a-f]{64}|\?.*", "X", path)
        if kind in seen or path.endswith(("/raw", "/download")):
            continue
        if (await reader.get(path)).status_code != 200:
            continue
        seen.add(kind)
        await person.go(path)
        await person.check()

    assert len(seen) > 18


_TITLES = ("Inbox", "Runs", "Jobs", "Bundles", "Results", "Controls", "Audit")
