"""What the audits say: items of evidence, issues of a page, issues of a site."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Severity = Literal["critical", "high", "medium", "low", "info"]
Area = Literal["technical", "content", "performance", "mobile"]
Status = Literal["failed", "not_judged"]

SEVERITIES: tuple[Severity, ...] = ("critical", "high", "medium", "low", "info")


@dataclass(frozen=True, slots=True)
class SeoItem:
    """One place where an audit failed: the element's start tag, its line, and what is wrong."""

    detail: str
    url: str = ""
    element: str | None = None
    line: int | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found, before it is dressed with its severity and its reasons."""

    audit: str
    items: tuple[SeoItem, ...]
    evidence: str
    status: Status = "failed"


@dataclass(frozen=True, slots=True)
class SeoIssue:
    """One failed or not judged audit of one page.

    `items` are the single places, in document order; `evidence` sums them up in one sentence;
    `source` is where the rule is published; `references` are the names other tools give it.
    """

    audit: str
    items: tuple[SeoItem, ...]
    status: Status
    severity: Severity
    evidence: str
    why: str
    fix: str
    area: Area
    source: str
    references: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SiteIssue:
    """One audit over the whole site: every URL it concerns, and sample items.

    `urls` is complete and sorted; `items` holds at most twenty. `url` is the first of `urls`.
    """

    audit: str
    url: str
    urls: tuple[str, ...]
    items: tuple[SeoItem, ...]
    status: Status
    severity: Severity
    title: str
    evidence: str
    why: str
    fix: str
    area: Area
    source: str
    references: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PageSummary:
    """What is known of one fetched URL. `rank` is the internal PageRank; all ranks add up to 1."""

    url: str
    status: int | None
    depth: int
    content_type: str
    size_bytes: int
    elapsed_ms: float
    title: str
    word_count: int
    is_html: bool
    is_indexable: bool
    redirect_to: str | None
    in_sitemap: bool
    inlinks: int
    rank: float
    score: int | None
    error: str | None = None
    first_byte_ms: float = 0.0


@dataclass(frozen=True, slots=True)
class CrawlReport:
    """A crawled site. `score` is 0 to 100, or None where no page could be judged."""

    start_url: str
    pages: tuple[PageSummary, ...]
    issues: tuple[SiteIssue, ...]
    score: int | None
    blocked_urls: tuple[str, ...] = ()
    sitemaps: tuple[str, ...] = ()
    urls_known: int = 0
    is_complete: bool = True
    stopped_because: str | None = None
    notes: tuple[str, ...] = field(default=())
