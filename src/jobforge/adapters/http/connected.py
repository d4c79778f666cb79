"""Outgoing HTTP with a tenant's credentials, which whoever asks never sees."""

from __future__ import annotations

import base64
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import unquote

import httpx

from jobforge.core.context import HttpClient, HttpRequest, HttpResponse
from jobforge.core.errors import EgressDenied, SettingInvalid

FindConnection = Callable[[str], Awaitable[Mapping[str, Any]]]
"""The opened settings of the tenant's http connection of a name; raises ConnectionMissing."""

MASK: Final = b"***"
_MIN_MASKED: Final = 8
"""A shorter text may stand in an answer by chance."""
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(r"[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?")


@dataclass(frozen=True, slots=True)
class HttpLogin:
    """Where credentials may go, and the headers that carry them."""

    base: httpx.URL
    headers: tuple[tuple[str, str], ...] = field(repr=False)
    secrets: tuple[bytes, ...] = field(repr=False)

    def covers(self, url: str) -> bool:
        """Whether the URL is this connection's own, or below it: same origin, same path."""
        try:
            asked = httpx.URL(url)
        except httpx.InvalidURL:
            return False
        if (asked.scheme, asked.host, asked.port) != (
            self.base.scheme, self.base.host, self.base.port,
        ) or asked.userinfo:  # fmt: skip
            return False
        path = unquote(asked.path)
        root = self.base.path.rstrip("/")
        is_plain = not {".", ".."} & set(re.split(r"[/\\]", path))
        return is_plain and (path == root or path.startswith(f"{root}/"))


def parse_http_login(name: str, settings: Mapping[str, Any]) -> HttpLogin:
    """Read a connection's `url` (`USER:PASSWORD@` is basic), `token` (bearer) and `headers`.

    Raises:
        SettingInvalid: the URL is none of http, a header has no valid form, or there is nothing to
            log in with. The message never repeats a setting.
    """
    url = _parse_url(name, settings)
    headers: dict[str, str] = {}
    secrets = [str(settings.get("token", "")), unquote(url.password)]
    if url.userinfo:
        login = f"{unquote(url.username)}:{unquote(url.password)}".encode()
        headers["authorization"] = f"Basic {base64.b64encode(login).decode()}"
    if settings.get("token"):
        headers["authorization"] = f"Bearer {settings['token']}"
    given = settings.get("headers", {})
    if not isinstance(given, Mapping):
        raise SettingInvalid(f"the headers of the connection {name} are no JSON object")
    headers |= {str(key).lower(): str(value) for key, value in given.items()}
    if not headers:
        raise SettingInvalid(f"the connection {name} has no credentials: a token, say")
    for key, value in headers.items():
        if not _NAME.fullmatch(key) or not _VALUE.fullmatch(value):
            raise SettingInvalid(f"a header of the connection {name} is not valid")
    secrets += [part for value in headers.values() for part in (value, value.split(" ")[-1])]
    masked = sorted({s.encode() for s in secrets if len(s) >= _MIN_MASKED}, key=len, reverse=True)
    base = url.copy_with(username=None, password=None, query=None, fragment=None)
    return HttpLogin(base, tuple(headers.items()), tuple(masked))


def _parse_url(name: str, settings: Mapping[str, Any]) -> httpx.URL:
    try:
        url = httpx.URL(str(settings.get("url", "")))
    except httpx.InvalidURL:
        raise SettingInvalid(f"the connection {name} has no usable url") from None
    if url.scheme not in {"http", "https"} or not url.host:
        raise SettingInvalid(f"the connection {name} needs a url like https://host/path")
    return url


class ConnectedHttpClient:
    """Implements `core.context.HttpClient` for one tenant: it adds what a named connection holds.

    A server that repeats the credentials in its answer does not give them to the handler: they are
    masked there.
    """

    def __init__(self, client: HttpClient, find_connection: FindConnection) -> None:
        self._client = client
        self._find = find_connection

    async def fetch(self, request: HttpRequest) -> HttpResponse:
        """Send one request, logged in where it names a connection."""
        if request.connection is None:
            return await self._client.fetch(request)
        login = parse_http_login(request.connection, await self._find(request.connection))
        if not login.covers(request.url):
            raise EgressDenied(
                f"{request.url} is not below the url of the connection {request.connection}"
            )
        own = {name for name, _ in login.headers}
        kept = tuple(header for header in request.headers if header[0].lower() not in own)
        update = {"headers": (*kept, *login.headers), "follow_redirects": False, "connection": None}
        return _masked(await self._client.fetch(request.model_copy(update=update)), login.secrets)


def _masked(response: HttpResponse, secrets: tuple[bytes, ...]) -> HttpResponse:
    body = response.body
    headers = response.headers
    for secret in secrets:
        body = body.replace(secret, MASK)
        text, mask = secret.decode(), MASK.decode()
        headers = tuple((name, value.replace(text, mask)) for name, value in headers)
    return response.model_copy(update={"body": body, "headers": headers})
