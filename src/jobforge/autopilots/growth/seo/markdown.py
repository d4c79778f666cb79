"""A site report as Markdown, for people."""

from __future__ import annotations

from jobforge.autopilots.growth.seo.comparisons import comparisons_of
from jobforge.autopilots.growth.seo.model import CrawlReport, SiteIssue
from jobforge.autopilots.growth.seo.scan_result import SeoScanResult
from jobforge.autopilots.growth.seo.score import FORMULA

MAX_URLS = 10


def to_markdown(report: CrawlReport, result: SeoScanResult | None = None) -> str:
    """What was looked at, the score, each issue with its places, reason and remedy, comparisons."""
    score = "not judged" if report.score is None else f"{report.score} of 100"
    lines = [
        f"# SEO scan of {report.start_url}",
        "",
        f"**Score: {score}** — {len(report.pages)} URLs fetched, {report.urls_known} known.",
        "",
        f"Formula: {FORMULA}.",
        "",
    ]
    if report.stopped_because:
        lines += [f"The crawl is not complete: {report.stopped_because}.", ""]
    lines += [f"- {note}" for note in report.notes] + ([""] if report.notes else [])
    if not report.issues:
        lines += ["No issue found.", ""]
    else:
        lines += _table(report.issues)
    lines += _comparisons(result) if result else []
    for issue in report.issues:
        lines += _section(issue)
    return "\n".join(lines)


def _comparisons(result: SeoScanResult) -> list[str]:
    lines: list[str] = []
    for found in comparisons_of(result):
        lines += [f"## {found.title}", "", _plain(found.summary), ""]
        if found.rows:
            lines += [f"| {' | '.join(found.head)} |", "|---" * len(found.head) + "|"]
            lines += [f"| {' | '.join(map(_plain, row))} |" for row in found.rows]
            lines.append("")
    return lines


def _table(issues: tuple[SiteIssue, ...]) -> list[str]:
    rows = [f"| {i.severity} | {i.title} | {len(i.urls)} | `{i.audit}` |" for i in issues]
    return ["| severity | issue | URLs | audit |", "|---|---|---:|---|", *rows, ""]


def _section(issue: SiteIssue) -> list[str]:
    lines = [f"## {issue.title} ({issue.severity}, {len(issue.urls)})", ""]
    lines += [f"Why it matters: {issue.why} [Source]({issue.source})", "", f"Fix: {issue.fix}", ""]
    for item in issue.items[:MAX_URLS]:
        place = f"{item.url}, line {item.line}" if item.line else item.url
        element = f" — `{item.element.replace('`', ' ')}`" if item.element else ""
        lines.append(f"- {_plain(place)}: {_plain(item.detail)}{element}")
    rest = len(issue.urls) - min(len({i.url for i in issue.items[:MAX_URLS]}), len(issue.urls))
    return [*lines, *([f"- … and {rest} more URLs"] if rest else []), ""]


def _plain(text: str) -> str:
    """Text of a page as text of ours: no markup, one line."""
    return " ".join(text.replace("|", "\\|").replace("<", "&lt;").split())
