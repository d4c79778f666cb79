"""A site report as one HTML file with pictures; it loads nothing from anywhere."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from jobforge.autopilots.growth.charts import bar_chart
from jobforge.autopilots.growth.html_page import html_page, html_table, text
from jobforge.autopilots.growth.seo.comparisons import comparisons_of
from jobforge.autopilots.growth.seo.model import SEVERITIES, CrawlReport, SiteIssue
from jobforge.autopilots.growth.seo.scan_result import SeoScanResult
from jobforge.autopilots.growth.seo.score import FORMULA

MAX_URLS = 100


def to_html(report: CrawlReport, result: SeoScanResult | None = None) -> str:
    """The whole report, every issue with up to a hundred URLs; comparisons are the result's."""
    score = "not judged" if report.score is None else f"{report.score} <small>of 100</small>"
    body = [
        f"<h1>SEO scan of {text(report.start_url)}</h1>",
        f'<p class="score">{score}</p>',
        f"<p>{len(report.pages)} URLs fetched, {report.urls_known} known. Formula: {FORMULA}.</p>",
        *[f"<p>{text(note)}</p>" for note in _notes(report)],
        *_charts(report),
        _overview(report.issues),
        *_comparisons(result),
        *[_section(issue) for issue in report.issues],
    ]
    return html_page(f"SEO scan of {report.start_url}", body)


def _notes(report: CrawlReport) -> Iterator[str]:
    if report.stopped_because:
        yield f"The crawl is not complete: {report.stopped_because}."
    yield from report.notes


def _charts(report: CrawlReport) -> Iterator[str]:
    severities = Counter(issue.severity for issue in report.issues)
    statuses = Counter(str(page.status or "no answer") for page in report.pages)
    depths = Counter(page.depth for page in report.pages if page.is_html)
    rows: tuple[tuple[str, list[tuple[str, float]]], ...] = (
        ("Failed audits by severity", [(name, severities[name]) for name in SEVERITIES]),
        ("Pages by score", _scores(report)),
        ("URLs by status", sorted(statuses.items())),
        ("Pages by clicks from the start", [(str(k), v) for k, v in sorted(depths.items())]),
        ("Time to the first byte, pages by milliseconds", _times(report)),
        ("Pages of highest internal rank", _best(report)),
    )
    for title, bars in rows:
        if any(value for _, value in bars):
            yield bar_chart(title, bars)


def _scores(report: CrawlReport) -> list[tuple[str, float]]:
    scores = [page.score for page in report.pages if page.score is not None]
    bounds = ((0, 49), (50, 69), (70, 89), (90, 100))
    return [(f"{low} to {high}", sum(low <= s <= high for s in scores)) for low, high in bounds]


def _times(report: CrawlReport) -> list[tuple[str, float]]:
    times = [page.first_byte_ms for page in report.pages if page.first_byte_ms > 0]
    bounds = ((0, 200), (200, 600), (600, 1800), (1800, float("inf")))
    return [
        (f"{low} to {high:g}" if high < float("inf") else f"{low} and more",
         sum(low <= t < high for t in times))
        for low, high in bounds
    ]  # fmt: skip


def _best(report: CrawlReport) -> list[tuple[str, float]]:
    ranked = sorted((p for p in report.pages if p.is_html), key=lambda p: (-p.rank, p.url))
    return [("/" + page.url.split("/", 3)[-1], round(page.rank, 5)) for page in ranked[:10]]


def _overview(issues: Iterable[SiteIssue]) -> str:
    rows = "".join(
        f'<tr><td class="{i.severity}">{i.severity}</td><td><a href="#{i.audit}">{text(i.title)}'
        f'</a></td><td class="number">{len(i.urls)}</td><td><code>{i.audit}</code></td></tr>'
        for i in issues
    )
    return (
        '<table><tr><th>severity</th><th>issue</th><th class="number">URLs</th><th>audit</th></tr>'
        f"{rows}</table>"
    )


def _comparisons(result: SeoScanResult | None) -> Iterator[str]:
    for comparison in comparisons_of(result) if result else ():
        yield f"<h2>{text(comparison.title)}</h2><p>{text(comparison.summary)}</p>"
        yield html_table(comparison.head, comparison.rows) if comparison.rows else ""


def _section(issue: SiteIssue) -> str:
    items = "".join(
        f"<li>{text(item.url)}{f', line {item.line}' if item.line else ''}: {text(item.detail)}"
        f"{f' <code>{text(item.element)}</code>' if item.element else ''}</li>"
        for item in issue.items
    )
    urls = "".join(f"<li>{text(url)}</li>" for url in issue.urls[:MAX_URLS])
    rest = len(issue.urls) - MAX_URLS
    more = f"<p>… and {rest} more, in the JSON report.</p>" if rest > 0 else ""
    return (
        f'<h2 id="{issue.audit}" class="{issue.severity}">{text(issue.title)}</h2>'
        f'<p>{text(issue.why)} <a href="{text(issue.source)}">Source</a></p>'
        f"<p><b>Fix:</b> {text(issue.fix)}</p><ul>{items}</ul>"
        f"<details><summary>{len(issue.urls)} URLs</summary><ul>{urls}</ul>{more}</details>"
    )
