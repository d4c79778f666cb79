"""One HTML page, parsed once: its elements in document order, its text, its links."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import cast

from lxml import etree

from jobforge.autopilots.growth.seo.tables import words
from jobforge.autopilots.growth.seo.urls import page_url, resolve

PARSER_DEPTH = 2048
MAX_SOURCE = 15_000_000
"""Bytes or letters of a page that are read. Source: Google Search Central, "Googlebot limits"."""

_SNIPPET_LENGTH = 200
_INVISIBLE = frozenset(["script", "style", "noscript", "template", "head", "title", "textarea"])
_BLOCKS = words("html", "blocks")
_HIDDEN_STYLE = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.IGNORECASE)
_SPACES = re.compile(r"\s+")
_META_CHARSET = re.compile(rb"<meta[^>]+charset\s*=\s*[\"']?\s*([A-Za-z0-9_.:-]+)", re.IGNORECASE)
_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_LINK_HEADER = re.compile(r"<([^>]*)>((?:\s*;\s*[^\s=;,]+(?:\s*=\s*(?:\"[^\"]*\"|[^\s;,]+))?)*)")
_LINK_PARAM = re.compile(r";\s*([^\s=;,]+)(?:\s*=\s*(?:\"([^\"]*)\"|([^\s;,]+)))?")

_IS_DEEP = etree.XPath("boolean(//*[count(ancestor::*) >= 32])")

Element = etree._Element
Headers = Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class LinkElement:
    """A `<link>` of the head or body, or one entry of a `Link` header."""

    rel: str
    href: str | None
    raw: str
    hreflang: str
    place: str
    snippet: str
    line: int | None
    media: str = ""


class Document:
    """A parsed page. Elements inside `noscript` and `template` do not count, as in a browser."""

    def __init__(self, html: str | bytes, *, url: str, headers: Headers = ()) -> None:
        self.url = url
        self.headers = tuple(headers)
        self.charset_problem: str | None = None
        self.is_cut = len(html) > MAX_SOURCE
        self.text_of_source = self._decode(html[:MAX_SOURCE])
        self.root = _parse(self.text_of_source)
        self.by_tag: dict[str, list[Element]] = {}
        self._index()

    def _decode(self, html: str | bytes) -> str:
        if isinstance(html, str):
            return html
        charset = charset_of(html, self.headers)
        try:
            return html.decode(charset)
        except (UnicodeDecodeError, LookupError) as error:
            self.charset_problem = f"declared or assumed {charset}: {_plain(error)}"
            return html.decode("utf-8", errors="replace")

    def _index(self) -> None:
        for element in self.root.iter():
            self.by_tag.setdefault(str(element.tag), []).append(element)
        if "noscript" in self.by_tag or "template" in self.by_tag:
            for tag, elements in self.by_tag.items():
                shown = [e for e in elements if not has_ancestor(e, "noscript", "template")]
                self.by_tag[tag] = shown

    @cached_property
    def element_count(self) -> int:
        """Elements of the page."""
        return sum(map(len, self.by_tag.values()))

    @cached_property
    def depth(self) -> int:
        """Levels of nesting where there are more than 32, else 0: to count them takes time."""
        if not _IS_DEEP(self.root):
            return 0
        depth = deepest = 0
        for event, _ in etree.iterwalk(self.root, events=("start", "end")):
            depth += 1 if event == "start" else -1
            deepest = max(deepest, depth)
        return deepest

    def all(self, *tags: str) -> Iterator[Element]:
        """Elements with one of these tags, in document order for a single tag."""
        for tag in tags:
            yield from self.by_tag.get(tag, ())

    @cached_property
    def base_url(self) -> str:
        """What relative links are resolved against."""
        for element in self.all("base"):
            href = element.get("href")
            if href is not None:
                return resolve(href, self.url) or self.url
        return self.url

    @cached_property
    def metas(self) -> tuple[tuple[str, str, Element], ...]:
        """Every `<meta name>`: (name in lower case, content, element)."""
        return tuple(
            ((element.get("name") or "").lower(), element.get("content") or "", element)
            for element in self.all("meta")
        )

    def meta(self, name: str) -> tuple[str, Element] | None:
        """The first meta of this name."""
        return next(((c, e) for n, c, e in self.metas if n == name), None)

    @cached_property
    def links(self) -> tuple[LinkElement, ...]:
        """`<link>` elements, then the entries of `Link` headers."""
        elements = (self._link_element(e) for e in self.all("link") if not has_ancestor(e, "svg"))
        return (*elements, *self._header_links())

    def _link_element(self, element: Element) -> LinkElement:
        raw = element.get("href") or ""
        return LinkElement(
            rel=(element.get("rel") or "").lower(),
            href=resolve(raw, self.base_url) if raw else None,
            raw=raw,
            hreflang=element.get("hreflang") or "",
            place="body" if has_ancestor(element, "body") else "head",
            snippet=snippet(element),
            line=line_of(element),
            media=element.get("media") or "",
        )

    def _header_links(self) -> Iterator[LinkElement]:
        for name, value in self.headers:
            if name.lower() != "link":
                continue
            for match in _LINK_HEADER.finditer(value):
                params = {k.lower(): a or b for k, a, b in _LINK_PARAM.findall(match.group(2))}
                yield LinkElement(
                    rel=params.get("rel", "").lower(),
                    href=resolve(match.group(1), self.url) if match.group(1) else None,
                    raw=match.group(1),
                    hreflang=params.get("hreflang", ""),
                    place="headers",
                    snippet=f"Link: {match.group()}",
                    line=None,
                )

    @cached_property
    def anchor_urls(self) -> tuple[tuple[Element, str], ...]:
        """Every `<a>` with the http URL it leads to; one without href leads to the page itself."""
        pairs = ((e, page_url(e.get("href") or "#", self.base_url)) for e in self.all("a"))
        return tuple((element, url) for element, url in pairs if url is not None)

    def header(self, name: str) -> str | None:
        """The first header of this name, whatever its case."""
        return next((v for k, v in self.headers if k.lower() == name.lower()), None)

    @cached_property
    def title(self) -> str | None:
        """Text of the first `<title>` outside SVG, with its spaces folded; None where absent."""
        for element in self.all("title"):
            if not has_ancestor(element, "svg"):
                return fold(text_content(element))
        return None

    @cached_property
    def visible_text(self) -> str:
        """What a reader sees, with its spaces folded."""
        bodies = self.by_tag.get("body", [])
        return visible_text(bodies[0] if bodies else self.root)

    @cached_property
    def words(self) -> tuple[str, ...]:
        """Words of the visible text."""
        return tuple(re.findall(r"\w+", self.visible_text))


def _parse(text: str) -> Element:
    """Parse whatever comes; libxml2 drops what is nested deeper than PARSER_DEPTH."""
    parser = etree.HTMLParser(
        encoding="utf-8", remove_comments=True, remove_pis=True, huge_tree=True, no_network=True
    )
    source = text.replace("\x00", "\ufffd").encode("utf-8", errors="replace")
    root = etree.fromstring(source or b"<html></html>", parser)
    return root if root is not None else etree.fromstring(b"<html></html>", parser)


def charset_of(body: bytes, headers: Headers = ()) -> str:
    """The encoding a browser would use: byte order mark, header, meta, else UTF-8 or Windows-1252.

    Source: WHATWG HTML, section 13.2.3 (determining the character encoding).
    """
    for mark, name in _BOMS:
        if body.startswith(mark):
            return "utf-8-sig" if name == "utf-8" else name
    declared = _declared_charset(body, headers)
    if declared is None:
        return "utf-8" if _is_utf8(body) else "cp1252"
    name = declared.lower()
    return {"iso-8859-1": "cp1252", "latin1": "cp1252", "us-ascii": "cp1252"}.get(name, name)


def _declared_charset(body: bytes, headers: Headers) -> str | None:
    content_type = next((v for k, v in headers if k.lower() == "content-type"), "")
    found = re.search(r"charset\s*=\s*[\"']?([A-Za-z0-9_.:-]+)", content_type, re.IGNORECASE)
    if found:
        return found.group(1)
    meta = _META_CHARSET.search(body[:4096])
    return meta.group(1).decode("ascii") if meta else None


def _is_utf8(body: bytes) -> bool:
    try:
        body.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _plain(error: Exception) -> str:
    return str(error).partition(" in position")[0][:120]


def fold(text: str) -> str:
    """The text with every run of white space as one space, none at the ends."""
    return _SPACES.sub(" ", text).strip()


def snippet(element: Element) -> str:
    """The element's start tag, as evidence; at most 200 characters."""
    attributes = "".join(f' {k}="{v}"' for k, v in _attributes(element).items())
    text = f"<{element.tag}{attributes}>"
    return text if len(text) <= _SNIPPET_LENGTH else text[: _SNIPPET_LENGTH - 1] + "…"


def _attributes(element: Element) -> Mapping[str, str]:
    return {str(key): str(value) for key, value in element.attrib.items()}


def line_of(element: Element) -> int | None:
    """The line of the element's start tag in the source, from 1."""
    return cast("int | None", element.sourceline)


def has_ancestor(element: Element, *tags: str) -> bool:
    """Whether the element lies inside one with such a tag."""
    return next(element.iterancestors(*tags), None) is not None


def is_hidden(element: Element) -> bool:
    """Whether the element itself says that it is not shown."""
    style = element.get("style")
    return element.get("hidden") is not None or bool(style and _HIDDEN_STYLE.search(style))


def visible_text(element: Element) -> str:
    """The text a browser shows inside the element; hidden parts and scripts left out."""
    if is_hidden(element):
        return ""
    if len(element) == 0:
        return fold(element.text or "")
    parts: list[str] = []
    walk = etree.iterwalk(element, events=("start", "end"))
    for event, node in walk:
        if event == "start":
            _enter(node, parts, walk)
        elif node is not element and node.tail:
            parts.append(node.tail)
    return fold("".join(parts))


def _enter(node: Element, parts: list[str], walk: etree.iterwalk) -> None:
    if node.tag in _INVISIBLE or is_hidden(node):
        walk.skip_subtree()
        return
    if node.tag in _BLOCKS:
        parts.append(" ")
    if node.text:
        parts.append(node.text)


def text_content(element: Element) -> str:
    """All text inside the element, hidden or not."""
    return "".join(str(part) for part in element.itertext())


def tokens(value: str | None) -> frozenset[str]:
    """The lower-case words of an attribute such as `rel`."""
    return frozenset((value or "").lower().split())


def first(elements: Iterable[Element]) -> Element | None:
    """The first element, or None."""
    return next(iter(elements), None)
