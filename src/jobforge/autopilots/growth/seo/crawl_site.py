"""`crawl_site`: a whole site, crawled and judged."""

from __future__ import annotations

from dataclasses import replace

from jobforge.autopilots.growth.seo.crawl_options import CrawlOptions, Fetch, OnProgress
from jobforge.autopilots.growth.seo.crawler import Crawler, is_site_url
from jobforge.autopilots.growth.seo.default_fetch import default_fetch
from jobforge.autopilots.growth.seo.export import ExportedSite
from jobforge.autopilots.growth.seo.model import CrawlReport, Finding, SeoItem
from jobforge.autopilots.growth.seo.outside import check_outside
from jobforge.autopilots.growth.seo.report import build_report
from jobforge.autopilots.growth.seo.store import CrawlStore, State, open_store
from jobforge.autopilots.growth.seo.urls import page_url
from jobforge.contract.errors import JobForgeError
from jobforge.core.errors import PayloadInvalid


async def crawl_site(
    url: str,
    *,
    max_pages: int = 10_000,
    max_depth: int | None = None,
    fetch: Fetch | None = None,
    options: CrawlOptions | None = None,
    on_progress: OnProgress | None = None,
) -> CrawlReport:
    """Crawl the host of `url` and judge it.

    Only URLs of this host are fetched, as far as its robots.txt lets them.

    Args:
        url: where to start; http or https.
        max_pages: how many URLs to fetch at most.
        max_depth: how many clicks from the start to go at most; None: any number.
        fetch: sends one request; by default JobForge's own client with its egress rules.
        options: everything else; `max_pages` and `max_depth` above win.
        on_progress: told how many URLs are fetched and how many wait.

    Raises:
        PayloadInvalid: the URL is not one to fetch.
        EgressDenied: the address may not be reached.
        TargetUnavailable: the start page does not answer.
    """
    start = page_url(url, url)
    if start is None or not is_site_url(start):
        raise PayloadInvalid(f"not an http or https URL: {url!r}")
    settings = replace(options or CrawlOptions(), max_pages=max_pages, max_depth=max_depth)
    if fetch is not None:
        return await _crawl(start, fetch, settings, on_progress)
    async with default_fetch() as own:
        return await _crawl(start, own, settings, on_progress)


async def _crawl(
    start: str,
    fetch: Fetch,
    options: CrawlOptions,
    on_progress: OnProgress | None,
) -> CrawlReport:
    store = open_store(options.frontier_path)
    try:
        crawler = Crawler(store, fetch, options, on_progress=on_progress)
        return await finish_crawl(crawler, fetch, start)
    finally:
        store.close()


async def crawl_with(
    site: ExportedSite, options: CrawlOptions, fetch: Fetch, on_progress: OnProgress | None = None
) -> CrawlReport:
    """Crawl an exported site; `fetch` is for links to other sites only."""
    store = CrawlStore()
    try:
        crawler = Crawler(store, site.fetch, options, rewrite=site.rewrite, on_progress=on_progress)
        start = site.rewrite(site.origin + "/")
        first = start if start in site.urls else site.urls[0]
        for route in site.missing_routes:
            url = site.origin + route
            missing = Finding("route-not-prerendered", (SeoItem(route, url),), route)
            store.add_finding(store.add(url, depth=None, state=State.BEYOND), missing)
        report = await finish_crawl(crawler, fetch, first, seeds=site.urls)
        return replace(report, notes=(*report.notes, *site.notes))
    finally:
        store.close()


async def finish_crawl(
    crawler: Crawler, fetch: Fetch, start: str, *, seeds: tuple[str, ...] = ()
) -> CrawlReport:
    """Run a crawl, look at what lies outside where asked, and report."""
    try:
        began = await crawler.run(start, seeds=seeds)
    except* JobForgeError as group:
        raise _first(group) from None
    is_late = crawler.is_late
    notes = await check_outside(crawler.store, fetch, crawler.options)
    if crawler.files.note:
        notes = (crawler.files.note, *notes)
    return build_report(
        crawler.store,
        crawler.options,
        start=began,
        sitemaps=crawler.files.sitemaps,
        notes=notes,
        is_late=is_late,
    )


def _first(group: BaseExceptionGroup[JobForgeError]) -> JobForgeError:
    """The first error of a group, whatever it is nested in."""
    found = group.exceptions[0]
    return _first(found) if isinstance(found, BaseExceptionGroup) else found
