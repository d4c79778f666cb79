"""What every page holds: its headers, nothing from elsewhere, and texts that stay texts."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import AsyncIterator
from html.parser import HTMLParser
from importlib.resources import files
from pathlib import Path

import pytest
from tests.application import (
    OPERATOR,
    Harness,
    Json,
    Text,
    change,
    look,
    make_type,
    open_harness,
    say,
)
from tests.entrypoints.http.console.site import PUBLIC, Site, Visitor, table
from typing_extensions import override

from jobforge.adapters.postgres.access import DatabaseAccess
from jobforge.core.actor import Role
from jobforge.core.context import JobContext
from jobforge.core.controls import Scope, weekly
from jobforge.core.errors import HandlerFailed

HOSTILE = "<img src=x onerror=alert(1)>\"'`{{7*7}}</script>"
STATIC = files("jobforge.entrypoints.http.console").joinpath("static")


_ADDRESSES = {"src", "href", "action", "hx-get", "hx-sse:connect", "formaction"}


class Page(HTMLParser):
    """What a page loads, where it leads, and what in it could act."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.inline: list[str] = []
        self.ids: list[str] = []
        self.labels: list[str] = []
        self.fields: list[str] = []
        self._script = self._is_inside = False
        self.feed(text)

    @override
    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.addresses += [given[name] for name in given if name in _ADDRESSES]
        acts = [name for name in given if name.startswith("on") or name in {"style", "srcdoc"}]
        self.inline += [f"{tag} {name}" for name in acts] + [tag] * (tag == "style")
        self.ids += [given["id"]] if "id" in given else []
        self.labels += [given["for"]] if tag == "label" and "for" in given else []
        self._script = self._script or tag == "script"
        is_named = given.get("type") == "hidden" or "aria-label" in given
        if tag in {"input", "select", "textarea"} and not is_named and not self._is_inside:
            self.fields.append(given.get("id") or f"{tag} {given}")
        self._is_inside = tag == "label" or (self._is_inside and tag != "label")

    @override
    def handle_endtag(self, tag: str) -> None:
        if tag == "script":
            self._script = False
        if tag == "label":
            self._is_inside = False

    @override
    def handle_data(self, data: str) -> None:
        if self._script and data.strip():
            self.inline.append("script")


async def _fail(payload: Text, _: JobContext) -> Text:
    raise HandlerFailed(payload.text)


async def _report(payload: Text, context: JobContext) -> Text:
    for name, mime_type in (("a.html", "text/html"), ("a.md", "text/markdown"),
                            ("a.json", "application/json"), ("a.txt", "text/plain")):  # fmt: skip
        content = json.dumps([{payload.text: payload.text}]) if name == "a.json" else payload.text
        await context.artifacts.put(
            f"{payload.text[:40]}{name}", content.encode(), kind=payload.text, mime_type=mime_type
        )
    await context.progress(0.5, payload.text)
    return payload


BAD = make_type("bad", _fail, max_attempts=1)
REPORT = make_type("report", _report)


async def fill(app: Harness, hostile: str) -> Json:
    """Put something on every page, each text of it hostile; where to look."""
    asked = [
        say(1, hostile, idempotency_key=hostile),
        say(2, hostile, job_type=BAD.name),
        say(3, hostile, job_type=REPORT.name),
        look(),
    ]
    metadata = {"source": hostile, "triggered_at": "2026-03-01T08:00:00Z"}
    done = await app.execute(app.bundle(*asked, trace_id=hostile, metadata=metadata))
    await app.work()
    planned = await app.plan(
        app.bundle(
            change(payload={"target": "file-1.txt", "value": hostile}, idempotency_key=hostile),
            trace_id=hostile,
            metadata=metadata,
        )
    )
    again = await app.plan(app.bundle(change(2), look(2)))
    refused = await app.plan(hostile.encode())
    tenant = app.tenant
    scope = Scope(tenant.tenant_id, tenant.slug)
    times = weekly("daily", "01:00", "1h", "UTC")
    await app.app.windows.add(hostile, "open", scope, times, OPERATOR)
    await app.app.switches.turn_on("pause", scope, hostile, OPERATOR)
    waiting = await app.execute(app.bundle(look(7)))
    jobs = [child.job_id for child in done.child_runs]
    return {
        "runs": [done, planned, refused, waiting, again],
        "jobs": [*jobs, waiting.child_runs[0].job_id],
        "plans": [planned.plan_digest, done.plan_digest, again.plan_digest],
    }


def paths(filled: Json) -> list[str]:
    """Every page there is to look at."""
    known = {
        "{run_id}": [run.bundle_run_id for run in filled["runs"]],
        "{job_id}": filled["jobs"],
        "{digest}": filled["plans"],
    }
    found = []
    for listed in table():
        if listed.method != "GET" or listed.name in {"run_live", "audit_proof", "sign_in"}:
            continue
        names = [name for name in known if name in listed.path]
        values = known[names[0]] if names else [None]
        for value in values:
            path = listed.path.replace(names[0], str(value)) if names else listed.path
            numbers = range(4) if "{number}" in path else [0]
            found += [path.replace("{number}", str(number)) for number in numbers]
    old, new = filled["plans"][0], filled["plans"][2]
    return [f"{path}?old={old}&new={new}" if path == "/plans/compare" else path for path in found]


@pytest.fixture
async def filled(site: Site) -> Json:
    return await fill(site.harness, HOSTILE)


@pytest.fixture
async def admin(site: Site) -> Visitor:
    return await site.as_(Role.admin, owner=HOSTILE)


@pytest.fixture
async def app(
    database_access: DatabaseAccess,
    tmp_path: Path,
    clean_environment: None,  # noqa: ARG001 (asked for its effect)
) -> AsyncIterator[Harness]:
    """The application, with job types that fail and report as they are told."""
    async with open_harness(database_access, tmp_path, job_types=[BAD, REPORT]) as harness:
        yield harness


async def test_html_in_any_text_stays_text_on_every_page(admin: Visitor, filled: Json) -> None:
    shown = 0
    for path in paths(filled):
        answer = await admin.get(path)
        if path.endswith(("/raw", "/download")) and answer.status_code == 200:
            assert "sandbox" in answer.headers["content-security-policy"]
            continue
        assert answer.status_code in {200, 404, 422}, (path, answer.text[-800:])
        assert "<img" not in answer.text, path
        assert "49" not in re.findall(r"alert\(1\)>[^<]{0,9}(\d\d)", answer.text), path
        shown += "&lt;img src=x onerror=alert(1)&gt;" in answer.text

    assert shown > 25


async def test_every_page_lets_little_happen(admin: Visitor, filled: Json) -> None:
    nonces = set()
    for path in paths(filled):
        answer = await admin.get(path)
        policy = answer.headers["content-security-policy"]
        assert "unsafe-eval" not in policy
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-content-type-options"] == "nosniff"
        if path.endswith(("/raw", "/download")) and answer.status_code == 200:
            assert "default-src 'none'" in policy
            assert "sandbox" in policy
            continue
        assert "unsafe-inline" not in policy
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        nonces.update(re.findall(r"'nonce-([^']+)'", policy))

    assert len(nonces) > 30, "a nonce is for one answer"


async def test_a_page_loads_nothing_from_elsewhere_and_holds_nothing_that_acts(
    admin: Visitor, filled: Json
) -> None:
    for path in paths(filled):
        if path.endswith(("/raw", "/download")):
            continue
        page = Page((await admin.get(path)).text)
        elsewhere = [a for a in page.addresses if not a.startswith(("/console/", "#"))]
        assert elsewhere == [], path
        assert page.inline == [], path
        assert len(page.ids) == len(set(page.ids)), path
        assert [field for field in page.fields if field not in page.labels] == [], path


async def test_every_link_of_every_page_leads_somewhere(admin: Visitor, filled: Json) -> None:
    seen: set[str] = set()
    for path in paths(filled):
        if path.endswith(("/raw", "/download")):
            continue
        for address in Page((await admin.get(path)).text).addresses:
            target = address.removeprefix("/console")
            if address.startswith("#") or target in seen or target.endswith("/live"):
                continue
            seen.add(target)
            answer = await admin.get(target)
            is_form = answer.status_code == 405
            assert answer.status_code in {200, 422} or is_form, (path, target)

    assert len(seen) > 60


async def test_a_viewer_is_offered_nothing_that_would_be_refused(site: Site, filled: Json) -> None:
    viewer = await site.as_(Role.viewer, owner="vera")
    forms = {listed.path: listed.command for listed in table() if listed.method == "POST"}
    assert forms
    for path in paths(filled):
        answer = await viewer.get(path)
        if path.endswith(("/raw", "/download")) or answer.status_code != 200:
            continue
        offered = re.findall(r'method="post" action="/console([^"?#]+)', answer.text)
        assert set(offered) <= {"/sign-out", "/controls/starting/simulate"}, path


def test_what_was_taken_is_what_it_was() -> None:
    found = {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(Path(str(STATIC.joinpath("vendor"))).iterdir())
        if path.suffix in {".js", ".css"}
    }
    notice = STATIC.joinpath("vendor", "NOTICE.md").read_text(encoding="utf-8")
    stated = dict(re.findall(r"`([\w.-]+)`[^|]*\|[^|]*\|[^|]*\| `([0-9a-f]{64})`", notice))

    assert found == stated
    assert len(found) == 5


def test_the_whole_front_end_is_small() -> None:
    size = sum(
        path.stat().st_size
        for path in Path(str(STATIC)).rglob("*")
        if path.suffix in {".js", ".css"}
    )

    assert size < 125_000


def test_no_script_of_ours_makes_code_or_markup_of_texts() -> None:
    script = STATIC.joinpath("console.js").read_text(encoding="utf-8")
    templates = Path(str(files("jobforge.entrypoints.http.console").joinpath("templates")))

    assert not re.search(
        r"innerHTML|outerHTML|insertAdjacent|document\.write|eval\(|Function\(", script
    )
    for template in sorted(templates.rglob("*.html")):
        text = template.read_text(encoding="utf-8")
        assert not re.search(r"\|\s*safe\b|autoescape false|hx-on|hx-vals=.js|javascript:", text), (
            template
        )


async def test_static_files_may_be_kept_and_are_found_anew_when_they_change(site: Site) -> None:
    page = (await site.stranger().get("/sign-in")).text
    (address,) = re.findall(r'href="/console(/static/console.css\?v=[0-9a-f]{12})"', page)

    answer = await site.stranger().get(address)

    assert answer.status_code == 200
    assert "immutable" in answer.headers["cache-control"]
    assert PUBLIC


async def test_a_dropped_bundle_is_planned_and_nothing_runs(site: Site, app: Harness) -> None:
    operator = await site.as_(Role.operator)

    answer = await operator.drop(app.bundle(change()))
    broken = await operator.drop(b"{")

    assert answer.status_code == 303, answer.text
    run = await operator.page(answer.headers["location"].removeprefix("/console"))
    assert "Its action waits for people" in run
    assert "file-1.txt" in await operator.page("/inbox")
    assert await app.count("jobs") == 0
    refused = await operator.page(broken.headers["location"].removeprefix("/console"))
    assert "BUNDLE_INVALID" in refused or "Bundle invalid" in refused
