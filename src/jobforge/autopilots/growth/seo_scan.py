"""`autopilot.growth.seo_scan`: crawl a site, or read an exported one, and say what to mend."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import timedelta
from typing import Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from jobforge.autopilots.growth.seo.catalog import CHECKS
from jobforge.autopilots.growth.seo.crawl_options import CrawlOptions, OnProgress
from jobforge.autopilots.growth.seo.crawl_site import crawl_site, crawl_with
from jobforge.autopilots.growth.seo.export import ExportedSite, SourceType
from jobforge.autopilots.growth.seo.markdown import to_markdown
from jobforge.autopilots.growth.seo.model import Area, CrawlReport, Severity, SiteIssue
from jobforge.autopilots.growth.seo.score import FORMULA, WEIGHTS
from jobforge.autopilots.growth.seo.urls import page_url
from jobforge.contract.errors import JobForgeError
from jobforge.core.context import JobContext
from jobforge.core.data_source import DataSource, FileSource
from jobforge.core.errors import Denied, TargetUnavailable
from jobforge.core.job_type import JobType
from jobforge.core.model import Model

ScanDepth = Literal["surface", "crawl", "full"]
ALL_AREAS: tuple[Area, ...] = ("technical", "content", "performance", "mobile")
INDEXABILITY = frozenset(["is-crawlable", "sitemap-no-index", "hreflang-noindexable"])
MAX_URLS_IN_RESULT = 25
MAX_ITEMS_IN_RESULT = 5


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


class IssuePlace(Model):
    """Where an audit failed."""

    url: str
    detail: str
    element: str | None
    line: int | None


class FoundIssue(Model):
    """One audit that fails: how many URLs, the first of them, evidence, reason and remedy."""

    audit: str
    title: str
    severity: Severity
    area: Area
    count: int
    urls: tuple[str, ...]
    evidence: tuple[IssuePlace, ...]
    why: str
    source: str
    fix: str


class Recommendation(Model):
    """What to do; `points` is what the site's pages lose by it together."""

    audit: str
    action: str
    severity: Severity
    urls_affected: int
    points: int


class Competitor(Model):
    """How another site compares; `error` says why it could not be judged."""

    url: str
    score: int | None
    pages_scanned: int
    failed_audits: int
    only_here: tuple[str, ...]
    only_there: tuple[str, ...]
    error: str | None = None


class SeoScanResult(Model):
    """What was found; the artifacts hold every URL."""

    target_url: str
    scan_depth: ScanDepth
    pages_scanned: int
    issues_found: tuple[FoundIssue, ...]
    score: int | None
    score_formula: str
    recommendations: tuple[Recommendation, ...]
    is_complete: bool
    notes: tuple[str, ...]
    competitors: tuple[Competitor, ...] = ()


def to_result(
    report: CrawlReport, *, scan_depth: ScanDepth, competitors: tuple[Competitor, ...] = ()
) -> SeoScanResult:
    """The short form of a report, for the job's result."""
    stopped = (report.stopped_because,) if report.stopped_because else ()
    return SeoScanResult(
        target_url=report.start_url,
        scan_depth=scan_depth,
        pages_scanned=sum(page.is_html for page in report.pages),
        issues_found=tuple(_found(issue) for issue in report.issues),
        score=report.score,
        score_formula=FORMULA,
        recommendations=recommend(report.issues),
        is_complete=report.is_complete,
        notes=(*stopped, *report.notes),
        competitors=competitors,
    )


def _found(issue: SiteIssue) -> FoundIssue:
    places = tuple(
        IssuePlace(url=i.url, detail=i.detail, element=i.element, line=i.line)
        for i in issue.items[:MAX_ITEMS_IN_RESULT]
    )
    return FoundIssue(
        audit=issue.audit,
        title=issue.title,
        severity=issue.severity,
        area=issue.area,
        count=len(issue.urls),
        urls=issue.urls[:MAX_URLS_IN_RESULT],
        evidence=places,
        why=issue.why,
        source=issue.source,
        fix=issue.fix,
    )


def recommend(issues: tuple[SiteIssue, ...]) -> tuple[Recommendation, ...]:
    """What to mend first: by points lost over all pages, then by severity and name."""
    found = [
        Recommendation(
            audit=issue.audit,
            action=issue.fix,
            severity=issue.severity,
            urls_affected=len(issue.urls),
            points=WEIGHTS[issue.severity] * len(issue.urls),
        )
        for issue in issues
        if WEIGHTS[issue.severity]
    ]
    return tuple(sorted(found, key=lambda r: (-r.points, r.audit)))


def compare(own: CrawlReport, other: CrawlReport) -> Competitor:
    """How another site's report differs from one's own, audit by audit."""
    here, there = ({issue.audit for issue in report.issues} for report in (own, other))
    return Competitor(
        url=other.start_url,
        score=other.score,
        pages_scanned=sum(page.is_html for page in other.pages),
        failed_audits=len(there),
        only_here=tuple(sorted(here - there)),
        only_there=tuple(sorted(there - here)),
    )


def _options(payload: SeoScanPayload, context: JobContext) -> CrawlOptions:
    wanted = {name for name, check in CHECKS.items() if check.area in payload.focus_areas}
    is_surface = payload.scan_depth == "surface" and payload.source_path is None
    is_full = payload.scan_depth == "full"
    return CrawlOptions(
        max_pages=1 if is_surface else payload.options.max_pages,
        max_depth=payload.options.max_depth,
        use_sitemaps=not is_surface,
        delay_seconds=payload.options.delay_seconds,
        check_external=is_full or payload.options.check_external_links,
        check_images=is_full,
        is_served=payload.source_path is None,
        audits=frozenset(wanted if payload.options.check_indexability else wanted - INDEXABILITY),
        now=context.now(),
    )


async def _scan(payload: SeoScanPayload, context: JobContext) -> CrawlReport:
    options = _options(payload, context)
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
    competitors = await _compare_all(payload, context, report)
    result = to_result(report, scan_depth=payload.scan_depth, competitors=competitors)
    stem = f"growth-seo-scan-{context.job.job_id}"
    content = json.dumps(asdict(report), ensure_ascii=False, indent=1).encode()
    await context.artifacts.put(
        f"{stem}.json", content, kind="seo_scan_report", mime_type="application/json"
    )
    await context.artifacts.put(
        f"{stem}.md", to_markdown(report).encode(), kind="seo_summary", mime_type="text/markdown"
    )
    return result


def _nothing_fetched(report: CrawlReport) -> JobForgeError:
    """Why a scan that fetched nothing is no all-clear."""
    if report.notes:
        return TargetUnavailable(f"{report.start_url}: {report.notes[0]}")
    return Denied(f"robots.txt forbids {report.start_url}")


async def _compare_all(
    payload: SeoScanPayload, context: JobContext, own: CrawlReport
) -> tuple[Competitor, ...]:
    if not payload.options.include_competitor_comparison:
        return ()
    options = _options(payload, context)
    return tuple([await _compare(url, options, context, own) for url in payload.competitor_urls])


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
    translate=translate,
    sources=_sources,
)
