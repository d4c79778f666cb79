"""Lighthouse's SEO audits that need no browser, with the same items.

Source: github.com/GoogleChrome/lighthouse, `core/audits/seo` and `core/audits/viewport.js`, and the
axe rules `document-title` and `image-alt`; re-implemented from their descriptions and tests.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from jobforge.autopilots.growth.seo.document import (
    Document,
    Element,
    has_ancestor,
    is_hidden,
    line_of,
    text_content,
    visible_text,
)
from jobforge.autopilots.growth.seo.evidence import count_of, item
from jobforge.autopilots.growth.seo.indexing import (
    Circumstances,
    canonical,
    hreflang,
    is_crawlable,
)
from jobforge.autopilots.growth.seo.link_texts import NON_DESCRIPTIVE
from jobforge.autopilots.growth.seo.model import Finding, SeoItem
from jobforge.autopilots.growth.seo.tables import words
from jobforge.autopilots.growth.seo.urls import is_absolute, resolve, without_fragment

_ANY_LANGUAGE = frozenset[str]().union(*NON_DESCRIPTIVE.values())
_JAVASCRIPT_VOID = re.compile(r"javascript:void\(?0\)?")
_VIEWPORT_PAIR = re.compile(r"([^\s,;=]+)\s*=\s*([^\s,;=]+)")


def lighthouse_findings(page: Document, circumstances: Circumstances) -> Iterator[Finding]:
    """Every Lighthouse SEO audit that this page fails."""
    yield from document_title(page)
    yield from meta_description(page)
    yield from viewport(page)
    yield from link_text(page)
    yield from crawlable_anchors(page)
    yield from is_crawlable(page, circumstances)
    yield from image_alt(page)
    yield from hreflang(page)
    yield from canonical(page)
    yield from plugins(page)


def document_title(page: Document) -> Iterator[Finding]:
    """The page has a `<title>` with text."""
    if not page.title:
        what = "the title element is empty" if page.title is not None else "no title element"
        yield Finding("document-title", (SeoItem(what),), f"The page has {what}.")


def meta_description(page: Document) -> Iterator[Finding]:
    """The page has a meta description with text."""
    found = page.meta("description")
    if found is None:
        yield Finding(
            "meta-description", (SeoItem("no meta description"),), "There is no meta description."
        )
    elif not found[0].strip():
        yield Finding(
            "meta-description", (item(found[1], "empty"),), "The meta description is empty."
        )


def viewport(page: Document) -> Iterator[Finding]:
    """The page has a viewport for mobile screens; without one its font size is not legible."""
    found = page.meta("viewport")
    if found is None:
        items, why = (SeoItem("no viewport meta tag"),), "No viewport meta tag found."
    elif not is_mobile_viewport(found[0]):
        items = (item(found[1], "neither width nor an initial-scale of at least 1"),)
        why = f"The viewport is not made for mobile screens: {found[0]!r}."
    else:
        return
    yield Finding("viewport", items, why)
    yield Finding(
        "font-size", items, "Text is illegible: there is no viewport meta tag for mobile screens."
    )


def is_mobile_viewport(content: str) -> bool:
    """Whether the viewport sets a width or an initial scale, and no scale below 1."""
    pairs = {k.lower(): v.lower() for k, v in _VIEWPORT_PAIR.findall(content)}
    known = {k: v for k, v in pairs.items() if k in words("html", "viewport")}
    scale = _number(known.get("initial-scale"))
    if scale is not None and scale < 1:
        return False
    return bool(known.get("width")) or bool(scale)


def _number(text: str | None) -> float | None:
    try:
        return float(text) if text is not None else None
    except ValueError:
        return None


def link_text(page: Document) -> Iterator[Finding]:
    """Every followed link says what it leads to."""
    items = tuple(
        item(anchor, f"link text {text!r}", href)
        for anchor in page.all("a")
        if (text := _anchor_text(anchor, page))
        and _is_vague(text, None)
        and (href := _judged_href(anchor, page))
        and _is_shown(anchor)
        and _is_vague(text, _language_of(anchor))
    )
    if items:
        yield Finding(
            "link-text", items, f"{count_of(items, 'link')} found without descriptive text."
        )


def _judged_href(anchor: Element, page: Document) -> str | None:
    raw = anchor.get("href")
    is_nofollow = "nofollow" in (anchor.get("rel") or "") and not has_ancestor(anchor, "svg")
    if raw is None or is_nofollow:
        return None
    href = resolve(raw, page.base_url)
    if not href or href.lower().startswith(("javascript:", "mailto:")):
        return None
    return None if without_fragment(href) == without_fragment(page.url) else href


def _anchor_text(anchor: Element, page: Document) -> str:
    if "svg" in page.by_tag and has_ancestor(anchor, "svg"):
        return text_content(anchor).strip()
    return visible_text(anchor)


def _is_shown(anchor: Element) -> bool:
    return not any(is_hidden(parent) for parent in anchor.iterancestors())


def _is_vague(text: str, language: str | None) -> bool:
    if text.lower().startswith(("http://", "https://")) and " " not in text and is_absolute(text):
        return True
    term = text.lower()
    if language:
        return term in NON_DESCRIPTIVE.get(language.split("-")[0], frozenset())
    return term in _ANY_LANGUAGE


def _language_of(anchor: Element) -> str | None:
    """The language of the anchor's text; None where its parts disagree and nothing encloses it."""
    inner: str | None = None
    for child in anchor.iterdescendants():
        if not text_content(child):
            continue
        language = _closest_language(child)
        if language and inner and inner.split("-")[0] != language.split("-")[0]:
            return None
        inner = inner or language
    return inner or _closest_language(anchor)


def _closest_language(element: Element) -> str | None:
    node: Element | None = element
    while node is not None:
        language = node.get("lang")
        if language is not None:
            return language
        node = node.getparent()
    return None


def crawlable_anchors(page: Document) -> Iterator[Finding]:
    """Every anchor leads somewhere a crawler can go."""
    items = tuple(
        item(anchor, why) for anchor in page.all("a") if (why := _uncrawlable(anchor, page))
    )
    if items:
        yield Finding("crawlable-anchors", items, f"{count_of(items, 'link')} cannot be crawled.")


def _uncrawlable(anchor: Element, page: Document) -> str | None:
    raw = "".join((anchor.get("href") or "").split())
    if (anchor.get("role") or "").strip() or raw.startswith("mailto:"):
        return None
    if raw == "" and anchor.get("id"):
        return None
    if raw.startswith("file:"):
        return "a file: URL"
    is_target = (anchor.get("name") or "").strip() or _is_placeholder(anchor)
    return None if is_target else _href_fault(anchor, raw, page)


def _href_fault(anchor: Element, raw: str, page: Document) -> str | None:
    if anchor.get("href") is None:
        return "no href"
    if _JAVASCRIPT_VOID.search(raw):
        return "javascript:void instead of a URL"
    return "not a valid URL" if resolve(raw, page.base_url) is None else None


def _is_placeholder(anchor: Element) -> bool:
    return (
        anchor.get("href") is None
        and not any(anchor.get(name) is not None for name in words("html", "anchor_attributes"))
        and anchor.get("aria-current") in ("page", "location")
    )


def image_alt(page: Document) -> Iterator[Finding]:
    """Every image says what it shows, or that it is decoration. Source: axe rule `image-alt`."""
    items = tuple(
        item(image, "no alternative text") for image in page.all("img") if _lacks_alt(image)
    )
    if items:
        yield Finding("image-alt", items, f"{count_of(items, 'image')} without alternative text.")


def _lacks_alt(image: Element) -> bool:
    alt = image.get("alt")
    if alt is not None and (alt == "" or alt.strip()):
        return False
    if is_hidden(image):
        return False
    if image.get("role") in ("presentation", "none") or image.get("aria-hidden") == "true":
        return False
    if any((image.get(name) or "").strip() for name in ("aria-label", "aria-labelledby", "title")):
        return False
    return not any(is_hidden(p) or p.get("aria-hidden") == "true" for p in image.iterancestors())


_PLUGIN_TYPES = ("application/x-java-applet", "application/x-java-bean")
_PLUGIN_EXACT = frozenset(
    ["application/x-shockwave-flash", "application/x-silverlight", "application/x-silverlight-2"]
)
_PLUGIN_FILES = frozenset(["swf", "flv", "class", "xap"])


def plugins(page: Document) -> Iterator[Finding]:
    """The page needs no browser plugin."""
    found = sorted(
        (e for e in page.all("applet", "embed", "object") if _is_plugin(e)),
        key=lambda e: line_of(e) or 0,
    )
    items = tuple(item(element, "plugin content") for element in found)
    if items:
        yield Finding("plugins", items, f"{count_of(items, 'plugin')} found.")


def _is_plugin(element: Element) -> bool:
    kind = (element.get("type") or "").strip().lower()
    if element.tag == "applet" or kind in _PLUGIN_EXACT or kind.startswith(_PLUGIN_TYPES):
        return True
    source = "src" if element.tag == "embed" else "data"
    if _is_plugin_file(element.get(source) or ""):
        return True
    return any(
        (param.get("name") or "").strip().lower() in ("code", "movie", "source", "src")
        and _is_plugin_file(param.get("value") or "")
        for param in element.iterchildren("param")
    )


def _is_plugin_file(url: str) -> bool:
    path = urlsplit(resolve(url, "http://base.invalid/") or "").path
    return "." in path and path.rpartition(".")[2].lower() in _PLUGIN_FILES
