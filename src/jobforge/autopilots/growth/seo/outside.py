"""Links to other sites and images: whether they are there, where a scan asks for it."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from http import HTTPStatus
from sqlite3 import Connection

from jobforge.autopilots.growth.seo.crawl_options import CrawlOptions, Fetch
from jobforge.autopilots.growth.seo.model import Finding, SeoItem
from jobforge.autopilots.growth.seo.store import CrawlStore
from jobforge.autopilots.growth.seo.urls import host_of, is_redirect
from jobforge.core.context import HttpRequest, HttpResponse
from jobforge.core.errors import EgressDenied, TargetUnavailable

PER_HOST = 1
"""Requests to another site at a time; they are not its operator's wish."""

LARGE_IMAGE_BYTES = 500_000
_REFUSES_HEAD = (400, 403, 404, 405, 501)


async def check_outside(store: CrawlStore, fetch: Fetch, options: CrawlOptions) -> tuple[str, ...]:
    """Look at external links and images where asked; the answer says what was left out."""
    notes: list[str] = []
    if options.check_external:
        notes += await _check(store, fetch, options, is_image=False, limit=options.max_external)
    if options.check_images:
        notes += await _check(store, fetch, options, is_image=True, limit=options.max_images)
    return tuple(notes)


async def _check(
    store: CrawlStore, fetch: Fetch, options: CrawlOptions, *, is_image: bool, limit: int
) -> list[str]:
    urls = _urls(store.db, is_image)
    gate = asyncio.Semaphore(max(1, options.concurrency))
    hosts: dict[str, asyncio.Semaphore] = {}
    refused = 0

    async def look(url: str) -> None:
        nonlocal refused
        host = hosts.setdefault(host_of(url), asyncio.Semaphore(PER_HOST))
        async with host, gate:
            try:
                finding = await _judge(url, fetch, options, is_image=is_image)
            except EgressDenied:
                refused += 1
                return
        if finding is not None:
            for source in _sources(store.db, url):
                store.add_finding(source, finding)

    await asyncio.gather(*(look(url) for url in urls[:limit]))
    kind = "images" if is_image else "links to other sites"
    notes = [f"{len(urls) - limit} {kind} were not checked"] if len(urls) > limit else []
    return notes + ([f"{refused} {kind} may not be reached from here"] if refused else [])


def _urls(db: Connection, is_image: bool) -> list[str]:
    rows = db.execute(
        "SELECT DISTINCT url FROM outside WHERE is_image = ? ORDER BY url", (is_image,)
    )
    return [row[0] for row in rows]


def _sources(db: Connection, url: str) -> list[int]:
    rows = db.execute("SELECT DISTINCT source FROM outside WHERE url = ? ORDER BY 1", (url,))
    return [row[0] for row in rows]


async def _judge(
    url: str, fetch: Fetch, options: CrawlOptions, *, is_image: bool
) -> Finding | None:
    try:
        response = await _look(url, fetch, options)
    except TargetUnavailable as error:
        return _broken(url, str(error), is_image)
    if response.status >= HTTPStatus.BAD_REQUEST:
        return _broken(url, f"answers with {response.status}", is_image)
    if not is_image and is_redirect(response.status):
        detail = f"redirects to {response.header('location')}"
        return Finding("external-link-redirect", (SeoItem(detail, url),), detail)
    size = int(length) if (length := response.header("content-length") or "").isdigit() else 0
    if is_image and size > LARGE_IMAGE_BYTES:
        detail = f"{size // 1000} kB"
        return Finding("large-image", (SeoItem(detail, url),), detail)
    return None


def _broken(url: str, why: str, is_image: bool) -> Finding:
    audit = "broken-images" if is_image else "external-link-broken"
    return Finding(audit, (SeoItem(why, url),), why)


async def _look(url: str, fetch: Fetch, options: CrawlOptions) -> HttpResponse:
    """HEAD, and GET where a server refuses HEAD."""
    request = HttpRequest(
        url=url,
        method="HEAD",
        headers=(("user-agent", options.user_agent),),
        timeout=timedelta(seconds=options.timeout_seconds),
        max_bytes=2_000_000,
        follow_redirects=False,
    )
    response = await fetch(request)
    if response.status in _REFUSES_HEAD:
        return await fetch(request.model_copy(update={"method": "GET"}))
    return response
