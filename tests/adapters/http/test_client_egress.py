from __future__ import annotations

import socket
import ssl
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import pytest
import trustme
from tests.adapters.http.site import Site, a_client, answering

from jobforge.adapters.http.address_guard import Resolve, resolve_by_system
from jobforge.adapters.http.client import GuardedHttpClient
from jobforge.adapters.http.transport import trusting_context
from jobforge.core.context import HttpRequest
from jobforge.core.egress import IpAddress
from jobforge.core.errors import EgressDenied, TargetUnavailable


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "127.1",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "localhost",
        "localhost.",
        "a.localhost",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[::]",
        "0.0.0.0",  # noqa: S104 (an address that must be refused)
        "0",
        "127\u30020\u30020\u30021",
        "[fc00::1]",
        "[fe80::1]",
        "169.254.169.254",
        "100.64.0.1",
        "10.0.0.1",
    ],
)
async def test_an_internal_address_is_refused_in_every_spelling_before_a_packet(
    site: Site, host: str
) -> None:
    async with a_client("") as client:
        with pytest.raises(EgressDenied):
            await client.fetch(HttpRequest(url=f"http://{host}:{site.port}/"))

    assert site.connections == 0


@pytest.mark.parametrize(
    "location",
    [
        "http://127.0.0.1:{port}/inside",
        "http://localhost:{port}/inside",
        "//127.1:{port}/inside",
        "http://[::ffff:127.0.0.1]:{port}/inside",
    ],
)
async def test_a_redirect_to_loopback_is_refused(site: Site, location: str) -> None:
    resolve, _ = answering(["127.0.0.1"])
    site.redirect("/", location.format(port=site.port))
    async with a_client(f"front.example:{site.port}", _only("front.example", resolve)) as client:
        with pytest.raises(EgressDenied):
            await client.fetch(HttpRequest(url=f"http://front.example:{site.port}/"))

    assert [request.split()[1] for request in site.requests] == ["/"]


def _only(host: str, resolve: Resolve) -> Resolve:
    async def choose(name: str, port: int) -> Sequence[IpAddress]:
        return await (resolve if name == host else resolve_by_system)(name, port)

    return choose


@pytest.mark.parametrize(
    ("location", "error"),
    [
        ("file:///etc/passwd", EgressDenied),
        ("gopher://127.0.0.1/", EgressDenied),
        ("http://user:word@127.0.0.1/", EgressDenied),
        ("http://[oops/", TargetUnavailable),
    ],
)
async def test_a_redirect_to_something_else_is_refused(
    site: Site, client: GuardedHttpClient, location: str, error: type[Exception]
) -> None:
    site.redirect("/", location)

    with pytest.raises(error):
        await client.fetch(HttpRequest(url=f"http://127.0.0.1:{site.port}/"))


async def test_the_address_that_was_checked_is_the_one_connected_to(site: Site) -> None:
    resolve, asked = answering(["127.0.0.1"], ["10.0.0.1"])
    url = f"http://rebinding.example:{site.port}/404"
    async with a_client("127.0.0.1", resolve) as client:
        answer = await client.fetch(HttpRequest(url=url))
        assert asked == ["rebinding.example"]
        again = await client.fetch(HttpRequest(url=url))
        assert (asked, site.connections) == (["rebinding.example"], 1)

    assert (answer.status, again.status) == (404, 404)


async def test_an_answer_of_dns_that_changes_is_checked_for_each_new_connection(site: Site) -> None:
    resolve, asked = answering(["127.0.0.1"], ["10.0.0.1"])
    site.answer("/", "Connection: close")
    url = f"http://rebinding.example:{site.port}/"
    async with a_client("127.0.0.1", resolve) as client:
        await client.fetch(HttpRequest(url=url))
        with pytest.raises(EgressDenied, match=r"10\.0\.0\.1, which is private"):
            await client.fetch(HttpRequest(url=url))

    assert len(asked) == 2


async def test_one_refused_address_among_several_means_no_connection(site: Site) -> None:
    resolve, _ = answering(["127.0.0.1", "10.0.0.1"])
    async with a_client("127.0.0.1", resolve) as client:
        with pytest.raises(EgressDenied):
            await client.fetch(HttpRequest(url=f"http://mixed.example:{site.port}/"))

    assert site.connections == 0


async def test_the_next_address_is_tried_where_the_first_does_not_answer(site: Site) -> None:
    resolve, _ = answering(["127.0.0.9", "127.0.0.1"])
    async with a_client("127.0.0.0/8", resolve) as client:
        answer = await client.fetch(HttpRequest(url=f"http://two.example:{site.port}/404"))

    assert answer.status == 404


async def test_a_silent_first_address_leaves_time_for_the_next(site: Site) -> None:
    resolve, _ = answering(["127.0.0.9", "127.0.0.1"])
    # A full backlog makes the kernel drop further handshakes without a word.
    with socket.socket() as silent, ExitStack() as waiting:
        silent.bind(("127.0.0.9", site.port))
        silent.listen(0)
        for _ in range(4):
            filler = waiting.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.9", site.port))
        async with a_client("127.0.0.0/8", resolve) as client:
            answer = await client.fetch(
                HttpRequest(
                    url=f"http://two.example:{site.port}/404", timeout=timedelta(seconds=0.6)
                )
            )

    assert answer.status == 404
    assert answer.elapsed >= timedelta(seconds=0.25)


@pytest.mark.parametrize(
    ("url", "fault"),
    [
        ("ftp://127.0.0.1/", "not ftp"),
        ("file:///etc/passwd", "not file"),
        ("/relative", "no scheme"),
        ("http://", "no host"),
        ("http://[::1", "not a URL"),
        ("http://user:hunter2@127.0.0.1/", "credentials"),
    ],
)
async def test_what_is_not_a_plain_web_address_is_refused_without_echoing_a_password(
    client: GuardedHttpClient, url: str, fault: str
) -> None:
    with pytest.raises(EgressDenied, match=fault) as caught:
        await client.fetch(HttpRequest(url=url))

    assert "hunter2" not in caught.value.message


@pytest.mark.parametrize(
    ("method", "headers"),
    [
        ("CONNECT", ()),
        ("TRACE", ()),
        ("GET /x HTTP/1.1\r\nX:", ()),
        ("GET", (("Host", "internal"),)),
        ("GET", (("Transfer-Encoding", "chunked"),)),
        ("GET", (("Content-Length", "5"),)),
        ("GET", (("Proxy-Authorization", "x"),)),
        ("GET", (("X-A", "b\r\nX-C: d"),)),
        ("GET", (("X A", "b"),)),
    ],
)
async def test_a_request_cannot_smuggle_another(
    site: Site, client: GuardedHttpClient, method: str, headers: tuple[tuple[str, str], ...]
) -> None:
    url = f"http://127.0.0.1:{site.port}/"

    with pytest.raises(EgressDenied):
        await client.fetch(HttpRequest(url=url, method=method, headers=headers))

    assert site.connections == 0


SECRETS = (
    ("Authorization", "Bearer t"),
    ("Cookie", "session=1"),
    ("X-Api-Key", "k"),
    ("Accept", "text/html"),
)


async def test_credentials_stay_behind_when_a_redirect_leaves_the_origin(
    site: Site, other: Site, client: GuardedHttpClient
) -> None:
    site.redirect("/", f"http://127.0.0.1:{other.port}/")
    other.answer("/")

    await client.fetch(HttpRequest(url=f"http://127.0.0.1:{site.port}/", headers=SECRETS))

    assert all(f"{name}: {value}" in site.requests[0] for name, value in SECRETS)
    assert "Bearer" not in other.requests[0]
    assert "session=1" not in other.requests[0]
    assert "X-Api-Key" not in other.requests[0]
    assert "Accept: text/html" in other.requests[0]


async def test_credentials_go_along_within_the_origin(
    site: Site, client: GuardedHttpClient
) -> None:
    site.redirect("/", "/b")
    site.answer("/b")

    await client.fetch(HttpRequest(url=f"http://127.0.0.1:{site.port}/", headers=SECRETS))

    assert all(f"{name}: {value}" in site.requests[1] for name, value in SECRETS)


async def test_cookies_are_not_kept(site: Site, client: GuardedHttpClient) -> None:
    site.answer("/", "Set-Cookie: session=1")
    request = HttpRequest(url=f"http://127.0.0.1:{site.port}/")

    await client.fetch(request)
    await client.fetch(request)

    assert "ookie" not in site.requests[1]


async def test_no_proxy_or_netrc_of_the_environment_is_used(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password hunter2\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    site.answer("/", body=b"direct")

    async with a_client("127.0.0.1") as client:
        answer = await client.fetch(HttpRequest(url=f"http://127.0.0.1:{site.port}/"))

    assert answer.body == b"direct"
    assert "uthorization" not in site.requests[0]


async def test_tls_is_verified_for_the_name_although_the_address_is_pinned() -> None:
    authority = trustme.CA()
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("good.example").configure_cert(server)
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    resolve, _ = answering(["127.0.0.1"])

    async with Site().serving(server) as site, a_client("127.0.0.1", resolve, trusting) as client:
        site.answer("/", body=b"safe")
        answer = await client.fetch(HttpRequest(url=f"https://good.example:{site.port}/"))
        with pytest.raises(TargetUnavailable, match=r"certificate.*bad\.example"):
            await client.fetch(HttpRequest(url=f"https://bad.example:{site.port}/"))

    assert answer.body == b"safe"


async def test_a_certificate_of_an_unknown_authority_is_refused() -> None:
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(server)

    async with Site().serving(server) as site, a_client("127.0.0.1") as client:
        with pytest.raises(TargetUnavailable, match="certificate verify failed") as caught:
            await client.fetch(HttpRequest(url=f"https://127.0.0.1:{site.port}/"))

    assert "_ssl.c" not in caught.value.message


def test_public_authorities_are_trusted_and_nothing_is_skipped() -> None:
    context = trusting_context()

    assert context.cert_store_stats()["x509_ca"] > 50
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
