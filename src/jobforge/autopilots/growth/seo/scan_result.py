"""What a scan answers: issues, recommendations, comparisons, in short form."""

from __future__ import annotations

from dataclasses import asdict
from statistics import median
from typing import Literal

from jobforge.autopilots.growth.seo.access_log import LogAnalysis
from jobforge.autopilots.growth.seo.baseline import BaselineDiff
from jobforge.autopilots.growth.seo.model import Area, CrawlReport, Severity, SiteIssue
from jobforge.autopilots.growth.seo.score import FORMULA, WEIGHTS
from jobforge.core.model import Model

ScanDepth = Literal["surface", "crawl", "full"]
MAX_URLS_IN_RESULT = 25
MAX_ITEMS_IN_RESULT = 5


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
    """How another site compares; `error` says why it could not be judged.

    `only_here` are audits that one's own site alone fails, `only_there` those that the other does.
    Medians are over the other site's pages: words, and milliseconds to the first byte.
    """

    url: str
    score: int | None
    pages_scanned: int
    failed_audits: int
    only_here: tuple[str, ...]
    only_there: tuple[str, ...]
    median_words: float | None = None
    median_ms: float | None = None
    error: str | None = None


class ChangedAudit(Model):
    """URLs that fail an audit now and did not, or no longer do."""

    audit: str
    new: tuple[str, ...]
    gone: tuple[str, ...]
    same: int


class BaselineChange(Model):
    """What changed since the earlier scan."""

    score_before: int | None
    score_now: int | None
    pages_added: tuple[str, ...]
    pages_removed: tuple[str, ...]
    changes: tuple[ChangedAudit, ...]


class BotActivity(Model):
    """One crawler in the access log."""

    bot: str
    requests: int
    errors: int
    redirects: int
    distinct_paths: int


class CrawlerActivity(Model):
    """What crawlers did, by the access log."""

    lines: int
    unreadable: int
    bots: tuple[BotActivity, ...]
    never_visited: tuple[str, ...]
    off_site: tuple[str, ...]
    wasted_share: float | None


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
    baseline: BaselineChange | None = None
    crawlers: CrawlerActivity | None = None


def to_result(report: CrawlReport, *, scan_depth: ScanDepth) -> SeoScanResult:
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
    pages = [page for page in other.pages if page.is_html]
    here, there = ({issue.audit for issue in report.issues} for report in (own, other))
    return Competitor(
        url=other.start_url,
        score=other.score,
        pages_scanned=len(pages),
        failed_audits=len(there),
        only_here=tuple(sorted(here - there)),
        only_there=tuple(sorted(there - here)),
        median_words=median(page.word_count for page in pages) if pages else None,
        median_ms=round(median(page.first_byte_ms for page in pages), 1) if pages else None,
    )


def to_baseline_change(found: BaselineDiff) -> BaselineChange:
    """The short form of a difference."""
    cut = MAX_URLS_IN_RESULT
    return BaselineChange(
        score_before=found.score_before,
        score_now=found.score_now,
        pages_added=found.pages_added[:cut],
        pages_removed=found.pages_removed[:cut],
        changes=tuple(
            ChangedAudit(audit=c.audit, new=c.new[:cut], gone=c.gone[:cut], same=c.same)
            for c in found.changes
        ),
    )


def to_crawler_activity(found: LogAnalysis) -> CrawlerActivity:
    """The log's analysis, for the result."""
    return CrawlerActivity(
        lines=found.lines,
        unreadable=found.unreadable,
        bots=tuple(BotActivity(**asdict(bot)) for bot in found.bots),
        never_visited=found.never_visited,
        off_site=found.off_site,
        wasted_share=found.wasted_share,
    )
