"""Lighthouse's audits of what may be indexed, and under which URL.

Source: github.com/GoogleChrome/lighthouse, `is-crawlable`, `hreflang` and `canonical`;
re-implemented from their descriptions and tests.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

from jobforge.autopilots.growth.seo.document import Document, LinkElement
from jobforge.autopilots.growth.seo.evidence import count_of, item
from jobforge.autopilots.growth.seo.languages import is_language
from jobforge.autopilots.growth.seo.model import Finding, SeoItem
from jobforge.autopilots.growth.seo.robots import Robots
from jobforge.autopilots.growth.seo.urls import is_absolute, origin, resolve, without_fragment

CERTAINLY_PAST = datetime(2026, 1, 1, tzinfo=UTC)
"""Without a clock, only an `unavailable_after` before this instant is known to have passed."""

BOTS = (None, "Googlebot", "bingbot", "DuckDuckBot", "archive.org_bot")
_BLOCKING = frozenset(["noindex", "none"])
_HEADER_AGENT = re.compile(r"^\s*([^,:]+):")


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What is known beside the page: the site's robots.txt and the time."""

    robots: Robots | None = None
    now: datetime = CERTAINLY_PAST


def is_crawlable(page: Document, circumstances: Circumstances) -> Iterator[Finding]:
    """At least one of the known search engines may index the page."""
    blocked = [_blocks(bot, page, circumstances) for bot in BOTS]
    if all(blocked):
        yield Finding("is-crawlable", blocked[0], "The page is blocked from indexing.")


def _blocks(bot: str | None, page: Document, known: Circumstances) -> tuple[SeoItem, ...]:
    found: list[SeoItem] = []
    meta = (page.meta(bot.lower()) if bot else None) or page.meta("robots")
    if meta and has_blocking_directive(meta[0], known.now):
        found.append(item(meta[1], f"robots directive {meta[0].strip()!r}"))
    for name, value in page.headers:
        if name.lower() == "x-robots-tag" and _header_blocks(value, bot, known.now):
            found.append(SeoItem(f"{name}: {value}"))
    if known.robots:
        rule = known.robots.blocking_rule(page.url, bot or "*")
        if rule:
            where = f"{origin(page.url)}/robots.txt"
            found.append(SeoItem(f"Disallow: {rule.pattern}", url=where, line=rule.line))
    return tuple(found)


def _header_blocks(value: str, bot: str | None, now: datetime) -> bool:
    prefix = _HEADER_AGENT.match(value)
    agent = prefix.group(1) if prefix and prefix.group(1).lower() != "unavailable_after" else None
    if agent is not None and agent != bot:
        return False
    return has_blocking_directive(value.partition(":")[2] if agent else value, now)


def has_blocking_directive(directives: str, now: datetime) -> bool:
    """Whether one of the comma-separated robots directives keeps the page out of the index."""
    return any(
        directive in _BLOCKING or _is_past(directive, now)
        for directive in (part.strip().lower() for part in directives.split(","))
    )


def _is_past(directive: str, now: datetime) -> bool:
    name, _, date = directive.partition(":")
    if name.strip() != "unavailable_after":
        return False
    instant = _parse_date(date.strip())
    return instant is not None and instant < now


def _parse_date(text: str) -> datetime | None:
    try:
        instant = datetime.fromisoformat(text.upper())
    except ValueError:
        try:
            instant = parsedate_to_datetime(text.replace("-", " "))
        except ValueError:
            return None
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)


def hreflang(page: Document) -> Iterator[Finding]:
    """Every hreflang names a language and an absolute URL."""
    items = tuple(
        SeoItem("; ".join(reasons), url=link.raw, element=link.snippet, line=link.line)
        for link in page.links
        if link.rel == "alternate"
        and link.hreflang
        and link.place != "body"
        and (reasons := list(_hreflang_faults(link)))
    )
    if items:
        yield Finding("hreflang", items, f"{count_of(items, 'hreflang link')} cannot be used.")


def _hreflang_faults(link: LinkElement) -> Iterator[str]:
    code = link.hreflang.lower()
    if code != "x-default" and not is_language(code.split("-")[0]):
        yield "Unexpected language code"
    if not link.raw.lower().startswith(("http:", "https:")):
        yield "Relative href value"


def canonical(page: Document) -> Iterator[Finding]:
    """The page names at most one canonical URL, absolute and plausible."""
    links = [link for link in page.links if link.place != "body" and link.raw]
    candidates = [link for link in links if link.rel == "canonical"]
    fault = _canonical_fault(candidates) or _canonical_mistake(candidates, links, page)
    if fault:
        items = tuple(SeoItem(fault, link.raw, link.snippet, link.line) for link in candidates)
        yield Finding("canonical", items, fault)


def _canonical_fault(candidates: list[LinkElement]) -> str | None:
    for link in candidates:
        if link.href is None or resolve(link.raw, "http://base.invalid/") is None:
            return f"Invalid URL ({link.raw})"
    for link in candidates:
        if not is_absolute(link.raw):
            return f"Is not an absolute URL ({link.raw})"
    urls = dict.fromkeys(link.href for link in candidates if link.href)
    return f"Multiple conflicting URLs ({', '.join(urls)})" if len(urls) > 1 else None


def _canonical_mistake(
    candidates: list[LinkElement], links: list[LinkElement], page: Document
) -> str | None:
    if not candidates or candidates[0].href is None:
        return None
    target = candidates[0].href
    here = without_fragment(resolve(page.url, page.url) or page.url)
    alternates = {link.href for link in links if link.rel == "alternate" and link.hreflang}
    if here in alternates and target in alternates and here != target:
        return f"Points to another hreflang location ({here})"
    to, own = urlsplit(target), urlsplit(here)
    if (to.scheme, to.netloc) == (own.scheme, own.netloc) and to.path == "/" and own.path != "/":
        return "Points to the domain's root URL (the homepage), instead of an equivalent page"
    return None
