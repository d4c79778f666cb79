"""Every SEO audit: what it is called, how much it matters, why, and how to mend it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from jobforge.autopilots.growth.seo.model import (
    Area,
    Finding,
    SeoIssue,
    SeoItem,
    Severity,
    SiteIssue,
)
from jobforge.autopilots.growth.seo.tables import table

MAX_SITE_ITEMS = 20


@dataclass(frozen=True, slots=True)
class SeoCheck:
    """One audit of the catalogue; `references` are its names in seonaut."""

    audit: str
    title: str
    scope: Literal["page", "site"]
    area: Area
    severity: Severity
    why: str
    source: str
    fix: str
    references: tuple[str, ...]


def _checks() -> dict[str, SeoCheck]:
    return {
        audit: SeoCheck(
            audit=audit,
            title=row["title"],
            scope=row["scope"],
            area=row["area"],
            severity=row["severity"],
            why=row["why"],
            source=row["source"],
            fix=row["fix"],
            references=tuple(row["references"]),
        )
        for audit, row in table("checks").items()
    }


CHECKS = _checks()


def list_seo_checks() -> list[SeoCheck]:
    """Every audit that `check_page` and `crawl_site` know, by name."""
    return [CHECKS[name] for name in sorted(CHECKS)]


def to_issue(finding: Finding) -> SeoIssue:
    """Dress a finding with its reasons."""
    check = CHECKS[finding.audit]
    return SeoIssue(
        audit=check.audit,
        items=finding.items,
        status=finding.status,
        severity=check.severity,
        evidence=finding.evidence,
        why=check.why,
        fix=check.fix,
        area=check.area,
        source=check.source,
        references=check.references,
    )


def to_site_issue(audit: str, urls: Iterable[str], items: Iterable[SeoItem]) -> SiteIssue:
    """One audit over the URLs it concerns; `items` beyond the first twenty are left out."""
    check = CHECKS[audit]
    concerned = tuple(sorted(set(urls)))
    samples = tuple(items)[:MAX_SITE_ITEMS]
    count = len(concerned)
    return SiteIssue(
        audit=audit,
        url=concerned[0],
        urls=concerned,
        items=samples,
        status="failed",
        severity=check.severity,
        title=check.title,
        evidence=f"{count} URL{'' if count == 1 else 's'}: {samples[0].detail if samples else ''}",
        why=check.why,
        fix=check.fix,
        area=check.area,
        source=check.source,
        references=check.references,
    )
