"""An exported site as if it were served: files by route, from the tenant's folder."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Literal
from urllib.parse import quote, unquote, urlsplit

from jobforge.autopilots.growth.seo.document import Document
from jobforge.autopilots.growth.seo.technical_checks import canonical_of
from jobforge.autopilots.growth.seo.urls import origin
from jobforge.core.context import HttpRequest, HttpResponse, Workspace
from jobforge.core.errors import DatasetMissing, SourceMalformed, TargetUnavailable

SourceType = Literal["html_export", "nextjs_routes"]
UNKNOWN_ORIGIN = "https://site.invalid"
"""Stands for the site's own address where no page names it."""

_NEXT_ROOTS = (".next/server/app", ".next/server/pages", "out")
_ROUTE_FILE = re.compile(r"(?:^|/)(?:src/)?(app|pages)/(.*)$")
_PAGE_FILE = re.compile(r"(?:^|/)page\.(?:tsx|ts|jsx|js|mdx|md)$")
_PAGES_FILE = re.compile(r"\.(?:tsx|ts|jsx|js|mdx)$")
_GROUP = re.compile(r"\([^/]*\)/|@[^/]*/")
_INDEX = re.compile(r"(^|/)index$")
_NOT_PAGES = frozenset(["_app", "_document", "_error", "404", "500", "_not-found"])
_SAMPLE = 50
_ELAPSED = timedelta(0)
_HTML = (("content-type", "text/html"),)
_TYPES = {"css": "text/css", "js": "text/javascript", "png": "image/png", "jpg": "image/jpeg",
          "jpeg": "image/jpeg", "gif": "image/gif", "svg": "image/svg+xml", "webp": "image/webp",
          "pdf": "application/pdf", "txt": "text/plain", "xml": "application/xml",
          "json": "application/json", "ico": "image/x-icon"}  # fmt: skip


def route_of(path: str) -> str:
    """The route of an HTML file: `about/index.html` and `about.html` are both `/about`."""
    stem = path.removesuffix(".html").removesuffix(".htm")
    return "/" + _INDEX.sub("", stem)


def html_files(names: Iterable[str], root: str, source_type: SourceType) -> dict[str, str]:
    """Routes and their files, of an export or of what Next.js has built."""
    inside = {name: _below(name, root) for name in names}
    html = {n: r for n, r in inside.items() if r.endswith((".html", ".htm"))}
    if source_type == "nextjs_routes":
        built = {n: _below(r, prefix) for n, r in html.items() for prefix in _NEXT_ROOTS
                 if r.startswith(prefix + "/")}  # fmt: skip
        html = built or html
    routes: dict[str, str] = {}
    for name, relative in sorted(html.items()):
        route = route_of(relative)
        if route.rpartition("/")[2] not in _NOT_PAGES:
            routes.setdefault(route, name)
    return routes


def source_routes(names: Iterable[str], root: str) -> list[str]:
    """Static routes that a Next.js project declares in `app/` or `pages/`."""
    found = set()
    for name in names:
        match = _ROUTE_FILE.search(_below(name, root))
        if match is None or ".next/" in name or "node_modules/" in name:
            continue
        kind, rest = match.groups()
        route = _app_route(rest) if kind == "app" else _pages_route(rest)
        if route is not None and "[" not in route:
            found.add(route)
    return sorted(found)


def _app_route(rest: str) -> str | None:
    if not _PAGE_FILE.search(rest):
        return None
    return "/" + _GROUP.sub("", _PAGE_FILE.sub("", rest) + "/").strip("/")


def _pages_route(rest: str) -> str | None:
    if not _PAGES_FILE.search(rest) or rest.startswith("api/"):
        return None
    stem = _INDEX.sub("", _PAGES_FILE.sub("", rest))
    return None if stem.rpartition("/")[2] in _NOT_PAGES else "/" + stem


def _below(name: str, root: str) -> str:
    return name.removeprefix(root.rstrip("/") + "/") if root not in ("", ".") else name


class ExportedSite:
    """Answers requests from the files of a folder, and knows the one URL of each route."""

    def __init__(
        self, workspace: Workspace, root: str, names: Sequence[str], routes: dict[str, str]
    ) -> None:
        self.origin = UNKNOWN_ORIGIN
        self.routes = routes
        self.missing_routes: tuple[str, ...] = ()
        self._workspace = workspace
        self._files = {"/" + _below(name, root): name for name in names}

    @classmethod
    async def open(
        cls, workspace: Workspace, root: str, source_type: SourceType, target_url: str | None = None
    ) -> ExportedSite:
        """Find the pages below a folder.

        Raises:
            DatasetMissing: there is no HTML file.
            PathDenied: the folder is not the tenant's.
        """
        root = root.strip().removeprefix("./").rstrip("/") or "."
        names = await workspace.list(root)
        routes = html_files(names, root, source_type)
        if not routes:
            raise DatasetMissing(
                f"no HTML file below {root} in the tenant's folder",
                hint=f"export the site to JOBFORGE_DATA_ROOT/<tenant>/{root}",
            )
        site = cls(workspace, root, names, routes)
        if source_type == "nextjs_routes":
            site.missing_routes = tuple(r for r in source_routes(names, root) if r not in routes)
        site.origin = origin(target_url) if target_url else await site._named_origin()
        return site

    async def _named_origin(self) -> str:
        """The address that most canonical links name."""
        votes: Counter[str] = Counter()
        for name in list(self.routes.values())[:_SAMPLE]:
            try:
                content = await self._read(name)
            except TargetUnavailable:
                continue
            page = Document(content, url=UNKNOWN_ORIGIN + "/")
            named = canonical_of(page)
            if named and not named.startswith(UNKNOWN_ORIGIN):
                votes[origin(named)] += 1
        return max(votes, key=lambda url: (votes[url], url), default=UNKNOWN_ORIGIN)

    @property
    def urls(self) -> tuple[str, ...]:
        """The URL of every page."""
        return tuple(self.origin + quote(route) for route in sorted(self.routes))

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader of the report should know."""
        if self.origin != UNKNOWN_ORIGIN:
            return ()
        return (f"no page names the site's address, so its URLs stand below {UNKNOWN_ORIGIN}",)

    def rewrite(self, url: str) -> str:
        """The one URL of a page, whichever of its spellings a link uses."""
        if origin(url) != self.origin:
            return url
        path = unquote(urlsplit(url).path)
        route = route_of(path.strip("/")).rstrip("/") or "/"
        return self.origin + quote(route) if route in self.routes else url

    async def fetch(self, request: HttpRequest) -> HttpResponse:
        """Answer like a web server that serves the folder."""
        path = unquote(urlsplit(request.url).path)
        route = route_of(path.strip("/")).rstrip("/") or "/"
        page = self.routes.get(route)
        if page is not None:
            return self._answer(request, 200, await self._read(page), _HTML)
        name = self._files.get(path)
        if name is None:
            return self._answer(request, 404, b"", _HTML)
        kind = _TYPES.get(path.rpartition(".")[2].lower(), "application/octet-stream")
        is_read = path.endswith((".txt", ".xml")) and request.method == "GET"
        body = await self._read(name) if is_read else b""
        return self._answer(request, 200, body, (("content-type", kind),))

    async def _read(self, name: str) -> bytes:
        """The file; one that is too large to read costs its own page, not the scan."""
        try:
            return await self._workspace.read(name)
        except (SourceMalformed, DatasetMissing) as error:
            raise TargetUnavailable(str(error)) from None

    def _answer(
        self, request: HttpRequest, status: int, body: bytes, headers: tuple[tuple[str, str], ...]
    ) -> HttpResponse:
        return HttpResponse(
            url=request.url,
            status=status,
            headers=headers,
            body=body[: request.max_bytes],
            elapsed=_ELAPSED,
            is_truncated=len(body) > request.max_bytes,
        )
