"""`autopilot.growth.seo_scan`: crawl a site, or read an exported one, and say what to mend."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import timedelta
from typing import Any, Self
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from jobforge.autopilots.growth.seo.access_log import analyze_access_log
from jobforge.autopilots.growth.seo.baseline import compare_with_baseline
from jobforge.autopilots.growth.seo.catalog import CHECKS
from jobforge.autopilots.growth.seo.crawl_options import CrawlOptions, OnProgress
from jobforge.autopilots.growth.seo.crawl_site import crawl_site, crawl_with
from jobforge.autopilots.growth.seo.export import ExportedSite, SourceType
from jobforge.autopilots.growth.seo.html_report import to_html
from jobforge.autopilots.growth.seo.markdown import to_markdown
from jobforge.autopilots.growth.seo.model import Area, CrawlReport
from jobforge.autopilots.growth.seo.scan_result import (
    BaselineChange,
    Competitor,
    CrawlerActivity,
    ScanDepth,
    SeoScanResult,
    compare,
    to_baseline_change,
    to_crawler_activity,
    to_result,
)
from jobforge.autopilots.growth.seo.store import FORM
from jobforge.autopilots.growth.seo.urls import page_url
from jobforge.contract.errors import JobForgeError
from jobforge.core.context import JobContext
from jobforge.core.data_source import DataSource, FileSource
from jobforge.core.errors import Denied, TargetUnavailable
from jobforge.core.job_type import JobType
from jobforge.core.model import Model

ALL_AREAS: tuple[Area, ...] = ("technical", "content", "performance", "mobile")
CRAWL_SECONDS = 240
"""Of the job's five minutes; the rest is for looking outside and for the report."""
INDEXABILITY = frozenset(["is-crawlable", "sitemap-no-index", "hreflang-noindexable"])


class ScanOptions(Model):
    """Limits and extras of a scan."""

    max_pages: int = Field(default=100, ge=1, le=1000)
    max_depth: int | None = Field(default=None, ge=0, le=100)
    include_competitor_comparison: bool = False
    check_indexability: bool = True
    check_external_links: bool = False
    delay_seconds: float = Field(default=0.0, ge=0, le=30)


class SeoScanPayload(Model):
    """A site by its address, or an export of it in the tenant's folder.

    `surface` judges the start page alone; `crawl` follows links; `full` also looks at images and at
    links to other sites. An export is always read as a whole, up to `max_pages`.
    """

    target_url: str | None = Field(default=None, max_length=2000)
    source_path: str | None = Field(default=None, min_length=1, max_length=4096)
    source_type: SourceType = "html_export"
    scan_depth: ScanDepth = "surface"
    focus_areas: tuple[Area, ...] = Field(default=("technical",), min_length=1)
    competitor_urls: tuple[str, ...] = Field(default=(), max_length=5)
    baseline_path: str | None = Field(
        default=None, min_length=1, description="JSON report of an earlier scan, to compare with."
    )
    access_log_path: str | None = Field(
        default=None, min_length=1, description="Access log of the site, common or combined."
    )
    options: ScanOptions = ScanOptions()

    @field_validator("target_url", "competitor_urls")
    @classmethod
    def _are_urls(cls, value: str | tuple[str, ...] | None) -> str | tuple[str, ...] | None:
        for url in (value,) if isinstance(value, str) else value or ():
            resolved = page_url(url, url)
            if resolved is None or not urlsplit(resolved).netloc or "@" in urlsplit(url).netloc:
                raise ValueError("not an http or https URL without credentials")
        return value

    @model_validator(mode="after")
    def _has_a_site(self) -> Self:
        if self.target_url is None and self.source_path is None:
            raise ValueError("name a target_url, or a source_path in the tenant's folder")
        if self.options.include_competitor_comparison and not self.competitor_urls:
            raise ValueError("a comparison needs competitor_urls")
        return self


async def _options(payload: SeoScanPayload, context: JobContext) -> CrawlOptions:
    wanted = {name for name, check in CHECKS.items() if check.area in payload.focus_areas}
    is_surface = payload.scan_depth == "surface" and payload.source_path is None
    is_full = payload.scan_depth == "full"
    return CrawlOptions(
        max_pages=1 if is_surface else payload.options.max_pages,
        max_depth=payload.options.max_depth,
        max_seconds=CRAWL_SECONDS / (1 + len(_competitors(payload))),
        frontier_path=await context.scratch_folder() / f"own-{FORM}.sqlite",
        use_sitemaps=not is_surface,
        delay_seconds=payload.options.delay_seconds,
        check_external=is_full or payload.options.check_external_links,
        check_images=is_full,
        is_served=payload.source_path is None,
        audits=frozenset(wanted if payload.options.check_indexability else wanted - INDEXABILITY),
        now=context.now(),
    )


async def _scan(payload: SeoScanPayload, context: JobContext) -> CrawlReport:
    options = await _options(payload, context)
    on_progress = _progress(context, options.max_pages)
    if payload.source_path is None:
        return await crawl_site(
            payload.target_url or "",
            max_pages=options.max_pages,
            max_depth=options.max_depth,
            fetch=context.http.fetch,
            options=options,
            on_progress=on_progress,
        )
    site = await ExportedSite.open(
        context.workspace, payload.source_path, payload.source_type, payload.target_url
    )
    return await crawl_with(site, options, context.http.fetch, on_progress)


def _progress(context: JobContext, max_pages: int) -> OnProgress:
    async def report(done: int, waiting: int) -> None:
        known = min(done + waiting, max_pages)
        await context.progress(0.9 * done / max(known, 1), f"{done} URLs fetched, {waiting} wait")

    return report


async def handle(payload: SeoScanPayload, context: JobContext) -> SeoScanResult:
    """Scan, compare where asked, store the report."""
    report = await _scan(payload, context)
    if not report.pages:
        raise _nothing_fetched(report)
    extras = {
        "competitors": await _compare_all(payload, context, report),
        "baseline": await _compare_with_baseline(payload, context, report),
        "crawlers": await _read_log(payload, context, report),
    }
    short = to_result(report, scan_depth=payload.scan_depth)
    result = short.model_copy(update=extras)
    await _store(report, result, context)
    return result


async def _compare_with_baseline(
    payload: SeoScanPayload, context: JobContext, report: CrawlReport
) -> BaselineChange | None:
    if payload.baseline_path is None:
        return None
    baseline = await context.workspace.read(payload.baseline_path)
    return to_baseline_change(compare_with_baseline(report, baseline))


async def _read_log(
    payload: SeoScanPayload, context: JobContext, report: CrawlReport
) -> CrawlerActivity | None:
    if payload.access_log_path is None:
        return None
    log = await context.workspace.read(payload.access_log_path)
    return to_crawler_activity(analyze_access_log(log, report))


async def _store(report: CrawlReport, result: SeoScanResult, context: JobContext) -> None:
    stem = f"growth-seo-scan-{context.job.job_id}"
    compared = result.model_dump(mode="json", include={"competitors", "baseline", "crawlers"})
    content = json.dumps({**asdict(report), **compared}, ensure_ascii=False, indent=1)
    for suffix, text, kind, mime_type in (
        ("json", content, "seo_scan_report", "application/json"),
        ("md", to_markdown(report, result), "seo_summary", "text/markdown"),
        ("html", to_html(report, result), "seo_report_page", "text/html"),
    ):
        await context.artifacts.put(
            f"{stem}.{suffix}", text.encode(), kind=kind, mime_type=mime_type
        )


def _nothing_fetched(report: CrawlReport) -> JobForgeError:
    """Why a scan that fetched nothing is no all-clear."""
    if report.notes:
        return TargetUnavailable(f"{report.start_url}: {report.notes[0]}")
    return Denied(f"robots.txt forbids {report.start_url}")


async def _compare_all(
    payload: SeoScanPayload, context: JobContext, own: CrawlReport
) -> tuple[Competitor, ...]:
    options = await _options(payload, context)
    folder = await context.scratch_folder()
    return tuple(
        [
            await _compare(
                url,
                replace(options, frontier_path=folder / f"competitor-{number}-{FORM}.sqlite"),
                context,
                own,
            )
            for number, url in enumerate(_competitors(payload), start=1)
        ]
    )


def _competitors(payload: SeoScanPayload) -> tuple[str, ...]:
    return payload.competitor_urls if payload.options.include_competitor_comparison else ()


async def _compare(
    url: str, options: CrawlOptions, context: JobContext, own: CrawlReport
) -> Competitor:
    try:
        other = await crawl_site(
            url, max_pages=options.max_pages, fetch=context.http.fetch, options=options
        )
        if not other.pages:
            raise _nothing_fetched(other)
    except (Denied, TargetUnavailable) as error:
        return Competitor(
            url=url, score=None, pages_scanned=0, failed_audits=0, only_here=(), only_there=(),
            error=str(error),
        )  # fmt: skip
    return compare(own, other)


def translate(payload: Mapping[str, Any]) -> Mapping[str, Any]:
    """Turn the growth module's payload into ours; ours stays as it is.

    The module sends source_path, source_type, check_external_links and max_pages at the top level.
    """
    own = dict(payload)
    moved = {k: own.pop(k) for k in ("check_external_links", "max_pages") if k in own}
    if not moved:
        return payload
    own.setdefault("scan_depth", "crawl")
    own.setdefault("focus_areas", list(ALL_AREAS))
    own["options"] = {**moved, **own.get("options", {})}
    return own


def _sources(payload: SeoScanPayload) -> tuple[DataSource, ...]:
    return (FileSource(path=payload.source_path),) if payload.source_path else ()


SEO_SCAN = JobType(
    name="autopilot.growth.seo_scan",
    title="Audit a site for search engines",
    domain="growth",
    payload=SeoScanPayload,
    result=SeoScanResult,
    handle=handle,
    scopes=frozenset({"growth:read"}),
    timeout=timedelta(minutes=5),
    examples=(
        {
            "target_url": "https://www.example.com/",
            "scan_depth": "crawl",
            "options": {"max_pages": 50},
        },
        {"source_path": "site-export", "focus_areas": ["technical", "content"]},
    ),
    result_examples=(
        {
            "target_url": "https://site.invalid/",
            "scan_depth": "surface",
            "pages_scanned": 1,
            "issues_found": [
                {
                    "audit": "broken-links",
                    "title": "Links to pages that do not exist",
                    "severity": "high",
                    "area": "technical",
                    "count": 1,
                    "urls": ["https://site.invalid/"],
                    "evidence": [
                        {
                            "url": "https://site.invalid/",
                            "detail": "answers with 404 → https://site.invalid/gone.html",
                            "element": None,
                            "line": None,
                        }
                    ],
                    "why": "Visitors and crawlers run into an error.",
                    "source": (
                        "https://developers.google.com/search/docs/crawling-indexing/links-crawla"
                        "ble"
                    ),
                    "fix": "Mend or remove the link.",
                }
            ],
            "score": 66,
            "score_formula": (
                "page = max(0, 100 - sum of weights of its failed audits), weights: critical 30, "
                "high 12, medium 5, low 2, info 0; site = max(0, mean of pages - weights of "
                "site-wide audits)"
            ),
            "recommendations": [
                {
                    "audit": "broken-links",
                    "action": "Mend or remove the link.",
                    "severity": "high",
                    "urls_affected": 1,
                    "points": 12,
                }
            ],
            "is_complete": True,
            "notes": [
                "no page names the site's address, so its URLs stand below https://site.invalid"
            ],
            "competitors": [],
            "baseline": None,
            "crawlers": None,
        },
    ),
    translate=translate,
    sources=_sources,
)
