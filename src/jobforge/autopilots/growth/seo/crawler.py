"""`crawl_site`: fetch a site politely, judge every page, then judge the site."""

from __future__ import annotations

import asyncio
from collections import deque
from datetime import timedelta
from urllib.parse import urlsplit

from jobforge.autopilots.growth.seo.crawl_options import (
    CrawlOptions,
    Fetch,
    OnProgress,
    Rewrite,
)
from jobforge.autopilots.growth.seo.model import Finding, SeoItem
from jobforge.autopilots.growth.seo.page_facts import facts_of
from jobforge.autopilots.growth.seo.robots import Robots
from jobforge.autopilots.growth.seo.site_files import SiteFiles, read_robots, read_sitemaps
from jobforge.autopilots.growth.seo.store import CrawlStore, PageFacts, QueuedUrl, State
from jobforge.autopilots.growth.seo.traps import TrapWatch, pattern_of
from jobforge.autopilots.growth.seo.urls import host_of, is_redirect, origin, page_url
from jobforge.core.context import HttpRequest, HttpResponse
from jobforge.core.errors import EgressDenied, TargetUnavailable

_BATCH = 200
_MAX_REMEMBERED = 50_000
_RETRY_STATUS = (429, 503)
_MAX_RETRIES = 2
_MAX_RETRY_AFTER_SECONDS = 30.0
_MAX_START_HOPS = 5
_PROGRESS_EVERY = 25
_SAVE_EVERY_SECONDS = 1.0


class Crawler:
    """One crawl under way: takes URLs from the store, fetches, judges, and stores what it finds."""

    def __init__(
        self,
        store: CrawlStore,
        fetch: Fetch,
        options: CrawlOptions,
        *,
        rewrite: Rewrite = lambda url: url,
        on_progress: OnProgress | None = None,
    ) -> None:
        self.store = store
        self.options = options
        self.files = SiteFiles()
        self.host = ""
        self.done = store.count(State.DONE)
        self._fetch = fetch
        self._rewrite = rewrite
        self._on_progress = on_progress
        self._buffer: deque[QueuedUrl] = deque()
        self._busy: set[int] = set()
        self._changed = asyncio.Event()
        self._traps = TrapWatch()
        self._ids: dict[str, int] = {}
        self._next_slot = 0.0
        self._delay = options.delay_seconds
        self._saved_at = 0.0
        self._ends_at: float | None = None

    @property
    def is_full(self) -> bool:
        """Whether as many URLs are fetched, or being fetched, as the options allow."""
        return self.is_late or self.done + len(self._busy) >= self.options.max_pages

    @property
    def is_late(self) -> bool:
        """Whether the time that the options allow is over."""
        return self._ends_at is not None and asyncio.get_running_loop().time() >= self._ends_at

    async def run(self, start: str, *, seeds: tuple[str, ...] = ()) -> str:
        """Crawl from `start` until nothing is left; the answer is the URL it really started at."""
        if self.options.max_seconds is not None:
            self._ends_at = asyncio.get_running_loop().time() + self.options.max_seconds
        start = await self._enter(start)
        for url in (start, *seeds):
            self.know(url, 0)
        if self.options.use_sitemaps:
            await self._read_sitemaps(origin(start))
        self.store.commit()
        count = 1 if self._delay else max(1, self.options.concurrency)
        async with asyncio.TaskGroup() as group:
            for _ in range(count):
                group.create_task(self._work())
        self.store.commit()
        return start

    async def _enter(self, start: str) -> str:
        """Find the host that answers for the start URL, and what it says to crawlers."""
        for _ in range(_MAX_START_HOPS):
            self.host = host_of(start)
            if self.options.use_robots:
                self.files = await read_robots(origin(start), self._fetch, self.options)
            if not self._may_fetch(start) or not self.options.is_served:
                break
            response = await self._fetch(self._request(start))
            target = page_url(response.header("location") or "", start)
            if not is_redirect(response.status) or not target or host_of(target) == self.host:
                break
            start = target
        for url, finding in self.files.findings:
            self.store.add_finding(self._outsider(url), finding)
        crawl_delay = self.files.robots.crawl_delay_for(self.options.user_agent) or 0.0
        limit = self.options.max_crawl_delay_seconds
        self._delay = max(self._delay, min(crawl_delay, limit))
        return start

    def _outsider(self, url: str) -> int:
        return self.store.add(url, depth=None, state=State.BEYOND)

    async def _read_sitemaps(self, site: str) -> None:
        before = len(self.files.findings)
        async for url in read_sitemaps(site, self.files, self._fetch, self.options):
            known = self.know(self._rewrite(url), None)
            if known is not None:
                self.store.mark_in_sitemap(known)
        for url, finding in self.files.findings[before:]:
            self.store.add_finding(self._outsider(url), finding)

    @property
    def robots(self) -> Robots:
        """What the site lets us fetch."""
        return self.files.robots

    def _may_fetch(self, url: str) -> bool:
        return self.robots.blocking_rule(url, self.options.user_agent) is None

    def know(self, url: str, depth: int | None, *, is_followed: bool = True) -> int | None:
        """The number of a URL of this site, known from now on; None for another site's."""
        known = self._ids.get(url)
        if known is not None:
            return known
        if host_of(url) != self.host:
            return None
        state = self._state_of(url, depth) if is_followed else State.BEYOND
        url_id = self.store.add(url, depth=depth, state=state, pattern=pattern_of(url))
        if is_followed:
            if state is State.QUEUED:
                self.store.requeue_beyond(url_id, depth)
            if len(self._ids) > _MAX_REMEMBERED:
                self._ids.clear()
            self._ids[url] = url_id
        return url_id

    def _state_of(self, url: str, depth: int | None) -> State:
        limit = self.options.max_depth
        if limit is not None and depth is not None and depth > limit:
            return State.BEYOND
        if not self._may_fetch(url):
            return State.BLOCKED
        return State.TRAP if self._traps.is_trap(url, depth or 0) else State.QUEUED

    async def _work(self) -> None:
        while True:
            page = self._take()
            if page is not None:
                await self._visit(page)
                self._busy.discard(page.id)
                self._changed.set()
            elif self._busy and not self.is_full:
                self._changed.clear()
                await self._changed.wait()
            else:
                self._changed.set()
                return

    def _take(self) -> QueuedUrl | None:
        if self.is_full:
            return None
        if not self._buffer:
            self._buffer.extend(self.store.queued(_BATCH, beyond=self._busy))
        if not self._buffer:
            return None
        page = self._buffer.popleft()
        self._busy.add(page.id)
        return page

    async def _visit(self, page: QueuedUrl) -> None:
        try:
            response = await self._get(page.url)
        except (TargetUnavailable, EgressDenied) as error:
            why = SeoItem(str(error), page.url)
            facts = PageFacts(error=str(error), findings=(Finding("timeout", (why,), str(error)),))
        else:
            facts = facts_of(
                response,
                url=page.url,
                options=self.options,
                rewrite=self._rewrite,
            )
        self._store(page, facts)
        self._save_now_and_then()
        self.done += 1
        if self._on_progress and self.done % _PROGRESS_EVERY == 0:
            await self._on_progress(self.done, self.store.count(State.QUEUED))

    def _save_now_and_then(self) -> None:
        """Let a kill cost no more than a second's pages."""
        now = asyncio.get_running_loop().time()
        if now - self._saved_at >= _SAVE_EVERY_SECONDS:
            self.store.commit()
            self._saved_at = now

    def _store(self, page: QueuedUrl, facts: PageFacts) -> None:
        deeper = page.depth + 1
        targets = [
            self.know(link.url, deeper, is_followed=not (link.is_nofollow or facts.is_nofollow))
            for link in facts.links
        ]
        related = (facts.canonical, facts.redirect, facts.next, facts.prev)
        others = [*related, *(url for _, url in facts.hreflang)]
        targets += [self.know(url, deeper) if url else None for url in others]
        self.store.save(page, facts, targets)

    async def _get(self, url: str) -> HttpResponse:
        for attempt in range(_MAX_RETRIES + 1):
            await self._wait_for_slot()
            try:
                response = await self._fetch(self._request(url))
            except TargetUnavailable:
                if attempt == _MAX_RETRIES:
                    raise
                continue
            if response.status not in _RETRY_STATUS or attempt == _MAX_RETRIES:
                return response
            self._pause(_retry_after(response, attempt))
        raise TargetUnavailable(f"no answer from {url}")

    def _request(self, url: str) -> HttpRequest:
        return HttpRequest(
            url=url,
            headers=(
                ("user-agent", self.options.user_agent),
                ("accept", "text/html,application/xhtml+xml,*/*;q=0.8"),
            ),
            timeout=timedelta(seconds=self.options.timeout_seconds),
            max_bytes=self.options.max_page_bytes,
            follow_redirects=False,
        )

    def _pause(self, seconds: float) -> None:
        now = asyncio.get_running_loop().time()
        self._next_slot = max(self._next_slot, now + seconds)

    async def _wait_for_slot(self) -> None:
        now = asyncio.get_running_loop().time()
        start = max(now, self._next_slot)
        if self._delay:
            self._next_slot = start + self._delay
        if start > now:
            await asyncio.sleep(start - now)


def _retry_after(response: HttpResponse, attempt: int) -> float:
    asked = response.header("retry-after") or ""
    seconds = float(asked) if asked.isdigit() else 0.5 * 2**attempt
    return min(seconds, _MAX_RETRY_AFTER_SECONDS)


def is_site_url(url: str) -> bool:
    """Whether a crawl can start there."""
    return page_url(url, url) is not None and bool(urlsplit(url).netloc)
