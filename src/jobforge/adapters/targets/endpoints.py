"""Calls to HTTP endpoints that connections name.

Beside its `url` and credentials a connection may hold `allow` (lines like `POST /restart/*`;
without them everything below the URL is allowed) and `honours_idempotency_key`.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any
from urllib.parse import unquote, urlsplit

from jobforge.core.context import HttpClient, HttpRequest
from jobforge.core.errors import EgressDenied, SettingInvalid
from jobforge.core.targets import EndpointAnswer, EndpointCall

FindConnection = Callable[[str], Awaitable[Mapping[str, Any]]]

IDEMPOTENCY_HEADER = "Idempotency-Key"
"""Source: IETF draft-ietf-httpapi-idempotency-key-header-07."""
MAX_ANSWER_BYTES = 1_000_000
_PATH = re.compile(r"/[A-Za-z0-9._~!$&'()*+,;=:@%/?-]*")
_MAX_DECODINGS = 5
_SEPARATORS = re.compile(r"[/\\;?]")


@dataclass(frozen=True, slots=True)
class _Endpoint:
    """A connection's settings, read."""

    base: str
    logs_in: bool
    allowed: tuple[tuple[str, str], ...]
    honours_key: bool


class HttpEndpoints:
    """Implements `core.targets.Endpoints` over the one way out, which adds the credentials."""

    def __init__(self, http: HttpClient, find_connection: FindConnection) -> None:
        self._http = http
        self._find_connection = find_connection

    async def check(self, connection: str, method: str, path: str) -> bool:
        """Whether the endpoint answers a repeated key without doing it again.

        Raises:
            ConnectionMissing: there is no such connection.
            SettingInvalid: its settings cannot be used.
            EgressDenied: it does not allow this method and path.
        """
        endpoint = _read(connection, await self._find_connection(connection))
        _admit(endpoint, connection, method, path)
        return endpoint.honours_key

    async def call(self, connection: str, call: EndpointCall) -> EndpointAnswer:
        """Send the call; redirects are not followed.

        Raises:
            ConnectionMissing: there is no such connection.
            SettingInvalid: its settings cannot be used.
            EgressDenied: the connection, or the address, is not allowed.
            NotReached: nothing was sent.
            TargetUnavailable: no whole answer came.
        """
        endpoint = _read(connection, await self._find_connection(connection))
        _admit(endpoint, connection, call.method, call.path)
        headers = []
        if call.body is not None:
            headers.append(("Content-Type", "application/json"))
        if call.idempotency_key is not None:
            headers.append((IDEMPOTENCY_HEADER, call.idempotency_key))
        answer = await self._http.fetch(
            HttpRequest(
                url=endpoint.base + call.path,
                connection=connection if endpoint.logs_in else None,
                method=call.method,
                headers=tuple(headers),
                body=call.body,
                timeout=call.timeout,
                max_bytes=MAX_ANSWER_BYTES,
                follow_redirects=False,
            )
        )
        return EndpointAnswer(status=answer.status, body=answer.body)


def _read(name: str, settings: Mapping[str, Any]) -> _Endpoint:
    try:
        url = urlsplit(str(settings.get("url", "")))
        host, port = url.hostname, url.port
    except ValueError:
        host, port, url = None, None, urlsplit("")
    if url.scheme not in {"http", "https"} or not host or url.query:
        raise SettingInvalid(f"the connection {name} needs a url like https://host/path")
    place = f"[{host}]" if ":" in host else host
    base = f"{url.scheme}://{place}{'' if port is None else f':{port}'}{url.path.rstrip('/')}"
    return _Endpoint(
        base=base,
        logs_in=bool(url.username or settings.get("token") or settings.get("headers")),
        allowed=tuple(_read_rule(name, rule) for rule in settings.get("allow", ())),
        honours_key=settings.get("honours_idempotency_key") is True,
    )


def _read_rule(name: str, rule: object) -> tuple[str, str]:
    method, _, pattern = str(rule).partition(" ")
    if not pattern.startswith("/"):
        raise SettingInvalid(f"the connection {name} allows {rule!r}", hint="like POST /restart/*")
    return method.upper(), pattern


def _admit(endpoint: _Endpoint, connection: str, method: str, path: str) -> None:
    if not _PATH.fullmatch(path) or path.startswith("//") or _climbs(path):
        raise EgressDenied(f"{path!r} is no path below {connection}'s URL")
    asked = path.partition("?")[0]
    if endpoint.allowed and not any(
        method == allowed and fnmatchcase(asked, pattern) for allowed, pattern in endpoint.allowed
    ):
        raise EgressDenied(
            f"{connection} does not allow {method} {asked}",
            hint="its owner lists what may be called in the connection's `allow`",
        )


def _climbs(path: str) -> bool:
    """Whether a server, or one behind it, could read a step up in the path, however encoded.

    Some take a backslash for a slash, servlet containers end a segment's name at `;`, and proxies
    decode once more. Source: RFC 3986, 5.2.4 (dot segments).
    """
    for _ in range(_MAX_DECODINGS):
        if {".", ".."} & set(_SEPARATORS.split(path)):
            return True
        decoded = unquote(path)
        if decoded == path:
            return False
        path = decoded
    return True
