"""A site report as one HTML file with pictures; it loads nothing from anywhere."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from html import escape

from jobforge.autopilots.growth.charts import bar_chart
from jobforge.autopilots.growth.seo.model import SEVERITIES, CrawlReport, SiteIssue
from jobforge.autopilots.growth.seo.score import FORMULA

MAX_URLS = 100
_STYLE = """
body{font:15px/1.5 sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1f2937}
h1{font-size:1.5rem}h2{font-size:1.15rem;margin-top:2rem}code{background:#f3f4f6;padding:0 .2em}
table{border-collapse:collapse;width:100%}td,th{border-bottom:1px solid #e5e7eb;text-align:left;
padding:.25rem .5rem}.score{font-size:3rem;font-weight:700}.critical,.high{color:#b91c1c}
.medium{color:#b45309}.low,.info{color:#4b5563}summary{cursor:pointer}li{word-break:break-all}
svg{max-width:100%;height:auto}
"""


def to_html(report: CrawlReport) -> str:
    """The whole report, every issue with up to a hundred URLs."""
    score = "not judged" if report.score is None else f"{report.score} <small>of 100</small>"
    body = [
        f"<h1>SEO scan of {_text(report.start_url)}</h1>",
        f'<p class="score">{score}</p>',
        f"<p>{len(report.pages)} URLs fetched, {report.urls_known} known. Formula: {FORMULA}.</p>",
        *[f"<p>{_text(note)}</p>" for note in _notes(report)],
        *_charts(report),
        _overview(report.issues),
        *[_section(issue) for issue in report.issues],
    ]
    head = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>SEO scan</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
        "style-src 'unsafe-inline'\">"
        f"<style>{_STYLE}</style></head><body>"
    )
    return head + "".join(body) + "</body></html>\n"


def _notes(report: CrawlReport) -> Iterable[str]:
    if report.stopped_because:
        yield f"The crawl is not complete: {report.stopped_because}."
    yield from report.notes


def _charts(report: CrawlReport) -> Iterable[str]:
    severities = Counter(issue.severity for issue in report.issues)
    statuses = Counter(str(page.status or "no answer") for page in report.pages)
    depths = Counter(page.depth for page in report.pages if page.is_html)
    rows = (
        ("Failed audits by severity", [(name, severities[name]) for name in SEVERITIES]),
        ("URLs by status", sorted(statuses.items())),
        ("Pages by clicks from the start", [(str(k), v) for k, v in sorted(depths.items())]),
        ("Pages of highest internal rank", _best(report)),
    )
    for title, bars in rows:
        if bars:
            yield bar_chart(title, [(name, float(value)) for name, value in bars])


def _best(report: CrawlReport) -> list[tuple[str, float]]:
    ranked = sorted((p for p in report.pages if p.is_html), key=lambda p: (-p.rank, p.url))
    return [("/" + page.url.split("/", 3)[-1], round(page.rank, 5)) for page in ranked[:10]]


def _overview(issues: Iterable[SiteIssue]) -> str:
    rows = "".join(
        f'<tr><td class="{i.severity}">{i.severity}</td><td><a href="#{i.audit}">{_text(i.title)}'
        f"</a></td><td>{len(i.urls)}</td><td><code>{i.audit}</code></td></tr>"
        for i in issues
    )
    return (
        f"<table><tr><th>severity</th><th>issue</th><th>URLs</th><th>audit</th></tr>{rows}</table>"
    )


def _section(issue: SiteIssue) -> str:
    items = "".join(
        f"<li>{_text(item.url)}{f', line {item.line}' if item.line else ''}: {_text(item.detail)}"
        f"{f' <code>{_text(item.element)}</code>' if item.element else ''}</li>"
        for item in issue.items
    )
    urls = "".join(f"<li>{_text(url)}</li>" for url in issue.urls[:MAX_URLS])
    rest = len(issue.urls) - MAX_URLS
    more = f"<p>… and {rest} more, in the JSON report.</p>" if rest > 0 else ""
    return (
        f'<h2 id="{issue.audit}" class="{issue.severity}">{_text(issue.title)}</h2>'
        f'<p>{_text(issue.why)} <a href="{_text(issue.source)}">Source</a></p>'
        f"<p><b>Fix:</b> {_text(issue.fix)}</p><ul>{items}</ul>"
        f"<details><summary>{len(issue.urls)} URLs</summary><ul>{urls}</ul>{more}</details>"
    )


def _text(value: str) -> str:
    return escape(value, quote=True)
