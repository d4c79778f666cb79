"""What changed since an earlier scan."""

from __future__ import annotations

import json
from dataclasses import dataclass

from jobforge.autopilots.growth.seo.model import CrawlReport
from jobforge.core.errors import SourceMalformed


@dataclass(frozen=True, slots=True)
class AuditChange:
    """One audit: URLs that fail now and did not, that no longer fail, that still do."""

    audit: str
    new: tuple[str, ...]
    gone: tuple[str, ...]
    same: int


@dataclass(frozen=True, slots=True)
class BaselineDiff:
    """The difference between two reports; URLs that were not fetched in both are left out."""

    score_before: int | None
    score_now: int | None
    pages_added: tuple[str, ...]
    pages_removed: tuple[str, ...]
    changes: tuple[AuditChange, ...]


def compare_with_baseline(report: CrawlReport, baseline: bytes) -> BaselineDiff:
    """Compare a report with the JSON of an earlier one.

    Raises:
        SourceMalformed: the baseline is no report of a scan.
    """
    try:
        before = json.loads(baseline)
        old_pages = {str(page["url"]) for page in before["pages"]}
        old = {str(i["audit"]): {str(url) for url in i["urls"]} for i in before["issues"]}
        score = before["score"]
    except (ValueError, LookupError, TypeError):
        raise SourceMalformed("the baseline is not the JSON report of an earlier scan") from None
    pages = {page.url for page in report.pages}
    now = {issue.audit: set(issue.urls) for issue in report.issues}
    both = pages & old_pages
    changes = [
        AuditChange(
            audit=audit,
            new=tuple(sorted((now.get(audit, set()) - old.get(audit, set())) & both)),
            gone=tuple(sorted((old.get(audit, set()) - now.get(audit, set())) & both)),
            same=len(now.get(audit, set()) & old.get(audit, set())),
        )
        for audit in sorted(now.keys() | old.keys())
    ]
    return BaselineDiff(
        score_before=score if isinstance(score, int) else None,
        score_now=report.score,
        pages_added=tuple(sorted(pages - old_pages)),
        pages_removed=tuple(sorted(old_pages - pages)),
        changes=tuple(change for change in changes if change.new or change.gone),
    )
