"""From one answer to what the crawl keeps of it."""

from __future__ import annotations

from datetime import timedelta
from http import HTTPStatus
from urllib.parse import urlsplit

from jobforge.autopilots.growth.seo.check import error_status, page_findings
from jobforge.autopilots.growth.seo.crawl_options import CrawlOptions, Rewrite
from jobforge.autopilots.growth.seo.document import Document, Element, fold, tokens, visible_text
from jobforge.autopilots.growth.seo.indexing import Circumstances, has_blocking_directive
from jobforge.autopilots.growth.seo.model import Finding, SeoItem
from jobforge.autopilots.growth.seo.score import page_score
from jobforge.autopilots.growth.seo.similarity import simhash, text_digest
from jobforge.autopilots.growth.seo.store import LinkTo, PageFacts
from jobforge.autopilots.growth.seo.technical_checks import (
    canonical_of,
    refresh_target,
    robots_directives,
)
from jobforge.autopilots.growth.seo.urls import host_of, page_url, without_fragment
from jobforge.core.context import HttpResponse

_HTML = ("text/html", "application/xhtml+xml")
_MEDIA_BY_SUFFIX = {
    "html": "text/html", "htm": "text/html", "css": "text/css", "js": "javascript", "json": "json",
    "pdf": "application/pdf", "png": "image/png", "jpg": "image/jpeg", "jpeg": "image/jpeg",
    "gif": "image/gif", "webp": "image/webp", "svg": "image/svg+xml", "avif": "image/avif",
    "ico": "image/", "mp4": "video/mp4", "webm": "video/webm", "mp3": "audio/mpeg", "zip": "zip",
    "xml": "xml", "txt": "text/plain",
}  # fmt: skip
_MIN_MAIN_WORDS = 20


def facts_of(
    response: HttpResponse, *, url: str, options: CrawlOptions, rewrite: Rewrite
) -> PageFacts:
    """What the crawl keeps of one answer; audits that are not asked for are left out."""
    facts = _judge(response, url, options, rewrite)
    facts.findings = tuple(f for f in facts.findings if options.wants(f.audit))
    if facts.is_html or facts.score is not None:
        facts.score = page_score(finding.audit for finding in facts.findings)
    return facts


def _judge(response: HttpResponse, url: str, options: CrawlOptions, rewrite: Rewrite) -> PageFacts:
    known = Circumstances(now=options.now)
    content_type = (response.header("content-type") or "").partition(";")[0].strip().lower()
    facts = PageFacts(
        status=response.status,
        content_type=content_type,
        size=len(response.body),
        elapsed_ms=response.elapsed / timedelta(milliseconds=1),
        first_byte_ms=_first_byte(response) / timedelta(milliseconds=1),
    )
    if response.status in (301, 302, 303, 307, 308):
        facts.redirect = _redirect(response, url, rewrite)
        return facts
    if response.status >= HTTPStatus.BAD_REQUEST:
        if options.is_served:
            facts.findings = (error_status(response.status),)
            facts.score = 0
        return facts
    if content_type not in _HTML and (content_type or not _looks_like_html(response.body)):
        facts.findings = tuple(_media_findings(url, content_type))
        return facts
    page = Document(response.body, url=url, headers=response.headers)
    _add_page(facts, page, rewrite)
    found = [*page_findings(page, known, waited=_first_byte(response), is_served=options.is_served)]
    found += _media_findings(url, content_type)
    if response.is_truncated:
        found.append(Finding("large-page", (SeoItem("only the first part was read"),), "too large"))
    facts.is_noindex = _is_noindex(page, known)
    facts.findings = tuple(found)
    return facts


def _first_byte(response: HttpResponse) -> timedelta:
    """Time until the answer began; where that was not measured, until it ended."""
    return response.elapsed if response.first_byte is None else response.first_byte


def _redirect(response: HttpResponse, url: str, rewrite: Rewrite) -> str | None:
    target = page_url(response.header("location") or "", url)
    return rewrite(target) if target else None


def _looks_like_html(body: bytes) -> bool:
    start = body[:512].lstrip().lower()
    return start.startswith((b"<!doctype html", b"<html", b"<head", b"<body"))


def _media_findings(url: str, content_type: str) -> list[Finding]:
    suffix = urlsplit(url).path.rpartition("/")[2].rpartition(".")[2].lower()
    expected = _MEDIA_BY_SUFFIX.get(suffix)
    if not expected or not content_type or expected in content_type:
        return []
    if expected == "text/html" and content_type in _HTML:
        return []
    detail = f".{suffix} sent as {content_type}"
    return [Finding("incorrect-media-type", (SeoItem(detail, url=url),), detail)]


def _add_page(facts: PageFacts, page: Document, rewrite: Rewrite) -> None:
    facts.is_html = True
    facts.title = page.title or ""
    description = page.meta("description")
    facts.description = fold(description[0]) if description else ""
    facts.words = len(page.words)
    main = main_words(page)
    facts.digest = text_digest(main) if len(main) >= _MIN_MAIN_WORDS else None
    facts.simhash = simhash(main)
    facts.canonical = _rewritten(canonical_of(page), rewrite)
    facts.is_nofollow = bool({"nofollow", "none"} & robots_directives(page))
    facts.redirect = _rewritten(_own_refresh(page), rewrite)
    facts.hreflang = tuple(
        (link.hreflang.lower(), rewrite(without_fragment(link.href)))
        for link in page.links
        if link.rel == "alternate" and link.hreflang and link.href and link.place != "body"
    )
    facts.next = _rewritten(_related(page, "next"), rewrite)
    facts.prev = _rewritten(_related(page, "prev"), rewrite)
    _add_links(facts, page, rewrite)


def _own_refresh(page: Document) -> str | None:
    target = refresh_target(page)
    return without_fragment(target) if target and without_fragment(target) != page.url else None


def _rewritten(url: str | None, rewrite: Rewrite) -> str | None:
    return rewrite(url) if url and url.startswith(("http://", "https://")) else None


def _related(page: Document, rel: str) -> str | None:
    return next(
        (page_url(link.raw, page.base_url) for link in page.links if rel in link.rel.split()), None
    )


def _add_links(facts: PageFacts, page: Document, rewrite: Rewrite) -> None:
    own = host_of(page.url)
    inside: dict[str, bool] = {}
    outside: dict[str, None] = {}
    areas = ((e, page_url(e.get("href") or "#", page.base_url)) for e in page.all("area"))
    for anchor, url in (*page.anchor_urls, *areas):
        if url is None:
            continue
        if host_of(url) != own:
            outside[url] = None
            continue
        is_nofollow = "nofollow" in tokens(anchor.get("rel"))
        target = rewrite(url)
        if target != page.url:
            inside[target] = inside.get(target, True) and is_nofollow
    facts.links = tuple(LinkTo(url, flag) for url, flag in inside.items())
    facts.external = tuple(outside)
    facts.images = tuple(
        dict.fromkeys(
            url
            for image in page.all("img")
            if (url := page_url(image.get("src") or "#", page.base_url)) and image.get("src")
        )
    )


def main_words(page: Document) -> tuple[str, ...]:
    """Words of the page without its navigation, header and footer, where that leaves enough."""
    chrome = [*page.all("nav", "header", "footer", "aside")]
    if not chrome:
        return page.words
    outer = [
        e for e in chrome if next(e.iterancestors("nav", "header", "footer", "aside"), None) is None
    ]
    removed = sum(len(visible_text(e)) for e in outer)
    if removed == 0:
        return page.words
    return _without(page, outer)


def _without(page: Document, outer: list[Element]) -> tuple[str, ...]:
    text = page.visible_text
    for element in outer:
        text = text.replace(visible_text(element), " ", 1)
    words = tuple(text.split())
    return words if len(words) >= _MIN_MAIN_WORDS else page.words


def _is_noindex(page: Document, known: Circumstances) -> bool:
    robots = ",".join(content for name, content, _ in page.metas if name in ("robots", "googlebot"))
    headers = [v for k, v in page.headers if k.lower() == "x-robots-tag"]
    texts = [robots, *(value for value in headers if not _names_other_bot(value))]
    return any(has_blocking_directive(text.removeprefix("googlebot:"), known.now) for text in texts)


def _names_other_bot(value: str) -> bool:
    agent, colon, _ = value.partition(":")
    return (
        bool(colon)
        and agent.strip().lower() not in ("googlebot", "unavailable_after")
        and ("," not in agent)
    )
