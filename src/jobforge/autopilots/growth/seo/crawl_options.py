"""How far and how fast a crawl goes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from jobforge.autopilots.growth.seo.indexing import CERTAINLY_PAST
from jobforge.core.context import HttpRequest, HttpResponse

USER_AGENT = "JobForge/1.0 (SEO audit)"

Fetch = Callable[[HttpRequest], Awaitable[HttpResponse]]
Rewrite = Callable[[str], str]
OnProgress = Callable[[int, int], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class CrawlOptions:
    """Limits of a crawl; times in seconds.

    `delay_seconds` lies between two requests; a longer `Crawl-delay` of robots.txt wins, up to
    `max_crawl_delay_seconds`. A delay makes the crawl fetch one page at a time. `is_served` is
    False for a site that is read from files. With `frontier_path` the crawl is kept in that file,
    and one that was stopped goes on there; None keeps it in a temporary file. After `max_seconds`
    no further page is fetched. `audits` names the audits to make; None: all. `now` decides which
    `unavailable_after` dates have passed.
    """

    max_pages: int = 10_000
    max_depth: int | None = None
    max_seconds: float | None = None
    concurrency: int = 4
    delay_seconds: float = 0.0
    max_crawl_delay_seconds: float = 30.0
    timeout_seconds: float = 15.0
    max_page_bytes: int = 5_000_000
    user_agent: str = USER_AGENT
    use_robots: bool = True
    use_sitemaps: bool = True
    check_external: bool = False
    max_external: int = 500
    check_images: bool = False
    max_images: int = 500
    is_served: bool = True
    frontier_path: Path | None = None
    audits: frozenset[str] | None = None
    now: datetime = CERTAINLY_PAST

    def wants(self, audit: str) -> bool:
        """Whether this audit is asked for."""
        return self.audits is None or audit in self.audits
