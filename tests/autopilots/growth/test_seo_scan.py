"""Tests of `autopilot.growth.seo_scan`."""

from __future__ import annotations

import asyncio
import gzip
import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tests.autopilots.growth.site import page, serve

from jobforge.autopilots.growth import SEO_SCAN
from jobforge.autopilots.growth.seo.scan_result import SeoScanResult
from jobforge.core.context import HttpRequest, HttpResponse
from jobforge.core.errors import (
    DatasetMissing,
    Denied,
    PathDenied,
    PayloadInvalid,
    SourceMalformed,
    TargetUnavailable,
)
from jobforge.testing.context import MemoryContext

GOLDEN = Path(__file__).parent / "golden" / "seo_scan.json"
GENUINE = {
    "check_external_links": False,
    "max_pages": 1000,
    "source_path": "./examples/site-export",
    "source_type": "html_export",
}


async def scan(context: MemoryContext, payload: dict[str, Any]) -> SeoScanResult:
    translate = SEO_SCAN.translate
    assert translate is not None
    assert SEO_SCAN.handle is not None
    return await SEO_SCAN.handle(SEO_SCAN.parse_payload(translate(payload)), context)


def exported(files: dict[str, str]) -> MemoryContext:
    context = MemoryContext()
    context.workspace.files = {
        f"examples/site-export/{name}": text.encode() for name, text in files.items()
    }
    return context


async def test_the_modules_own_payload_reads_the_export() -> None:
    context = exported({"index.html": page("Home", body="<a href=/about>a</a>"),
                        "about/index.html": page("About", body="<a href=/>h</a>")})  # fmt: skip

    result = await scan(context, GENUINE)

    assert result.pages_scanned == 2
    assert result.score == 100
    assert {issue.audit for issue in result.issues_found} == {"no-sitemap"}


async def test_mail_relative_and_anchor_links_are_not_broken() -> None:
    links = "<a href='mailto:a@b.example'>m</a><a href='about'>r</a><a href='#top'>a</a>"
    links += "<a href='tel:1'>t</a><a href='/about.html'>h</a><a href='./about/?x=1'>q</a>"
    context = exported({"index.html": page("Home", body=links),
                        "about/index.html": page("About", body="<a href=/>h</a>")})  # fmt: skip

    result = await scan(context, GENUINE)

    assert "broken-links" not in {issue.audit for issue in result.issues_found}


async def test_a_link_to_nowhere_is_broken_with_its_evidence() -> None:
    context = exported({"index.html": page("Home", body="<a href='/gone'>g</a>")})

    result = await scan(context, GENUINE)

    broken = next(issue for issue in result.issues_found if issue.audit == "broken-links")
    assert broken.count == 1
    assert broken.evidence[0].detail == "answers with 404 → https://site.invalid/gone"


async def test_next_routes_without_html_are_named() -> None:
    context = MemoryContext()
    context.workspace.files = {
        "web/.next/server/app/index.html": page("Home", body="<a href=/about>a</a>").encode(),
        "web/.next/server/app/about.html": page("About", body="<a href=/>h</a>").encode(),
        "web/app/page.tsx": b"",
        "web/app/(shop)/about/page.tsx": b"",
        "web/app/pricing/page.tsx": b"",
        "web/app/blog/[slug]/page.tsx": b"",
    }
    payload = {"source_path": "web", "source_type": "nextjs_routes", "max_pages": 10}

    result = await scan(context, payload)

    missing = next(i for i in result.issues_found if i.audit == "route-not-prerendered")
    assert result.pages_scanned == 2
    assert missing.urls == ("https://site.invalid/pricing",)


async def test_a_folder_without_pages_is_an_error() -> None:
    with pytest.raises(DatasetMissing, match="no HTML file"):
        await scan(MemoryContext(), GENUINE)


async def test_a_path_that_leaves_the_folder_is_denied() -> None:
    with pytest.raises(PathDenied):
        await scan(MemoryContext(), {**GENUINE, "source_path": "../other-tenant"})


async def test_a_silent_site_is_an_error_not_an_all_clear() -> None:
    with pytest.raises(TargetUnavailable):
        await scan(MemoryContext(), {"target_url": "https://nobody.example/"})


async def test_a_site_whose_robots_forbid_us_is_denied() -> None:
    context = MemoryContext()
    serve(context, {"/": page("Home")})
    context.http.add("https://a.example/robots.txt", "User-agent: *\nDisallow: /")

    with pytest.raises(Denied, match=r"robots\.txt forbids"):
        await scan(context, {"target_url": "https://a.example/"})

    assert [r.url for r in context.http.requests] == ["https://a.example/robots.txt"]


async def test_a_surface_scan_fetches_one_page() -> None:
    context = MemoryContext()
    serve(context, {"/": page("Home", body="<a href=/b>b</a>"), "/b": page("B")})

    result = await scan(context, {"target_url": "https://a.example"})

    assert result.pages_scanned == 1
    assert [r.url for r in context.http.requests if r.url.endswith("/b")] == []


async def test_only_the_asked_areas_are_judged() -> None:
    context = MemoryContext()
    serve(context, {"/": "<p>nothing"})

    result = await scan(context, {"target_url": "https://a.example", "focus_areas": ["mobile"]})

    assert {issue.area for issue in result.issues_found} == {"mobile"}
    assert result.score == 100 - 12 - 5


async def test_indexability_can_be_left_out() -> None:
    context = MemoryContext()
    serve(context, {"/": page("Home", head="<meta name=robots content=noindex>")})
    payload = {"target_url": "https://a.example", "options": {"check_indexability": False}}

    judged = await scan(context, {"target_url": "https://a.example"})
    left_out = await scan(context, payload)

    assert "is-crawlable" in {issue.audit for issue in judged.issues_found}
    assert "is-crawlable" not in {issue.audit for issue in left_out.issues_found}


async def test_a_competitor_is_compared_audit_by_audit() -> None:
    context = MemoryContext()
    serve(context, {"/": page("Home", head="<meta name=robots content=noindex>")})
    serve(context, {"/": page("Rival")}, host="https://b.example")
    payload = {
        "target_url": "https://a.example",
        "competitor_urls": ["https://b.example/", "https://gone.example/"],
        "options": {"include_competitor_comparison": True},
    }

    rival, gone = (await scan(context, payload)).competitors

    assert "is-crawlable" in rival.only_here
    assert rival.score is not None
    assert gone.score is None
    assert gone.error is not None


async def test_the_artifacts_hold_the_whole_report() -> None:
    context = exported({"index.html": page("Home", body="<a href='/gone'>g</a>")})

    await scan(context, GENUINE)

    stem = f"growth-seo-scan-{context.job.job_id}"
    report = json.loads(context.artifacts.stored[f"{stem}.json"])
    summary = context.artifacts.stored[f"{stem}.md"].decode()
    assert report["score"] is not None
    assert "Links to pages that do not exist" in summary
    assert "Formula:" in summary


async def test_the_page_report_is_self_contained() -> None:
    context = exported({"index.html": page("Home", body="<a href='/gone'>g</a>")})

    await scan(context, GENUINE)

    html = context.artifacts.stored[f"growth-seo-scan-{context.job.job_id}.html"].decode()
    assert html.count("<svg") >= 3
    assert "default-src 'none'" in html
    assert "<script" not in html
    assert " src=" not in html.replace("&lt;img src=", "")


async def test_a_hostile_title_cannot_break_out_of_the_reports() -> None:
    attack = "</title><script>alert(1)</script>"
    link = "<a href='/b' title='<img src=x onerror=alert(1)>'>here</a>"
    context = exported({"index.html": f"<title>{attack}</title>{link}"})

    await scan(context, GENUINE)

    html = context.artifacts.stored[f"growth-seo-scan-{context.job.job_id}.html"].decode()
    assert "<script" not in html
    assert "<img" not in html


async def test_a_baseline_tells_what_is_new_and_what_is_gone() -> None:
    context = exported({"index.html": page("Home", body="<a href=/b>b</a>"),
                        "b.html": page("B", body="<a href=/>h</a>", head="<meta name=robots "
                                       "content=noindex>")})  # fmt: skip
    await scan(context, GENUINE)
    before = context.artifacts.stored[f"growth-seo-scan-{context.job.job_id}.json"]
    context.workspace.files["earlier.json"] = before
    context.workspace.files["examples/site-export/b.html"] = page(
        "B", body="<a href=/>h</a><a href=/gone>g</a>"
    ).encode()

    result = await scan(context, {**GENUINE, "baseline_path": "earlier.json"})

    assert result.baseline is not None
    changes = {change.audit: change for change in result.baseline.changes}
    assert changes["is-crawlable"].gone == ("https://site.invalid/b",)
    assert changes["broken-links"].new == ("https://site.invalid/b",)


async def test_a_baseline_that_is_none_is_refused() -> None:
    context = exported({"index.html": page("Home")})
    context.workspace.files["earlier.json"] = b"{}"

    with pytest.raises(SourceMalformed):
        await scan(context, {**GENUINE, "baseline_path": "earlier.json"})


async def test_an_access_log_shows_what_crawlers_do() -> None:
    agent = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"
    lines = [f'1.2.3.4 - - [01/Jan/2026:00:00:00 +0000] "GET {path} HTTP/1.1" {status} 99 "-" "{a}"'
             for path, status, a in (("/", 200, agent), ("/old", 404, agent), ("/?x=1", 301, agent),
                                     ("/b", 200, "Firefox"))]  # fmt: skip
    context = exported({"index.html": page("Home", body="<a href=/b>b</a>"),
                        "b.html": page("B", body="<a href=/>h</a>")})  # fmt: skip
    context.workspace.files["access.log"] = "\n".join([*lines, "nonsense"]).encode()

    result = await scan(context, {**GENUINE, "access_log_path": "access.log"})

    assert result.crawlers is not None
    (google,) = result.crawlers.bots
    assert (google.requests, google.errors, google.redirects) == (3, 1, 1)
    assert result.crawlers.never_visited == ("/b",)
    assert result.crawlers.off_site == ("/old",)
    assert (result.crawlers.lines, result.crawlers.unreadable) == (5, 1)


async def test_a_log_without_a_readable_line_is_refused() -> None:
    context = exported({"index.html": page("Home")})
    context.workspace.files["access.log"] = b"nonsense"

    with pytest.raises(SourceMalformed):
        await scan(context, {**GENUINE, "access_log_path": "access.log"})


async def test_a_pages_own_markup_stays_text_in_the_summary() -> None:
    title = "<script>alert(1)</script>" * 3
    context = exported({"index.html": f"<title>{title.replace('<', '&lt;')}</title><p>x"})

    await scan(context, GENUINE)

    assert b"<script>" not in context.artifacts.stored[
        f"growth-seo-scan-{context.job.job_id}.md"
    ].replace(b"`<script", b"")


@pytest.mark.parametrize(
    ("payload", "pointer"),
    [
        ({}, ""),
        ({"target_url": "ftp://x"}, "/target_url"),
        ({"target_url": "https://user:secret@x.example"}, "/target_url"),
        ({"target_url": "https://x.example", "options": {"max_pages": 1001}}, "/options/max_pages"),
        ({"target_url": "https://x.example", "focus_areas": ["speed"]}, "/focus_areas/0"),
    ],
)
def test_a_payload_that_cannot_be_run_is_refused(payload: dict[str, Any], pointer: str) -> None:
    with pytest.raises(PayloadInvalid) as refusal:
        SEO_SCAN.parse_payload(payload)

    assert refusal.value.pointer == pointer


def test_our_own_payload_is_not_translated() -> None:
    own = {"target_url": "https://x.example", "options": {"max_pages": 5}}

    assert SEO_SCAN.translate is not None
    assert SEO_SCAN.translate(own) is own


def test_every_example_is_a_valid_payload() -> None:
    for example in SEO_SCAN.examples:
        SEO_SCAN.parse_payload(example)


async def test_the_golden_site_gives_the_golden_result() -> None:
    case = json.loads(GOLDEN.read_text())
    assert case["job_type"] == SEO_SCAN.name

    result = await scan(exported(case["files"]), case["payload"])

    assert json.loads(result.model_dump_json()) == case["result"]


async def test_an_attempt_goes_on_where_a_killed_one_was(tmp_path: Path) -> None:
    context = MemoryContext(scratch=tmp_path)
    paths = [f"/{number}" for number in range(60)]
    links = "".join(f"<p><a href='{path}'>Read about {path}</a></p>" for path in paths)
    serve(context, {"/": page("Home", body=links), **{path: page(path) for path in paths}})
    context.http.add("https://a.example/robots.txt", "Dissallow: /x")
    payload = {"target_url": "https://a.example/", "scan_depth": "crawl"}
    whole = context.http.fetch

    async def fetch(request: HttpRequest) -> HttpResponse:
        if len(context.http.requests) == 40:
            first.cancel()  # as a worker that stops does
            await asyncio.sleep(0)
        return await whole(request)

    failing: Any = SimpleNamespace(fetch=fetch)
    first = asyncio.create_task(scan(replace(context, http=failing), payload))
    with pytest.raises(asyncio.CancelledError):
        await first
    before = len(context.http.requests)
    assert before == 40

    result = await scan(context, payload)

    again = {r.url for r in context.http.requests[:before]} & {
        r.url for r in context.http.requests[before:] if r.url.rpartition("/")[2].isdigit()
    }
    robots = next(issue for issue in result.issues_found if issue.audit == "robots-txt")
    assert (result.pages_scanned, len(again), robots.count, len(robots.evidence)) == (61, 0, 1, 1)


async def test_comparisons_stand_in_every_form_of_the_report() -> None:
    context = MemoryContext()
    serve(context, {"/": page("Home")})
    serve(context, {"/": page("Rival", head="<meta name=robots content=noindex>")},
          host="https://b.example")  # fmt: skip
    log = b'1.1.1.1 - - [01/Jan/2026:00:00:00 +0000] "GET / HTTP/1.1" 304 0 "-" "Googlebot/2.1"\n'
    context.workspace.files["access.log.gz"] = gzip.compress(log * 3)
    before = {"pages": [{"url": "https://a.example/"}], "issues": [], "score": 100}
    context.workspace.files["before.json"] = json.dumps(before).encode()

    result = await scan(context, {
        "target_url": "https://a.example/", "access_log_path": "access.log.gz",
        "baseline_path": "before.json", "competitor_urls": ["https://b.example/"],
        "options": {"include_competitor_comparison": True},
    })  # fmt: skip

    assert result.crawlers is not None
    assert (result.crawlers.lines, result.crawlers.wasted_share) == (3, 0)
    (rival,) = result.competitors
    assert rival.only_there == ("is-crawlable",)
    assert rival.median_words is not None
    for name, content in context.artifacts.stored.items():
        for expected in ("https://b.example/", "Googlebot"):
            assert expected in content.decode(), name


async def test_a_page_too_large_to_read_costs_itself_and_not_the_scan() -> None:
    context = exported({"index.html": page("Home", body="<a href=/huge>h</a>"), "huge.html": "x"})
    whole = context.workspace.read

    async def read(path: str) -> bytes:
        if path.endswith("huge.html"):
            raise SourceMalformed(f"{path}: more than 67,108,864 bytes")
        return await whole(path)

    limited: Any = SimpleNamespace(
        read=read, list=context.workspace.list, check=context.workspace.check
    )

    result = await scan(replace(context, workspace=limited), GENUINE)

    silent = next(issue for issue in result.issues_found if issue.audit == "timeout")
    assert result.pages_scanned == 1
    assert "more than 67,108,864 bytes" in silent.evidence[0].detail
