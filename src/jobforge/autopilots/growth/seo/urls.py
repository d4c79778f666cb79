"""URLs as a browser reads them: resolved, normalised, compared without their fragment."""

from __future__ import annotations

import re
from functools import lru_cache
from http import HTTPStatus
from urllib.parse import SplitResult, quote, urljoin, urlsplit, urlunsplit

_SPECIAL = {"http": 80, "https": 443, "ftp": 21, "ws": 80, "wss": 443}
_SCHEME = re.compile(r"^[A-Za-z][A-Za-z0-9+.-]*:")
_CONTROL = re.compile(r"[\t\n\r]")
_EDGE = "".join(chr(code) for code in range(0x21))
_FORBIDDEN_HOST = re.compile(r"[\x00-\x20#/:<>?@\[\\\]^|%]")
_PATH_SAFE = "/%:@!$&'()*+,;=~-._[]|^`"
_QUERY_SAFE = "/?%:@!$&()*+,;=~-._[]|^`{}\\"


_PLAIN_PATH = re.compile(r"/(?:[A-Za-z0-9_~-][A-Za-z0-9._~/-]*)?")
_PLAIN_URL = re.compile(r"https?://[a-z0-9.-]+/(?:[A-Za-z0-9_~-][A-Za-z0-9._~/-]*)?")
_CACHED = 16_384


@lru_cache(maxsize=_CACHED)
def resolve(href: str, base: str) -> str | None:
    """The absolute URL a browser would follow, without default port; None where it is invalid.

    Source: WHATWG URL Standard, section 4.4 (the parts that matter for links).
    """
    if "/." not in href:
        if _PLAIN_PATH.fullmatch(href) and base.startswith(("http://", "https://")):
            return site_of(base) + href
        if _PLAIN_URL.fullmatch(href):
            return href
    return _resolve(href, base)


@lru_cache(maxsize=_CACHED)
def site_of(url: str) -> str:
    """Scheme, host and port of an http URL, without the default port."""
    return (_resolve("/", url) or "/")[:-1]


def _resolve(href: str, base: str) -> str | None:
    href = _CONTROL.sub("", href.strip(_EDGE))
    scheme = _SCHEME.match(href)
    if scheme and scheme.group()[:-1].lower() not in _SPECIAL:
        return href
    if scheme and not href[scheme.end() :].strip("/\\"):
        return None
    try:
        parts = urlsplit(urljoin(base, href.replace("\\", "/")))
        return _serialize(parts)
    except ValueError:
        return None


def _serialize(parts: SplitResult) -> str | None:
    scheme = parts.scheme.lower()
    if scheme not in _SPECIAL:
        return parts.geturl()
    host = _host(parts)
    if host is None:
        return None
    port = parts.port
    netloc = host if port is None or port == _SPECIAL[scheme] else f"{host}:{port}"
    path = quote(_remove_dots(parts.path or "/"), safe=_PATH_SAFE)
    query = quote(parts.query, safe=_QUERY_SAFE)
    return urlunsplit((scheme, netloc, path, query, parts.fragment))


def _host(parts: SplitResult) -> str | None:
    host = parts.hostname
    if not host:
        return None
    if ":" in host:
        return f"[{host}]"
    if not host.isascii():
        host = host.encode("idna").decode("ascii")
    return None if _FORBIDDEN_HOST.search(host) else host


def _remove_dots(path: str) -> str:
    if "/." not in path:
        return path
    kept: list[str] = []
    segments = path.split("/")
    for segment in segments:
        match segment.lower().replace("%2e", "."):
            case "..":
                kept = kept[:-1] if len(kept) > 1 else kept
            case ".":
                continue
            case _:
                kept.append(segment)
    if segments[-1] in (".", ".."):
        kept.append("")
    return "/".join(kept) or "/"


def without_fragment(url: str) -> str:
    """The URL up to its `#`."""
    return url.partition("#")[0]


def page_url(href: str, base: str) -> str | None:
    """The http(s) URL to fetch for a link, without fragment; None for anything else."""
    resolved = resolve(href, base)
    if resolved is None or not resolved.startswith(("http://", "https://")):
        return None
    return without_fragment(resolved)


def is_absolute(url: str) -> bool:
    """Whether the text is a URL by itself, with a scheme and, for http, a host."""
    text = _CONTROL.sub("", url.strip(_EDGE))
    return bool(_SCHEME.match(text)) and resolve(text, "http://base.invalid/") is not None


def origin(url: str) -> str:
    """Scheme, host and port."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


@lru_cache(maxsize=_CACHED)
def host_of(url: str) -> str:
    """Host and port, lower case."""
    return urlsplit(url).netloc.lower()


def path_and_query(url: str) -> str:
    """What a server sees of the URL."""
    parts = urlsplit(url)
    path = parts.path or "/"
    return f"{path}?{parts.query}" if parts.query else path


def is_redirect(status: int) -> bool:
    """Whether an answer with this status sends the caller elsewhere."""
    return HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST
