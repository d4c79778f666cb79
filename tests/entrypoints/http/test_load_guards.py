"""Slow and idle clients, on a real socket: they cost a connection for a moment, and nobody else."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

import pytest
from tests.application import look
from tests.entrypoints.http.sockets import connected, listening, serving

from jobforge.core.actor import Role
from jobforge.entrypoints.http import patience, route

if TYPE_CHECKING:
    from tests.entrypoints.http.api import Api

IDLE = 1_000


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Patience of half a second."""
    monkeypatch.setattr(patience, "HEAD_SECONDS", 0.5)
    monkeypatch.setattr(route, "BODY_SECONDS", 0.5)


async def test_a_thousand_idle_connections_do_no_harm(api: Api) -> None:
    async with listening(api) as client:
        before = await client.get("/v1/jobs")
        port = client.base_url.port or 0
        async with AsyncExitStack() as stack:
            idle = [await stack.enter_async_context(connected(port)) for _ in range(IDLE)]
            for _, writer in idle[: IDLE // 2]:
                writer.write(b"GET /v1/jobs HTTP/1.1\r\nHost: x\r\n")
            started = time.monotonic()
            during = [await client.get("/v1/jobs") for _ in range(10)]
            seconds = time.monotonic() - started

    assert before.status_code == 200
    assert {answer.status_code for answer in during} == {200}
    assert seconds < 10


@pytest.mark.usefixtures("hasty")
async def test_who_never_finishes_a_head_is_hung_up_on(api: Api) -> None:
    async with (
        serving(api) as port,
        connected(port) as (silent, _),
        connected(port) as (
            slow,
            writer,
        ),
    ):
        writer.write(b"GET /v1/health HTTP/1.1\r\nHost: x\r\nX-Slow: ")

        async with asyncio.timeout(10):
            heard = [await silent.read(), await slow.read()]

    assert heard == [b"", b""]


@pytest.mark.usefixtures("hasty")
async def test_a_slow_body_is_408(api: Api) -> None:
    key = await api.key(Role.operator)
    async with serving(api) as port, connected(port) as (reader, writer):
        head = (
            f"POST /v1/bundles/plan HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\n"
            "Content-Length: 1000\r\n\r\n{"
        )
        writer.write(head.encode())

        async with asyncio.timeout(10):
            answer = await reader.readuntil(b"\r\n")

    assert answer.startswith(b"HTTP/1.1 408")
    assert await api.harness.count("bundle_runs") == 0


@pytest.mark.usefixtures("hasty")
async def test_a_stream_that_pauses_is_408_and_keeps_what_came(api: Api) -> None:
    async with listening(api) as client:
        begun = await client.post(
            "/v1/uploads", json={"name": "rows", "file_name": "rows.csv", "size": 8}
        )
        path = f"/v1/uploads/{begun.json()['id']}"

        port = client.base_url.port or 0
        async with connected(port) as (reader, writer):
            head = (
                f"PATCH {path} HTTP/1.1\r\nHost: x\r\nUpload-Offset: 0\r\n"
                f"Authorization: {client.headers['authorization']}\r\nContent-Length: 8\r\n\r\n"
            )
            writer.write(head.encode() + b"a,b\n")
            async with asyncio.timeout(10):
                stuck = await reader.readuntil(b"\r\n")
        shown = await client.get(path)
        rest = await client.patch(path, content=b"1,2\n", headers={"Upload-Offset": "4"})
        finished = await client.post(f"{path}/finish")

    assert stuck.startswith(b"HTTP/1.1 408")
    assert shown.json()["offset"] == 4
    assert (rest.status_code, rest.headers["upload-offset"]) == (204, "8")
    assert (finished.status_code, finished.json()["row_count"]) == (201, 1)


@pytest.mark.parametrize(
    "raw",
    [
        b"POST /v1/bundles/plan HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /v1/runs HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /v1/health HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 7\r\n\r\nabc",
        b"GET /v1/health HTTP/1.1\r\nHost : x\r\n\r\n",
        b"GET /v1/health HTTP/1.1\r\nHost: x\r\nA: b\nB: c\r\n\x00: d\r\n\r\n",
        b"GET  /v1/health HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /v1/health HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 80_000,
    ],
    ids=["both lengths", "two lengths", "blank in a name", "nul", "two blanks", "large head"],
)
async def test_a_request_that_two_readers_would_read_differently_is_refused(
    api: Api, raw: bytes
) -> None:
    async with serving(api) as port, connected(port) as (reader, writer):
        writer.write(raw)
        async with asyncio.timeout(15):
            answer = await reader.read()

    assert answer.startswith((b"HTTP/1.1 400", b"HTTP/1.1 401")), answer
    assert answer.count(b"HTTP/1.1 ") == 1
    assert b'"ok"' not in answer


async def test_bundles_go_on_while_somebody_uploads(api: Api) -> None:
    async with listening(api) as client:
        begun = await client.post(
            "/v1/uploads", json={"name": "big", "file_name": "big.csv", "size": 1_000_000}
        )

        async def trickle() -> AsyncIterator[bytes]:
            for _ in range(20):
                await asyncio.sleep(0.05)
                yield b"1,2\n"

        path = f"/v1/uploads/{begun.json()['id']}"
        upload = asyncio.create_task(
            client.patch(path, content=trickle(), headers={"Upload-Offset": "0"})
        )
        planned = await client.post("/v1/bundles/plan", content=api.harness.bundle(look()))
        assert not upload.done()
        assert (await upload).status_code == 204

    assert planned.status_code == 200
