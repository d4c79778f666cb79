"""Audits of how a page is delivered: transport, headers, markup, robots directives, canonical."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import timedelta

from jobforge.autopilots.growth.seo.document import (
    MAX_SOURCE,
    PARSER_DEPTH,
    Document,
    Element,
)
from jobforge.autopilots.growth.seo.evidence import item
from jobforge.autopilots.growth.seo.model import Finding, SeoItem
from jobforge.autopilots.growth.seo.page_checks import duplicated_ids
from jobforge.autopilots.growth.seo.script_redirects import script_redirects
from jobforge.autopilots.growth.seo.urls import resolve, without_fragment

MAX_ELEMENTS = 1400
MAX_DEPTH = 32
SLOW_RESPONSE = timedelta(milliseconds=600)
MAX_PAGE_BYTES = 2_000_000
_LOADED = (
    ("img", "src"),
    ("script", "src"),
    ("iframe", "src"),
    ("video", "src"),
    ("audio", "src"),
    ("source", "src"),
    ("embed", "src"),
    ("object", "data"),
)
_HEAD_METAS = frozenset(["robots", "googlebot", "description", "viewport"])
_REFRESH = re.compile(
    r"^\s*(\d+)(?:\.\d*)?\s*(?:[;,]\s*(?:url\s*=\s*)?[\"']?([^\"']*)[\"']?)?", re.IGNORECASE
)


def technical_findings(page: Document) -> Iterator[Finding]:
    """Every audit of the markup that this page fails."""
    yield from robots_limits(page)
    yield from metas_in_body(page)
    yield from canonicals(page)
    yield from zoom(page)
    yield from size(page)
    yield from charset(page)
    yield from refresh(page)
    yield from script_redirects(page)
    yield from duplicated_ids(page)
    yield from forms(page)
    yield from mixed_content(page)


def transport_findings(page: Document, waited: timedelta | None) -> Iterator[Finding]:
    """Every audit of the delivery that this page fails; not asked of files."""
    if page.url.startswith("http:"):
        yield Finding("is-on-https", (SeoItem("http"),), "The page is served over http.")
    elif not page.header("strict-transport-security"):
        yield Finding("missing-hsts-header", (SeoItem("header absent"),), "No HSTS header.")
    policy = page.header("content-security-policy")
    if not policy and not any(_equiv(e) == "content-security-policy" for e in page.all("meta")):
        yield Finding("missing-csp", (SeoItem("header absent"),), "No Content-Security-Policy.")
    if (page.header("x-content-type-options") or "").strip().lower() != "nosniff":
        yield Finding("content-type-options", (SeoItem("header absent"),), "No nosniff header.")
    if waited is not None and waited > SLOW_RESPONSE:
        took = f"{waited / timedelta(milliseconds=1):.0f} ms"
        yield Finding("server-response-time", (SeoItem(took),), f"The first byte took {took}.")


def _equiv(element: Element) -> str:
    return (element.get("http-equiv") or "").strip().lower()


def _finding(audit: str, items: Iterable[SeoItem]) -> Iterator[Finding]:
    found = tuple(items)
    if found:
        yield Finding(audit, found, found[0].detail)


def robots_directives(page: Document) -> frozenset[str]:
    """Every directive that binds all robots, from meta tags and headers, in lower case."""
    texts = [content for name, content, _ in page.metas if name in ("robots", "googlebot")]
    texts += [
        v for k, v in page.headers if k.lower() == "x-robots-tag" and ":" not in v.split(",")[0]
    ]
    return frozenset(part.strip().lower() for text in texts for part in text.split(","))


def robots_limits(page: Document) -> Iterator[Finding]:
    """Robots directives that keep text or images out of results."""
    directives = robots_directives(page)
    if {"nosnippet", "max-snippet:0", "max-snippet: 0"} & directives:
        yield Finding("nosnippet", (SeoItem("nosnippet"),), "Snippets are forbidden.")
    if {"noimageindex", "none"} & directives:
        yield Finding("no-image-index", (SeoItem("noimageindex"),), "Images are not indexed.")


def metas_in_body(page: Document) -> Iterator[Finding]:
    """Tags that count in the head only are in the head."""
    bodies = page.by_tag.get("body", [])
    if not bodies:
        return
    body = bodies[0]
    found = [e for e in body.iter("meta") if (e.get("name") or "").lower() in _HEAD_METAS]
    found += [
        e
        for e in body.iter("link")
        if (e.get("rel") or "").lower() in ("canonical", "alternate") and e.get("href")
    ]
    found += [e for e in body.iter("title") if next(e.iterancestors("svg"), None) is None]
    yield from _finding("metas-in-body", (item(e, f"{e.tag} in the body") for e in found))


def canonicals(page: Document) -> Iterator[Finding]:
    """One canonical, the same in header and page."""
    found = [
        link for link in page.links if link.rel == "canonical" and link.raw and link.place != "body"
    ]
    if len(found) > 1:
        yield from _finding(
            "multiple-canonical-tags",
            (SeoItem("canonical", ln.raw, ln.snippet, ln.line) for ln in found),
        )
    in_page = {link.href for link in found if link.place == "head"}
    in_header = {link.href for link in found if link.place == "headers"}
    if in_page and in_header and in_page != in_header:
        yield from _finding(
            "canonical-mismatch",
            [SeoItem(f"page {sorted(map(str, in_page))}, header {sorted(map(str, in_header))}")],
        )


def canonical_of(page: Document) -> str | None:
    """The URL that the page names as preferred, without fragment."""
    for link in page.links:
        if link.rel == "canonical" and link.href and link.place != "body":
            return without_fragment(link.href)
    return None


def zoom(page: Document) -> Iterator[Finding]:
    """Visitors may zoom. Source: axe rule `meta-viewport`."""
    found = page.meta("viewport")
    if found is None:
        return
    text = found[0].lower().replace(" ", "")
    limit = re.search(r"maximum-scale=([0-9.]+)", text)
    if re.search(r"user-scalable=(no|0)(?![\d.])", text) or (limit and _below(limit.group(1), 2)):
        yield from _finding("meta-viewport", [item(found[1], "zooming is switched off")])


def _below(text: str, bound: float) -> bool:
    try:
        return float(text) < bound
    except ValueError:
        return False


def size(page: Document) -> Iterator[Finding]:
    """The page is small enough to be read in full."""
    if page.depth >= PARSER_DEPTH - 1:
        yield from _finding(
            "dom-size", [SeoItem(f"nested {page.depth} deep; what is below was not read")]
        )
    elif page.element_count > MAX_ELEMENTS or page.depth > MAX_DEPTH:
        levels = f", {page.depth} levels" if page.depth > MAX_DEPTH else ""
        yield from _finding("dom-size", [SeoItem(f"{page.element_count} elements{levels}")])
    if len(page.text_of_source) > MAX_PAGE_BYTES:
        length = f"{len(page.text_of_source)} characters"
        read = f"only the first {MAX_SOURCE} bytes were read" if page.is_cut else length
        yield from _finding("large-page", [SeoItem(read)])


def charset(page: Document) -> Iterator[Finding]:
    """The encoding is declared and right."""
    if page.charset_problem:
        yield from _finding("charset", [SeoItem(page.charset_problem)])
        return
    declared = "charset" in (page.header("content-type") or "").lower() or any(
        e.get("charset") or "charset" in (e.get("content") or "").lower() for e in page.all("meta")
    )
    if not declared:
        yield from _finding("charset", [SeoItem("no encoding declared")])


def refresh_target(page: Document) -> str | None:
    """Where a meta refresh leads, or None."""
    for element in page.all("meta"):
        if _equiv(element) == "refresh":
            found = _REFRESH.match(element.get("content") or "")
            if found and found.group(2):
                return resolve(found.group(2).strip(), page.base_url)
    return None


def refresh(page: Document) -> Iterator[Finding]:
    """No redirect by meta refresh."""
    target = refresh_target(page)
    if target:
        yield from _finding("meta-refresh", [SeoItem(f"to {target}", url=target)])


def forms(page: Document) -> Iterator[Finding]:
    """Forms are encrypted."""
    found = list(page.all("form"))
    if page.url.startswith("http:"):
        yield from _finding("form-on-http", (item(e, "form on an http page") for e in found))
    targets = ((e, resolve(e.get("action") or "", page.base_url)) for e in found)
    yield from _finding(
        "insecure-form",
        (
            item(e, "sends to http", url)
            for e, url in targets
            if url and url.startswith("http:") and e.get("action")
        ),
    )


def mixed_content(page: Document) -> Iterator[Finding]:
    """An https page loads nothing over http."""
    if not page.url.startswith("https:"):
        return
    found = [(e, e.get(name) or "") for tag, name in _LOADED for e in page.all(tag)]
    found += [
        (e, e.get("href") or "") for e in page.all("link") if "stylesheet" in (e.get("rel") or "")
    ]
    yield from _finding(
        "mixed-content",
        (
            item(e, "loaded over http", url)
            for e, raw in found
            if raw and (url := resolve(raw, page.base_url)) and url.startswith("http:")
        ),
    )
