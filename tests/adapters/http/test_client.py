from __future__ import annotations

import asyncio
import gzip
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta

import pytest
from tests.adapters.http.site import Site, Write, a_client

from jobforge.adapters.http.client import GuardedHttpClient
from jobforge.core.context import HttpRequest
from jobforge.core.egress import IpAddress
from jobforge.core.errors import TargetUnavailable


async def test_an_answer_comes_whole(site: Site, client: GuardedHttpClient) -> None:
    site.answer("/a?q=1", "Content-Type: text/plain", "X-Note: caf\u00e9", body=b"hello")

    answer = await client.fetch(HttpRequest(url=f"http://127.0.0.1:{site.port}/a?q=1#part"))

    assert (answer.status, answer.body, answer.is_truncated) == (200, b"hello", False)
    assert answer.url == f"http://127.0.0.1:{site.port}/a?q=1"
    assert answer.header("content-type") == "text/plain"
    assert answer.header("x-note") == "café"
    assert timedelta() < answer.elapsed < timedelta(seconds=5)


async def test_method_headers_and_body_are_sent(site: Site, client: GuardedHttpClient) -> None:
    request = HttpRequest(
        url=f"http://127.0.0.1:{site.port}/a",
        method="post",
        headers=(("X-Trace", "t1"), ("user-agent", "crawler")),
        body=b"payload",
    )

    await client.fetch(request)

    (sent,) = site.requests
    lines = sent.split("\r\n")
    assert lines[0] == "POST /a HTTP/1.1"
    assert f"Host: 127.0.0.1:{site.port}" in lines
    assert "X-Trace: t1" in lines
    assert [line for line in lines if line.lower().startswith("user-agent")] == [
        "user-agent: crawler"
    ]
    assert sent.endswith("\r\n\r\npayload")


async def test_the_first_byte_is_timed_apart_from_the_last(
    site: Site, client: GuardedHttpClient
) -> None:
    async def slowly(write: Write) -> None:
        await write(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab")
        await asyncio.sleep(0.3)
        await write(b"cd")

    site.slow = slowly

    answer = await client.fetch(HttpRequest(url=f"http://127.0.0.1:{site.port}/"))

    assert answer.body == b"abcd"
    assert answer.first_byte is not None
    assert answer.elapsed - answer.first_byte > timedelta(seconds=0.2)


async def test_redirects_are_followed_and_reported(site: Site, client: GuardedHttpClient) -> None:
    base = f"http://127.0.0.1:{site.port}"
    site.redirect("/a", "/b?x=1", 301)
    site.redirect("/b?x=1", f"{base}/c#part", 307)
    site.answer("/c", body=b"end")

    answer = await client.fetch(HttpRequest(url=f"{base}/a"))

    assert (answer.url, answer.body) == (f"{base}/c", b"end")
    assert [(r.url, r.status, r.location) for r in answer.redirects] == [
        (f"{base}/a", 301, f"{base}/b?x=1"),
        (f"{base}/b?x=1", 307, f"{base}/c"),
    ]


async def test_a_redirect_is_the_answer_where_following_was_not_asked_for(
    site: Site, client: GuardedHttpClient
) -> None:
    site.redirect("/a", "/b")

    answer = await client.fetch(
        HttpRequest(url=f"http://127.0.0.1:{site.port}/a", follow_redirects=False)
    )

    assert (answer.status, answer.header("Location"), answer.redirects) == (302, "/b", ())


async def test_an_endless_redirect_ends(site: Site, client: GuardedHttpClient) -> None:
    site.redirect("/a", "/a")

    with pytest.raises(TargetUnavailable, match="more than 3 times"):
        await client.fetch(HttpRequest(url=f"http://127.0.0.1:{site.port}/a", max_redirects=3))

    assert len(site.requests) == 4


@pytest.mark.parametrize(("status", "first_line"), [(302, "GET"), (303, "GET"), (307, "POST")])
async def test_a_post_is_sent_on_only_where_the_status_says_so(
    site: Site, client: GuardedHttpClient, status: int, first_line: str
) -> None:
    site.redirect("/", "/b", status)
    site.answer("/b")
    request = HttpRequest(
        url=f"http://127.0.0.1:{site.port}/",
        method="POST",
        headers=(("Content-Type", "text/plain"),),
        body=b"payload",
    )

    await client.fetch(request)

    assert site.requests[1].startswith(first_line)
    assert ("payload" in site.requests[1]) == (first_line == "POST")
    assert ("Content-Type" in site.requests[1]) == (first_line == "POST")


async def test_a_long_body_is_cut_and_marked(site: Site, client: GuardedHttpClient) -> None:
    site.answer("/", body=b"x" * 100_000)

    answer = await client.fetch(HttpRequest(url=f"http://127.0.0.1:{site.port}/", max_bytes=1_000))

    assert answer.body == b"x" * 1_000
    assert answer.is_truncated


async def test_compressed_bodies_are_unpacked_up_to_the_limit(
    site: Site, client: GuardedHttpClient
) -> None:
    site.answer("/ok", "Content-Encoding: gzip", body=gzip.compress(b"hello"))
    site.answer("/bomb", "Content-Encoding: gzip", body=gzip.compress(b"\0" * 20_000_000))
    base = f"http://127.0.0.1:{site.port}"

    ok = await client.fetch(HttpRequest(url=f"{base}/ok"))
    bomb = await client.fetch(HttpRequest(url=f"{base}/bomb", max_bytes=5_000))

    assert (ok.body, ok.is_truncated) == (b"hello", False)
    assert (len(bomb.body), bomb.is_truncated) == (5_000, True)


async def drip(write: Write) -> None:
    await write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    while True:
        await write(b"x")
        await asyncio.sleep(0.02)


async def drip_headers(write: Write) -> None:
    await write(b"HTTP/1.1 200 OK\r\n")
    while True:
        await write(b"X-A: b\r\n")
        await asyncio.sleep(0.02)


async def say_nothing(_write: Write) -> None:
    await asyncio.sleep(30)


@pytest.mark.parametrize("slow", [drip, drip_headers, say_nothing])
async def test_the_time_limit_covers_the_whole_answer(
    site: Site, client: GuardedHttpClient, slow: Callable[[Write], Awaitable[None]]
) -> None:
    site.slow = slow
    started = time.monotonic()

    with pytest.raises(TargetUnavailable, match=r"no whole answer within 0\.2 seconds"):
        await client.fetch(
            HttpRequest(url=f"http://127.0.0.1:{site.port}/", timeout=timedelta(milliseconds=200))
        )

    assert time.monotonic() - started < 1.5


async def test_the_time_limit_covers_all_redirects_together(
    site: Site, client: GuardedHttpClient
) -> None:
    async def redirect_slowly(write: Write) -> None:
        await asyncio.sleep(0.1)
        await write(b"HTTP/1.1 302 Found\r\nLocation: /on\r\nContent-Length: 0\r\n\r\n")

    site.slow = redirect_slowly

    with pytest.raises(TargetUnavailable, match="no whole answer"):
        await client.fetch(
            HttpRequest(
                url=f"http://127.0.0.1:{site.port}/",
                timeout=timedelta(milliseconds=250),
                max_redirects=100,
            )
        )


async def test_a_slow_resolver_is_bounded_too() -> None:
    async def never(_host: str, _port: int) -> Sequence[IpAddress]:
        await asyncio.sleep(30)
        return ()

    async with a_client("", never) as client:
        with pytest.raises(TargetUnavailable, match="no whole answer"):
            await client.fetch(
                HttpRequest(url="http://slow.example/", timeout=timedelta(milliseconds=50))
            )


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b"", "disconnected"),
        (b"not http at all\r\n\r\n", "illegal|invalid"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort", "closed"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab", "closed"),
    ],
)
async def test_a_broken_answer_is_unavailable_not_a_shorter_one(
    site: Site, client: GuardedHttpClient, raw: bytes, words: str
) -> None:
    async def break_off(write: Write) -> None:
        await write(raw)

    site.slow = break_off

    with pytest.raises(TargetUnavailable, match=words):
        await client.fetch(HttpRequest(url=f"http://127.0.0.1:{site.port}/"))


async def test_a_refused_connection_is_said_in_plain_words(client: GuardedHttpClient) -> None:
    with pytest.raises(TargetUnavailable, match="connection refused"):
        await client.fetch(HttpRequest(url="http://127.0.0.1:9/"))
