"""Audits of one page beyond Lighthouse's: text, images, links, URL and language."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from urllib.parse import unquote, urlsplit

from jobforge.autopilots.growth.seo.document import (
    Document,
    Element,
    has_ancestor,
    is_hidden,
    tokens,
)
from jobforge.autopilots.growth.seo.evidence import item
from jobforge.autopilots.growth.seo.languages import is_language_tag
from jobforge.autopilots.growth.seo.model import Finding, SeoItem
from jobforge.autopilots.growth.seo.urls import host_of, resolve, without_fragment

TITLE_LENGTH = (20, 60)
DESCRIPTION_LENGTH = (80, 160)
MIN_WORDS = 200
NEAR_EMPTY_WORDS = 20
MAX_ALT_LENGTH = 100
MAX_LINKS = 100
_LOCAL_HOST = re.compile(r"(?:localhost|127\.0\.0\.1|\[::1\]|0\.0\.0\.0)(?::\d+)?")


def content_findings(page: Document) -> Iterator[Finding]:
    """Every content audit that this page fails."""
    yield from titles(page)
    yield from descriptions(page)
    yield from text_length(page)
    yield from headings(page)
    yield from images(page)
    yield from links(page)
    yield from language(page)
    yield from alternates(page)
    yield from address(page.url)
    yield from open_graph(page)


def _finding(audit: str, items: Iterable[SeoItem], evidence: str = "") -> Iterator[Finding]:
    found = tuple(items)
    if found:
        yield Finding(audit, found, evidence or found[0].detail)


def titles(page: Document) -> Iterator[Finding]:
    """One title of sensible length."""
    elements = [e for e in page.all("title") if not has_ancestor(e, "svg")]
    if len(elements) > 1:
        yield from _finding(
            "multiple-title-tags",
            (item(e, "title") for e in elements),
            f"{len(elements)} title elements.",
        )
    length = len(page.title or "")
    if 0 < length < TITLE_LENGTH[0]:
        yield from _finding(
            "short-title", [item(elements[0], f"{length} characters: {page.title!r}")]
        )
    if length > TITLE_LENGTH[1]:
        yield from _finding(
            "long-title", [item(elements[0], f"{length} characters: {page.title!r}")]
        )


def descriptions(page: Document) -> Iterator[Finding]:
    """One description of sensible length."""
    found = [(c.strip(), e) for name, c, e in page.metas if name == "description"]
    if len(found) > 1:
        yield from _finding(
            "multiple-description-tags",
            (item(e, "description") for _, e in found),
            f"{len(found)} meta descriptions.",
        )
    if not found:
        return
    text, element = found[0]
    if 0 < len(text) < DESCRIPTION_LENGTH[0]:
        yield from _finding("short-description", [item(element, f"{len(text)} characters")])
    if len(text) > DESCRIPTION_LENGTH[1]:
        yield from _finding("long-description", [item(element, f"{len(text)} characters")])


def text_length(page: Document) -> Iterator[Finding]:
    """Enough text that is there without scripts."""
    count = len(page.words)
    if count < NEAR_EMPTY_WORDS and page.by_tag.get("script"):
        yield from _finding("near-empty-text", [SeoItem(f"{count} words beside scripts")])
    if count < MIN_WORDS:
        yield from _finding("little-content", [SeoItem(f"{count} words")])


def headings(page: Document) -> Iterator[Finding]:
    """One outline that starts with h1 and skips no level."""
    found = [e for e in page.root.iter("h1", "h2", "h3", "h4", "h5", "h6") if not is_hidden(e)]
    if not any(e.tag == "h1" for e in found):
        yield from _finding("no-h1", [SeoItem("no h1 element")])
    level = 0
    skips = []
    for element in found:
        own = int(str(element.tag)[1])
        if own > level + 1:
            skips.append(item(element, f"h{own} after {f'h{level}' if level else 'the start'}"))
        level = own
    yield from _finding("heading-order", skips)


def images(page: Document) -> Iterator[Finding]:
    """Images that can be indexed, described briefly, with a size."""
    found = list(page.all("img"))
    yield from _finding(
        "long-alt-text",
        (
            item(e, f"{len(alt)} characters")
            for e in found
            if len(alt := (e.get("alt") or "")) > MAX_ALT_LENGTH
        ),
    )
    yield from _finding(
        "unsized-images",
        (item(e, "no width and height") for e in found if not _is_sized(e)),
    )
    yield from _finding(
        "missing-img-element",
        (item(e, "no img inside") for e in page.all("picture") if e.find(".//img") is None),
    )


def _is_sized(image: Element) -> bool:
    style = image.get("style") or ""
    return all(
        image.get(side) or re.search(rf"(?<![-\w]){side}\s*:", style) or "aspect-ratio" in style
        for side in ("width", "height")
    )


def links(page: Document) -> Iterator[Finding]:
    """Links in sensible number, to public, encrypted addresses, followed on the own site."""
    own_host = host_of(page.url)
    targets = page.anchor_urls
    others = [(e, u) for e, u in targets if u != without_fragment(page.url)]
    if len(targets) > MAX_LINKS:
        yield from _finding("too-many-links", [SeoItem(f"{len(targets)} links")])
    if not others:
        yield from _finding("dead-end", [SeoItem("no link to another page")])
    inside = [(e, u) for e, u in others if host_of(u) == own_host]
    yield from _finding(
        "internal-no-follow",
        (item(e, "nofollow", u) for e, u in inside if "nofollow" in tokens(e.get("rel"))),
    )
    if page.url.startswith("https:"):
        yield from _finding(
            "http-links", (item(e, "http link", u) for e, u in inside if u.startswith("http:"))
        )
    yield from _finding(
        "external-without-no-follow",
        (
            item(e, "no rel", u)
            for e, u in others
            if host_of(u) != own_host
            and not tokens(e.get("rel")) & {"nofollow", "sponsored", "ugc"}
        ),
    )
    yield from _finding(
        "localhost-links",
        (
            item(e, "leads to this machine only", u)
            for e, u in others
            if host_of(u) != own_host and _LOCAL_HOST.fullmatch(host_of(u))
        ),
    )


def language(page: Document) -> Iterator[Finding]:
    """The page says which language it is in."""
    html = page.root
    tag = (html.get("lang") or html.get("{http://www.w3.org/XML/1998/namespace}lang") or "").strip()
    if not tag:
        yield from _finding("html-has-lang", [item(html, "no lang attribute")])
    elif not is_language_tag(tag):
        yield from _finding("html-lang-valid", [item(html, f"{tag!r} is no language tag")])


def alternates(page: Document) -> Iterator[Finding]:
    """The set of hreflang links is complete and says each thing once."""
    found = [
        link
        for link in page.links
        if link.rel == "alternate" and link.hreflang and link.place != "body" and link.href
    ]
    if not found:
        return
    here = without_fragment(resolve(page.url, page.url) or page.url)
    codes = {link.hreflang.lower() for link in found}
    if "x-default" not in codes:
        yield from _finding(
            "hreflang-missing-x-default", [SeoItem(f"codes: {', '.join(sorted(codes))}")]
        )
    own = [link for link in found if without_fragment(link.href or "") == here]
    if not own:
        yield from _finding(
            "hreflang-missing-self-reference", [SeoItem(f"none of {len(found)} is {here}")]
        )
    lang = (page.root.get("lang") or "").lower()
    own_codes = {link.hreflang.lower() for link in own} - {"x-default"}
    if lang and own_codes and not any(_agree(lang, code) for code in own_codes):
        yield from _finding(
            "hreflang-mismatch-lang", [SeoItem(f"lang {lang}, hreflang {sorted(own_codes)}")]
        )
    targets: dict[str, set[str]] = {}
    for link in found:
        targets.setdefault(link.hreflang.lower(), set()).add(link.href or "")
    yield from _finding(
        "multiple-lang-reference",
        (
            SeoItem(f"{code}: {', '.join(sorted(urls))}")
            for code, urls in sorted(targets.items())
            if len(urls) > 1
        ),
    )


def _agree(lang: str, code: str) -> bool:
    return lang == code or lang.split("-")[0] == code.split("-")[0]


def address(url: str) -> Iterator[Finding]:
    """The URL itself is easy to read and to copy."""
    path = urlsplit(url).path
    plain = unquote(path)
    if "_" in plain:
        yield from _finding("underscore-url", [SeoItem(path)])
    if " " in plain or "+" in path:
        yield from _finding("space-url", [SeoItem(path)])
    if "//" in path:
        yield from _finding("multiple-slashes", [SeoItem(path)])
    if any(char.isupper() for char in plain):
        yield from _finding("uppercase-url", [SeoItem(path)])


def open_graph(page: Document) -> Iterator[Finding]:
    """The page can be previewed. Source: ogp.me, basic metadata."""
    present = {(e.get("property") or "").lower() for e in page.all("meta") if e.get("content")}
    missing = [p for p in ("og:title", "og:type", "og:image", "og:url") if p not in present]
    if missing:
        yield from _finding("open-graph", [SeoItem(f"missing: {', '.join(missing)}")])


def duplicated_ids(page: Document) -> Iterator[Finding]:
    """Each id stands once."""
    found = [e for e in page.root.iter() if e.get("id")]
    counts = Counter(e.get("id") for e in found)
    seen: set[str] = set()
    items = []
    for element in found:
        name = element.get("id") or ""
        if counts[name] > 1 and name not in seen:
            seen.add(name)
            items.append(item(element, f"id {name!r} {counts[name]} times"))
    yield from _finding("duplicated-id", items)
