from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest
from tests.adapters.http.site import Site, a_client

from jobforge.adapters.http.client import GuardedHttpClient
from jobforge.adapters.http.connected import ConnectedHttpClient
from jobforge.adapters.targets.endpoints import MAX_ANSWER_BYTES, HttpEndpoints
from jobforge.core.errors import (
    ConnectionMissing,
    EgressDenied,
    NotReached,
    SettingInvalid,
    TargetUnavailable,
)
from jobforge.core.targets import EndpointCall

TOKEN = "canary-token-of-the-pager"  # noqa: S105 (opens nothing)


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    async with Site().serving() as site:
        site.answer("/ops/restart/web", status="202 Accepted", body=b'{"done": true}')
        yield site


@pytest.fixture
async def client() -> AsyncIterator[GuardedHttpClient]:
    async with a_client("127.0.0.0/8") as client:
        yield client


def endpoints(client: GuardedHttpClient, settings: Mapping[str, Any]) -> HttpEndpoints:
    async def find(name: str) -> Mapping[str, Any]:
        if name != "pager":
            raise ConnectionMissing(f"there is no http connection {name}")
        return settings

    return HttpEndpoints(ConnectedHttpClient(client, find), find)


def base(site: Site) -> str:
    return f"http://127.0.0.1:{site.port}/ops"


def headers(site: Site) -> dict[str, str]:
    lines = site.requests[-1].partition("\r\n\r\n")[0].splitlines()[1:]
    return {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}


async def test_a_call_goes_below_the_url_with_its_key_body_and_login(
    site: Site, client: GuardedHttpClient
) -> None:
    ours = endpoints(client, {"url": base(site), "token": TOKEN})
    call = EndpointCall(
        method="POST", path="/restart/web", body=b'{"force": true}', idempotency_key="job-7-0"
    )

    answer = await ours.call("pager", call)

    assert (answer.status, answer.body) == (202, b'{"done": true}')
    assert site.requests[-1].startswith("POST /ops/restart/web HTTP/1.1")
    assert site.requests[-1].endswith('{"force": true}')
    assert headers(site)["idempotency-key"] == "job-7-0"
    assert headers(site)["content-type"] == "application/json"
    assert headers(site)["authorization"] == f"Bearer {TOKEN}"


async def test_the_same_call_is_sent_with_the_same_key(
    site: Site, client: GuardedHttpClient
) -> None:
    ours = endpoints(client, {"url": base(site), "honours_idempotency_key": True})
    call = EndpointCall(method="POST", path="/restart/web", idempotency_key="job-7-0")

    may_repeat = await ours.check("pager", "POST", "/restart/web")
    keys = []
    for _ in range(2):
        await ours.call("pager", call)
        keys.append(headers(site)["idempotency-key"])

    assert may_repeat
    assert keys == ["job-7-0", "job-7-0"]


@pytest.mark.parametrize("said", [False, None, "yes", 1])
async def test_only_a_plain_true_says_that_keys_are_honoured(
    site: Site, client: GuardedHttpClient, said: object
) -> None:
    ours = endpoints(client, {"url": base(site), "honours_idempotency_key": said})

    assert not await ours.check("pager", "POST", "/restart/web")


async def test_without_a_list_all_below_the_url_is_allowed(
    site: Site, client: GuardedHttpClient
) -> None:
    ours = endpoints(client, {"url": base(site)})

    assert (await ours.call("pager", EndpointCall(method="GET", path="/else"))).status == 404


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/stop/web"),
        ("DELETE", "/restart/web"),
        ("POST", "/restart"),
        ("POST", "/other/restart/web"),
        ("POST", "/?/restart/web"),
    ],
)
async def test_what_the_owner_does_not_list_is_neither_planned_nor_sent(
    site: Site, client: GuardedHttpClient, method: str, path: str
) -> None:
    ours = endpoints(client, {"url": base(site), "allow": ["POST /restart/*", "GET /state"]})

    with pytest.raises(EgressDenied, match="does not allow"):
        await ours.check("pager", method, path)
    with pytest.raises(EgressDenied, match="does not allow"):
        await ours.call("pager", EndpointCall(method=method, path=path))

    assert site.requests == []


@pytest.mark.parametrize(
    "path",
    [
        "restart/web",
        "//other.example/restart",
        "/restart/../stop",
        "/restart/%2e%2e/stop",
        "/restart/%2E./stop",
        "/restart/..%2fstop",
        "/restart/..%5Cstop",
        "/restart/%252e%252e/stop",
        "/restart/%25252e%25252e%25252fstop",
        "/restart/..;/stop",
        "/restart/..",
        "/restart/web\r\nX-Other: 1",
        "/restart/web stop",
        "/restart/\\..\\stop",
        "/restart/web#stop",
        "/restart/\u2024\u2024/stop",
        "http://other.example/",
    ],
)
async def test_a_path_that_climbs_or_is_none_is_never_sent(
    site: Site, client: GuardedHttpClient, path: str
) -> None:
    ours = endpoints(client, {"url": base(site), "allow": ["POST /restart/*"]})

    with pytest.raises(EgressDenied, match="no path below pager's URL"):
        await ours.call("pager", EndpointCall(method="POST", path=path))

    assert site.requests == []


@pytest.mark.parametrize("path", ["/restart/a..b", "/restart/...", "/restart/v1.2", "/restart/%41"])
async def test_dots_inside_a_name_do_not_climb(
    site: Site, client: GuardedHttpClient, path: str
) -> None:
    ours = endpoints(client, {"url": base(site), "allow": ["POST /restart/*"]})

    assert (await ours.call("pager", EndpointCall(method="POST", path=path))).status == 404


async def test_a_redirect_is_an_answer_and_is_not_followed(
    site: Site, client: GuardedHttpClient
) -> None:
    site.redirect("/ops/restart/web", f"http://127.0.0.1:{site.port}/ops/stop/web", 307)

    answer = await endpoints(client, {"url": base(site)}).call(
        "pager", EndpointCall(method="POST", path="/restart/web")
    )

    assert answer.status == 307
    assert len(site.requests) == 1


async def test_an_address_that_is_not_allowed_is_not_reached(site: Site) -> None:
    async with a_client("") as guarded:
        with pytest.raises(EgressDenied):
            await endpoints(guarded, {"url": base(site)}).call(
                "pager", EndpointCall(method="POST", path="/restart/web")
            )

    assert site.connections == 0


async def test_a_refused_connection_says_that_nothing_was_sent(client: GuardedHttpClient) -> None:
    async with Site().serving() as gone:
        pass

    with pytest.raises(NotReached):
        await endpoints(client, {"url": base(gone)}).call(
            "pager", EndpointCall(method="POST", path="/restart/web")
        )


async def test_an_answer_that_breaks_off_does_not_tell_that_nothing_was_sent(
    site: Site, client: GuardedHttpClient
) -> None:
    site.answers["/ops/restart/web"] = b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nhalf"
    site.slow = lambda write: write(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nhalf")

    with pytest.raises(TargetUnavailable) as error:
        await endpoints(client, {"url": base(site)}).call(
            "pager", EndpointCall(method="POST", path="/restart/web")
        )

    assert not isinstance(error.value, NotReached)


async def test_an_endless_answer_is_not_read_to_its_end(
    site: Site, client: GuardedHttpClient
) -> None:
    site.answer("/ops/restart/web", body=b"x" * (MAX_ANSWER_BYTES + 1))

    answer = await endpoints(client, {"url": base(site)}).call(
        "pager", EndpointCall(method="POST", path="/restart/web")
    )

    assert len(answer.body) == MAX_ANSWER_BYTES


async def test_a_connection_of_another_name_is_missing(client: GuardedHttpClient) -> None:
    with pytest.raises(ConnectionMissing):
        await endpoints(client, {}).check("other", "GET", "/")


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"url": "ftp://host/"},
        {"url": "https:///path"},
        {"url": "http://[::1"},
        {"url": "https://host/?a=b"},
        {"url": "https://host/", "allow": ["POST"]},
        {"url": "https://host/", "allow": ["POST restart"]},
    ],
)
async def test_settings_of_no_use_are_refused(
    client: GuardedHttpClient, settings: dict[str, Any]
) -> None:
    with pytest.raises(SettingInvalid, match="pager"):
        await endpoints(client, settings).check("pager", "GET", "/")
