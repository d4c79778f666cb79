"""The published formula of the scores.

A page starts at 100 and loses, once for each audit it fails, 30 (critical), 12 (high), 5 (medium),
2 (low) or 0 (info) points, down to 0. A site's score is the mean of its HTML and error pages'
scores, less the same weights for each audit that concerns the site and not a page, down to 0.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from jobforge.autopilots.growth.seo.catalog import CHECKS
from jobforge.autopilots.growth.seo.model import Severity

WEIGHTS: dict[Severity, int] = {"critical": 30, "high": 12, "medium": 5, "low": 2, "info": 0}
FORMULA = (
    "page = max(0, 100 - sum of weights of its failed audits), weights: critical 30, high 12, "
    "medium 5, low 2, info 0; site = max(0, mean of pages - weights of site-wide audits)"
)


def page_score(audits: Iterable[str]) -> int:
    """0 to 100; each audit counts once."""
    return max(0, 100 - sum(WEIGHTS[CHECKS[audit].severity] for audit in set(audits)))


def site_score(pages: Sequence[int], site_audits: Iterable[str]) -> int | None:
    """0 to 100, or None where no page could be judged."""
    if not pages:
        return None
    lost = sum(WEIGHTS[CHECKS[audit].severity] for audit in set(site_audits))
    return max(0, round(sum(pages) / len(pages) - lost))
