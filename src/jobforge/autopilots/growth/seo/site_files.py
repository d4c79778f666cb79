"""robots.txt and sitemaps of a site, fetched and read."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta
from http import HTTPStatus

from jobforge.autopilots.growth.seo.crawl_options import CrawlOptions, Fetch
from jobforge.autopilots.growth.seo.model import Finding, SeoItem
from jobforge.autopilots.growth.seo.robots import (
    MAX_ROBOTS_BYTES,
    Group,
    Robots,
    Rule,
    parse_robots,
    validate_robots,
)
from jobforge.autopilots.growth.seo.sitemaps import MAX_SITEMAP_BYTES, Sitemap, parse_sitemap
from jobforge.autopilots.growth.seo.urls import page_url
from jobforge.core.context import HttpRequest, HttpResponse
from jobforge.core.errors import EgressDenied, TargetUnavailable

MAX_SITEMAP_FILES = 200
FORBID_ALL = Robots((Group(("*",), (Rule(False, "/", 0),)),))


@dataclass
class SiteFiles:
    """What the site says to crawlers, and what is wrong with how it says it."""

    robots: Robots = field(default_factory=Robots)
    findings: list[tuple[str, Finding]] = field(default_factory=list)
    sitemaps: list[str] = field(default_factory=list)
    note: str | None = None


async def read_robots(origin: str, fetch: Fetch, options: CrawlOptions) -> SiteFiles:
    """Fetch robots.txt of an origin.

    An absent file (4xx) allows everything; a failing server (5xx, 429, no answer) forbids all.
    Source: RFC 9309, sections 2.3.1.3 and 2.3.1.4.
    """
    url = f"{origin}/robots.txt"
    files = SiteFiles()
    try:
        response = await fetch(_request(url, options, MAX_ROBOTS_BYTES))
    except TargetUnavailable as error:
        return _unreachable(files, url, str(error))
    if response.status >= HTTPStatus.INTERNAL_SERVER_ERROR or (
        response.status == HTTPStatus.TOO_MANY_REQUESTS
    ):
        return _unreachable(files, url, f"robots.txt answers with {response.status}")
    if response.status >= HTTPStatus.MULTIPLE_CHOICES or _is_html(response):
        return files
    files.robots = parse_robots(response.body)
    errors = validate_robots(response.body)
    if errors:
        items = tuple(SeoItem(e.message, url, e.content[:200], e.line) for e in errors)
        files.findings.append((url, Finding("robots-txt", items, f"{len(items)} errors found.")))
    return files


def _unreachable(files: SiteFiles, url: str, why: str) -> SiteFiles:
    files.robots = FORBID_ALL
    files.note = f"nothing may be fetched: {why}"
    files.findings.append((url, Finding("robots-txt", (SeoItem(why, url),), why)))
    return files


def _is_html(response: HttpResponse) -> bool:
    return response.body[:200].lstrip().lower().startswith((b"<!doctype", b"<html"))


def _request(url: str, options: CrawlOptions, max_bytes: int) -> HttpRequest:
    return HttpRequest(
        url=url,
        headers=(("user-agent", options.user_agent),),
        timeout=timedelta(seconds=options.timeout_seconds),
        max_bytes=max_bytes,
        max_redirects=5,
    )


async def read_sitemaps(
    origin: str, files: SiteFiles, fetch: Fetch, options: CrawlOptions
) -> AsyncIterator[str]:
    """Every URL that the sitemaps list: those named in robots.txt, else /sitemap.xml."""
    named = [url for text in files.robots.sitemaps if (url := page_url(text, origin + "/"))]
    waiting = list(dict.fromkeys(named)) or [f"{origin}/sitemap.xml"]
    seen: set[str] = set()
    while waiting and len(seen) < MAX_SITEMAP_FILES:
        url = waiting.pop(0)
        if url in seen:
            continue
        seen.add(url)
        sitemap = await _read_sitemap(url, files, fetch, options, is_named=bool(named))
        if sitemap is None:
            continue
        files.sitemaps.append(url)
        waiting += [child for text in sitemap.children if (child := page_url(text, url))]
        for text in sitemap.urls:
            listed = page_url(text, url)
            if listed:
                yield listed


async def _read_sitemap(
    url: str, files: SiteFiles, fetch: Fetch, options: CrawlOptions, *, is_named: bool
) -> Sitemap | None:
    try:
        response = await fetch(_request(url, options, MAX_SITEMAP_BYTES))
    except (TargetUnavailable, EgressDenied) as error:
        problem: str | None = str(error)
        sitemap = None
    else:
        if response.status >= HTTPStatus.BAD_REQUEST:
            sitemap, problem = None, f"answers with {response.status}"
        else:
            sitemap = parse_sitemap(response.body)
            problem = sitemap.problem
    if problem and (is_named or sitemap is not None):
        items = (SeoItem(problem, url),)
        files.findings.append((url, Finding("sitemap-invalid", items, problem)))
    elif problem:
        items = (SeoItem("no sitemap in robots.txt or at /sitemap.xml", url),)
        files.findings.append((url, Finding("no-sitemap", items, items[0].detail)))
    return sitemap
