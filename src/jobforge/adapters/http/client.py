"""The one way out over HTTP: addresses checked, size and time bounded, nothing ambient."""

from __future__ import annotations

import asyncio
import re
import ssl
import time
from dataclasses import dataclass, replace
from datetime import timedelta
from types import TracebackType
from typing import Final, Self

import httpcore
import httpx

from jobforge import __version__
from jobforge.adapters.http.address_guard import AddressGuard
from jobforge.adapters.http.body import ACCEPT_ENCODING, BoundedBody
from jobforge.adapters.http.plain_words import plain_words
from jobforge.adapters.http.transport import guarded_pool, trusting_context
from jobforge.core.context import HttpRequest, HttpResponse, Redirect
from jobforge.core.errors import EgressDenied, NotReached, TargetUnavailable

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(r"[^\x00-\x08\x0a-\x1f\x7f]*")
_REFUSED_METHODS = frozenset({"CONNECT", "TRACE"})
_OWN_HEADERS = frozenset({
    "host", "content-length", "transfer-encoding", "connection", "te", "trailer", "upgrade",
    "expect", "accept-encoding", "proxy-authorization", "proxy-connection",
})  # fmt: skip
_KEPT_ACROSS_ORIGINS = frozenset({"accept", "accept-language", "content-type", "user-agent"})
"""All that goes along to another origin: whatever else a caller sets may be a credential."""
_REDIRECTS = frozenset({301, 302, 303, 307, 308})


@dataclass(frozen=True, slots=True)
class _Hop:
    """What is sent next."""

    url: httpx.URL
    method: str
    headers: tuple[tuple[str, str], ...]
    body: bytes | None

    def follow(self, status: int, location: str) -> _Hop:
        """The request that a redirect leads to. Source: RFC 9110 section 15.4."""
        try:
            url = self.url.join(location).copy_with(fragment=None)
        except httpx.InvalidURL:
            raise TargetUnavailable(f"{self.url} redirects to what is no URL") from None
        after = replace(self, url=url)
        if status not in {307, 308} and self.method != "HEAD":
            kept = tuple(h for h in self.headers if not h[0].lower().startswith("content-"))
            after = replace(after, method="GET", body=None, headers=kept)
        if _origin(url) != _origin(self.url):
            kept = tuple(h for h in after.headers if h[0].lower() in _KEPT_ACROSS_ORIGINS)
            after = replace(after, headers=kept)
        return after


class GuardedHttpClient:
    """Implements `core.context.HttpClient`; one for a process and policy, for one event loop.

    No proxy, netrc or other setting of the environment is read, no cookie is kept. Connections are
    reused for some seconds; each goes to an address that was checked when it was opened.
    """

    def __init__(
        self,
        guard: AddressGuard,
        *,
        ssl_context: ssl.SSLContext | None = None,
        user_agent: str = f"JobForge/{__version__}",
    ) -> None:
        self._pool = guarded_pool(guard, ssl_context or trusting_context())
        self._user_agent = user_agent

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close every connection."""
        await self._pool.aclose()

    async def fetch(self, request: HttpRequest) -> HttpResponse:
        """Send one request; its timeout covers everything up to the last byte.

        A body longer than `max_bytes` is cut there and marked as truncated.

        Raises:
            EgressDenied: the URL, a header or an address on the way is not allowed.
            NotReached: no connection was made, so nothing was sent.
            TargetUnavailable: no whole answer in time, or a broken one.
        """
        hop = _first_hop(request)
        seconds = request.timeout.total_seconds()
        try:
            async with asyncio.timeout(seconds):
                return await self._follow(hop, request)
        except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
            raise NotReached(f"{request.url}: {plain_words(error)}") from None
        except (TimeoutError, httpcore.TimeoutException):
            raise TargetUnavailable(
                f"{request.url} gave no whole answer within {seconds:g} seconds"
            ) from None
        except (httpcore.NetworkError, httpcore.ProtocolError, OSError) as error:
            raise TargetUnavailable(f"{request.url}: {plain_words(error)}") from None

    async def _follow(self, hop: _Hop, request: HttpRequest) -> HttpResponse:
        started = time.monotonic()
        redirects: list[Redirect] = []
        while True:
            _check_url(hop.url)
            response = await self._send(hop, request, started)
            is_followed = request.follow_redirects and response.status in _REDIRECTS
            location = response.header("location") if is_followed else None
            if not location:
                elapsed = timedelta(seconds=time.monotonic() - started)
                return response.model_copy(
                    update={"redirects": tuple(redirects), "elapsed": elapsed}
                )
            if len(redirects) >= request.max_redirects:
                raise TargetUnavailable(
                    f"{request.url} redirects more than {request.max_redirects} times"
                )
            before, hop = hop, hop.follow(response.status, location)
            redirects.append(
                Redirect(url=str(before.url), status=response.status, location=str(hop.url))
            )

    async def _send(self, hop: _Hop, request: HttpRequest, started: float) -> HttpResponse:
        async with self._pool.stream(
            hop.method,
            _to_pool_url(hop.url),
            headers=self._headers(hop),
            content=hop.body,
            # The guard shares this among a host's addresses; the whole is bounded by `fetch`.
            extensions={"timeout": {"connect": request.timeout.total_seconds()}},
        ) as answer:
            first_byte = timedelta(seconds=time.monotonic() - started)
            received = tuple((_text(name), _text(value)) for name, value in answer.headers)
            body = BoundedBody(_all_of("content-encoding", received), request.max_bytes)
            async for chunk in answer.aiter_stream():
                body.feed(chunk)
                if body.is_truncated:
                    break
        return HttpResponse(
            url=str(hop.url),
            status=answer.status,
            headers=received,
            body=body.finish(),
            elapsed=timedelta(),
            first_byte=first_byte,
            is_truncated=body.is_truncated,
        )

    def _headers(self, hop: _Hop) -> list[tuple[bytes, bytes]]:
        given = [(name.encode(), value.encode()) for name, value in hop.headers]
        own = [(b"Host", hop.url.netloc), (b"Accept-Encoding", ACCEPT_ENCODING.encode())]
        names = {name.lower() for name, _ in given}
        if b"accept" not in names:
            own.append((b"Accept", b"*/*"))
        if b"user-agent" not in names:
            own.append((b"User-Agent", self._user_agent.encode()))
        return own + given


def _first_hop(request: HttpRequest) -> _Hop:
    try:
        url = httpx.URL(request.url).copy_with(fragment=None)
    except httpx.InvalidURL as error:
        raise EgressDenied(f"not a URL: {error}") from None
    method = request.method.upper()
    if not _TOKEN.fullmatch(method) or method in _REFUSED_METHODS:
        raise EgressDenied(f"the method {request.method!r} is not sent")
    for name, value in request.headers:
        if name.lower() in _OWN_HEADERS:
            raise EgressDenied(f"the header {name} is JobForge's own")
        if not _TOKEN.fullmatch(name) or not _VALUE.fullmatch(value):
            raise EgressDenied(f"the header {name!r} is not valid")
    return _Hop(url, method, request.headers, request.body)


def _check_url(url: httpx.URL) -> None:
    if url.scheme not in {"http", "https"}:
        raise EgressDenied(f"only http and https are reached, not {url.scheme or 'no scheme'}")
    if url.userinfo:
        raise EgressDenied(f"credentials in the URL of {url.host}: name a connection instead")
    if not url.host:
        raise EgressDenied("the URL names no host")


_DEFAULT_PORTS: Final = {"http": 80, "https": 443}


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port or _DEFAULT_PORTS.get(url.scheme)


def _to_pool_url(url: httpx.URL) -> httpcore.URL:
    return httpcore.URL(
        scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path
    )


def _all_of(name: str, headers: tuple[tuple[str, str], ...]) -> str:
    return ",".join(value for key, value in headers if key.lower() == name)


def _text(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")
