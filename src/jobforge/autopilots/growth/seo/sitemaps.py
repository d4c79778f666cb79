"""Sitemaps: plain lists, XML, indexes, gzip; read without trusting them."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from io import BytesIO

from lxml import etree

MAX_SITEMAP_BYTES = 50_000_000
MAX_SITEMAP_URLS = 50_000


@dataclass(frozen=True, slots=True)
class Sitemap:
    """What one sitemap file lists; `problem` says why it could not be read in full."""

    urls: tuple[str, ...] = ()
    children: tuple[str, ...] = ()
    problem: str | None = None


def parse_sitemap(body: bytes) -> Sitemap:
    """Read a sitemap or a sitemap index.

    Source: sitemaps.org/protocol.html (50,000 URLs and 50 MB a file; namespace or none).
    """
    try:
        content = _inflate(body) if body[:2] == b"\x1f\x8b" else body
    except (zlib.error, ValueError) as error:
        return Sitemap(problem=f"gzip: {error}")
    text = content.lstrip(b"\xef\xbb\xbf \t\r\n")
    if not text.startswith(b"<"):
        return _parse_text(text)
    return _parse_xml(content)


def _inflate(body: bytes) -> bytes:
    unpack = zlib.decompressobj(wbits=31)
    content = unpack.decompress(body, MAX_SITEMAP_BYTES + 1)
    if len(content) > MAX_SITEMAP_BYTES:
        raise ValueError(f"larger than {MAX_SITEMAP_BYTES} bytes")
    return content


def _parse_text(text: bytes) -> Sitemap:
    lines = [line.strip() for line in text.decode("utf-8", errors="replace").splitlines()]
    urls = tuple(line for line in lines if line.startswith(("http://", "https://")))
    return Sitemap(urls=urls) if urls else Sitemap(problem="neither XML nor a list of URLs")


def _parse_xml(content: bytes) -> Sitemap:
    urls: list[str] = []
    children: list[str] = []
    problem = None
    events = etree.iterparse(
        BytesIO(content), events=("end",), resolve_entities=False, no_network=True, load_dtd=False
    )
    try:
        for _, element in events:
            _take(element, urls, children)
            if len(urls) > MAX_SITEMAP_URLS:
                problem = f"more than {MAX_SITEMAP_URLS} URLs"
                break
    except etree.XMLSyntaxError as error:
        problem = f"not well-formed XML: {str(error)[:120]}"
    if not urls and not children and problem is None:
        problem = "lists no URL"
    return Sitemap(tuple(urls[:MAX_SITEMAP_URLS]), tuple(children), problem)


def _take(element: etree._Element, urls: list[str], children: list[str]) -> None:
    name = etree.QName(element).localname
    if name == "loc" and element.text:
        parent = element.getparent()
        kind = etree.QName(parent).localname if parent is not None else ""
        if kind == "sitemap":
            children.append(element.text.strip())
        elif kind == "url":
            urls.append(element.text.strip())
    elif name in ("url", "sitemap"):
        element.clear()
        parent = element.getparent()
        while parent is not None and element.getprevious() is not None:
            del parent[0]
