"""What a scan was compared with, as tables: competitors, an earlier scan, an access log."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from jobforge.autopilots.growth.seo.scan_result import (
    BaselineChange,
    Competitor,
    CrawlerActivity,
    SeoScanResult,
)

_MAX_NAMES = 10


@dataclass(frozen=True, slots=True)
class Comparison:
    """One table, and a sentence above it."""

    title: str
    summary: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def comparisons_of(result: SeoScanResult) -> Iterator[Comparison]:
    """Those that were asked for."""
    if result.competitors:
        yield _competitors(result)
    if result.baseline is not None:
        yield _baseline(result.baseline)
    if result.crawlers is not None:
        yield _crawlers(result.crawlers)


def _competitors(result: SeoScanResult) -> Comparison:
    own = ("this site", _score(result.score), str(result.pages_scanned), "", "", "")
    return Comparison(
        title="Against competitors",
        summary="The same audits with the same limits; medians are over pages.",
        head=(
            "site",
            "score",
            "pages",
            "median words, ms",
            "fails here alone",
            "fails there alone",
        ),
        rows=(own, *map(_competitor, result.competitors)),
    )


def _competitor(found: Competitor) -> tuple[str, ...]:
    if found.error is not None:
        return (found.url, "not judged", "", "", found.error, "")
    medians = (found.median_words, found.median_ms)
    shown = ", ".join("n/a" if value is None else f"{value:,.0f}" for value in medians)
    return (
        found.url, _score(found.score), str(found.pages_scanned), shown,
        _names(found.only_here), _names(found.only_there),
    )  # fmt: skip


def _baseline(found: BaselineChange) -> Comparison:
    return Comparison(
        title="Since the earlier scan",
        summary=(
            f"Score {_score(found.score_before)} then, {_score(found.score_now)} now; "
            f"{len(found.pages_added)} pages came, {len(found.pages_removed)} went."
        ),
        head=("audit", "fails now", "no longer", "still"),
        rows=tuple(
            (change.audit, _names(change.new), _names(change.gone), str(change.same))
            for change in found.changes
        ),
    )


def _crawlers(found: CrawlerActivity) -> Comparison:
    wasted = "n/a" if found.wasted_share is None else f"{found.wasted_share:.0%}"
    return Comparison(
        title="What crawlers did",
        summary=(
            f"{found.lines:,} lines, {found.unreadable:,} not readable; {wasted} of crawlers' "
            f"requests ended in an error or a redirect. Never visited: "
            f"{_names(found.never_visited)}. Asked for, but linked nowhere: "
            f"{_names(found.off_site)}."
        ),
        head=("crawler, by its own claim", "requests", "errors", "redirects", "paths"),
        rows=tuple(
            (b.bot, str(b.requests), str(b.errors), str(b.redirects), str(b.distinct_paths))
            for b in found.bots
        ),
    )


def _score(score: int | None) -> str:
    return "not judged" if score is None else str(score)


def _names(names: tuple[str, ...]) -> str:
    rest = len(names) - _MAX_NAMES
    return (", ".join(names[:_MAX_NAMES]) + (f" and {rest} more" if rest > 0 else "")) or "none"
