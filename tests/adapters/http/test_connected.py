from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pytest

from jobforge.adapters.http.client import GuardedHttpClient
from jobforge.adapters.http.connected import ConnectedHttpClient, parse_http_login
from jobforge.core.context import HttpRequest
from jobforge.core.errors import ConnectionMissing, EgressDenied, SettingInvalid

if TYPE_CHECKING:
    from tests.adapters.http.site import Site

TOKEN = "canary-token-of-the-tenant"  # noqa: S105 (opens nothing)


def connected(client: GuardedHttpClient, settings: Mapping[str, Any]) -> ConnectedHttpClient:
    async def find(name: str) -> Mapping[str, Any]:
        if name != "cms":
            raise ConnectionMissing(f"there is no http connection {name}")
        return settings

    return ConnectedHttpClient(client, find)


def header(site: Site, name: str) -> list[str]:
    lines = site.requests[-1].splitlines()
    return [line.partition(": ")[2] for line in lines if line.lower().startswith(f"{name}:")]


async def test_a_token_is_added_on_the_way_out(site: Site, client: GuardedHttpClient) -> None:
    base = f"http://127.0.0.1:{site.port}/api"
    ours = connected(client, {"url": base, "token": TOKEN})
    request = HttpRequest(
        url=f"{base}/posts/1", connection="cms", headers=(("Authorization", "the handler's own"),)
    )

    await ours.fetch(request)

    assert header(site, "authorization") == [f"Bearer {TOKEN}"]


async def test_a_login_in_the_url_is_basic_and_headers_of_any_name_go_along(
    site: Site, client: GuardedHttpClient
) -> None:
    base = f"127.0.0.1:{site.port}/"
    settings = {"url": f"http://ada:p%40ss@{base}", "headers": {"X-Api-Key": "another-secret"}}

    await connected(client, settings).fetch(HttpRequest(url=f"http://{base}a", connection="cms"))

    assert header(site, "authorization") == [f"Basic {base64.b64encode(b'ada:p@ss').decode()}"]
    assert header(site, "x-api-key") == ["another-secret"]


async def test_without_a_connection_nothing_is_added(site: Site, client: GuardedHttpClient) -> None:
    base = f"http://127.0.0.1:{site.port}/"

    await connected(client, {"url": base, "token": TOKEN}).fetch(HttpRequest(url=base))

    assert TOKEN not in site.requests[-1]


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:{other}/api/x",
        "https://127.0.0.1:{port}/api/x",
        "http://localhost:{port}/api/x",
        "http://127.0.0.1:{port}/apix",
        "http://127.0.0.1:{port}/",
        "http://127.0.0.1:{port}/api/../admin",
        "http://127.0.0.1:{port}/api/%2e%2e/admin",
        "http://127.0.0.1:{port}/api/%252e%252e/admin",
        "http://127.0.0.1:{port}/api/..%5cadmin",
        "http://eve@127.0.0.1:{port}/api/x",
        "http://[::1",
    ],
)
async def test_credentials_go_below_the_connections_own_url_only(
    site: Site, other: Site, client: GuardedHttpClient, url: str
) -> None:
    ours = connected(client, {"url": f"http://127.0.0.1:{site.port}/api", "token": TOKEN})
    request = HttpRequest(url=url.format(port=site.port, other=other.port), connection="cms")

    with pytest.raises(EgressDenied, match="below the url of the connection cms"):
        await ours.fetch(request)

    assert site.requests == other.requests == []


async def test_a_redirect_is_not_followed_with_credentials(
    site: Site, other: Site, client: GuardedHttpClient
) -> None:
    base = f"http://127.0.0.1:{site.port}/"
    site.redirect("/a", f"http://127.0.0.1:{other.port}/b", 307)

    answer = await connected(client, {"url": base, "token": TOKEN}).fetch(
        HttpRequest(url=f"{base}a", connection="cms", follow_redirects=True)
    )

    assert answer.status == 307
    assert other.requests == []


async def test_a_server_that_repeats_the_credentials_does_not_give_them_away(
    site: Site, client: GuardedHttpClient
) -> None:
    base = f"http://127.0.0.1:{site.port}/"
    site.answer("/echo", f"X-Seen: Bearer {TOKEN}", body=f"you sent {TOKEN}!".encode())

    answer = await connected(client, {"url": base, "token": TOKEN}).fetch(
        HttpRequest(url=f"{base}echo", connection="cms")
    )

    assert answer.body == b"you sent ***!"
    assert answer.header("x-seen") == "***"
    assert TOKEN not in answer.model_dump_json()


async def test_an_unknown_connection_sends_nothing(site: Site, client: GuardedHttpClient) -> None:
    with pytest.raises(ConnectionMissing):
        await connected(client, {}).fetch(
            HttpRequest(url=f"http://127.0.0.1:{site.port}/", connection="other")
        )

    assert site.requests == []


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"url": "ftp://host/", "token": TOKEN},
        {"url": "http://[::1", "token": TOKEN},
        {"url": "https://host/"},
        {"url": "https://host/", "token": f"{TOKEN}\r\nX-Other: 1"},
        {"url": "https://host/", "headers": {"a b": TOKEN}},
        {"url": "https://host/", "headers": [TOKEN]},
    ],
)
def test_settings_of_no_use_are_refused_without_repeating_them(settings: dict[str, Any]) -> None:
    with pytest.raises(SettingInvalid) as refusal:
        parse_http_login("cms", settings)

    assert TOKEN not in str(refusal.value)
    assert "cms" in str(refusal.value)


def test_a_login_shows_no_secret_in_its_repr() -> None:
    assert TOKEN not in repr(parse_http_login("cms", {"url": "https://host/", "token": TOKEN}))
