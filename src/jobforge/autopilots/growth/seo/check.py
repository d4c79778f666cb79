"""`check_page`: every audit of one page."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from http import HTTPStatus

from jobforge.autopilots.growth.seo.catalog import to_issue
from jobforge.autopilots.growth.seo.document import Document, Headers
from jobforge.autopilots.growth.seo.indexing import CERTAINLY_PAST, Circumstances
from jobforge.autopilots.growth.seo.lighthouse import lighthouse_findings
from jobforge.autopilots.growth.seo.model import Finding, SeoIssue, SeoItem
from jobforge.autopilots.growth.seo.page_checks import content_findings
from jobforge.autopilots.growth.seo.robots import parse_robots
from jobforge.autopilots.growth.seo.structured_data import structured_data_findings
from jobforge.autopilots.growth.seo.technical_checks import technical_findings, transport_findings


def check_page(
    html: str | bytes,
    *,
    url: str,
    status: int = 200,
    headers: Headers = (),
    robots_txt: str | None = None,
    now: datetime | None = None,
) -> list[SeoIssue]:
    """Judge one page; the answer holds what failed, Lighthouse's audits first.

    An error page (status 400 and above) gives one `http-status-code` issue that stands for all.
    Without `now`, only dates before 2026 count as past.

    Args:
        html: the page; bytes are decoded as a browser would.
        url: where it came from, absolute.
        status: of the answer.
        headers: of the answer, as pairs.
        robots_txt: content of the site's robots.txt.
        now: an aware instant, for `unavailable_after`.
    """
    if status >= HTTPStatus.BAD_REQUEST:
        return [to_issue(error_status(status))]
    page = Document(html, url=url, headers=headers)
    robots = parse_robots(robots_txt) if robots_txt else None
    known = Circumstances(robots=robots, now=now or CERTAINLY_PAST)
    return [to_issue(finding) for finding in page_findings(page, known)]


def error_status(status: int) -> Finding:
    """The finding that stands for all where a page answers with an error."""
    return Finding("http-status-code", (SeoItem(str(status)),), f"The page answers with {status}.")


def page_findings(
    page: Document,
    known: Circumstances,
    *,
    waited: timedelta | None = None,
    is_served: bool = True,
) -> Iterator[Finding]:
    """What an already parsed page fails; `waited` is the time to its first byte."""
    yield from lighthouse_findings(page, known)
    yield from content_findings(page)
    yield from technical_findings(page)
    if is_served:
        yield from transport_findings(page, waited)
    yield from structured_data_findings(page)
