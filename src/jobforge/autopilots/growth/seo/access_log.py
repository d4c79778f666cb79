"""What crawlers did on the site, from its access log."""

from __future__ import annotations

import re
import zlib
from collections import Counter
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import urlsplit

from jobforge.autopilots.growth.seo.model import CrawlReport
from jobforge.core.errors import SourceMalformed

MAX_URLS = 50
MAX_LOG_BYTES = 200_000_000
_GZIP = b"\x1f\x8b"
_LINE = re.compile(
    r'^(?P<host>\S+) \S+ \S+ \[[^\]]+\] "(?P<method>[A-Z]+) (?P<path>\S+)[^"]*" '
    r'(?P<status>\d{3}) \S+(?: "[^"]*" "(?P<agent>[^"]*)")?'
)
_BOTS = (
    ("Googlebot", "googlebot"), ("Bingbot", "bingbot"), ("DuckDuckBot", "duckduckbot"),
    ("YandexBot", "yandexbot"), ("Baiduspider", "baiduspider"), ("Applebot", "applebot"),
    ("GPTBot", "gptbot"), ("ClaudeBot", "claudebot"), ("PerplexityBot", "perplexitybot"),
    ("CCBot", "ccbot"), ("AhrefsBot", "ahrefsbot"), ("SemrushBot", "semrushbot"),
)  # fmt: skip
_ERROR = 400
_REDIRECT = 300


@dataclass(frozen=True, slots=True)
class BotVisits:
    """One crawler, as it calls itself: its requests by kind of answer."""

    bot: str
    requests: int
    errors: int
    redirects: int
    distinct_paths: int


@dataclass(frozen=True, slots=True)
class LogAnalysis:
    """Crawlers against the site as it was scanned; paths are sorted, fifty at most.

    `never_visited` are indexable pages that no search engine asked for; `off_site` are paths that
    crawlers ask for and no page links to; `wasted_share` is the share of crawlers' requests that
    ended in an error or a redirect. A crawler's name is its own claim: no address is looked up.
    """

    lines: int
    unreadable: int
    bots: tuple[BotVisits, ...]
    never_visited: tuple[str, ...]
    off_site: tuple[str, ...]
    wasted_share: float | None


def analyze_access_log(log: bytes, report: CrawlReport) -> LogAnalysis:
    """Read a log in the common or combined format, plain or in gzip.

    Raises:
        SourceMalformed: no line of it can be read.
    """
    log = _unpacked(log)
    visits: dict[str, Counter[str]] = {}
    kinds: dict[str, Counter[str]] = {}
    lines = unreadable = 0
    for line in log.decode("utf-8", errors="replace").splitlines():
        if not line.strip():
            continue
        lines += 1
        match = _LINE.match(line)
        if match is None:
            unreadable += 1
            continue
        bot = _bot_of(match["agent"] or "")
        if bot is not None:
            visits.setdefault(bot, Counter())[match["path"].partition("?")[0]] += 1
            kinds.setdefault(bot, Counter())[_kind(int(match["status"]))] += 1
    if lines == unreadable:
        raise SourceMalformed("no line is in the common or combined log format")
    return _compare(report, visits, kinds, (lines, unreadable))


def _unpacked(log: bytes) -> bytes:
    if not log.startswith(_GZIP):
        return log
    unpack = zlib.decompressobj(zlib.MAX_WBITS | 16)
    try:
        content = unpack.decompress(log, MAX_LOG_BYTES)
    except zlib.error as error:
        raise SourceMalformed(f"the log's gzip is damaged: {error}") from None
    if unpack.unconsumed_tail:
        raise SourceMalformed(f"the log unpacks to more than {MAX_LOG_BYTES:,} bytes")
    return content


def _bot_of(agent: str) -> str | None:
    lower = agent.lower()
    return next((name for name, mark in _BOTS if mark in lower), None)


def _kind(status: int) -> str:
    """Not modified (304) is an answer as good as the page, and the cheaper one."""
    if status >= _ERROR:
        return "error"
    return "redirect" if status >= _REDIRECT and status != HTTPStatus.NOT_MODIFIED else "ok"


def _compare(
    report: CrawlReport,
    visits: dict[str, Counter[str]],
    kinds: dict[str, Counter[str]],
    counts: tuple[int, int],
) -> LogAnalysis:
    asked = {path for paths in visits.values() for path in paths}
    known = {urlsplit(page.url).path or "/" for page in report.pages}
    indexable = {urlsplit(p.url).path or "/" for p in report.pages if p.is_indexable}
    total = sum(kind.total() for kind in kinds.values())
    wasted = sum(kind["error"] + kind["redirect"] for kind in kinds.values())
    bots = [
        BotVisits(
            bot=name,
            requests=kinds[name].total(),
            errors=kinds[name]["error"],
            redirects=kinds[name]["redirect"],
            distinct_paths=len(visits[name]),
        )
        for name in visits
    ]
    return LogAnalysis(
        lines=counts[0],
        unreadable=counts[1],
        bots=tuple(sorted(bots, key=lambda b: (-b.requests, b.bot))),
        never_visited=tuple(sorted(indexable - asked)[:MAX_URLS]),
        off_site=tuple(sorted(asked - known)[:MAX_URLS]),
        wasted_share=wasted / total if total else None,
    )
