"""The API on a real socket in this process, where a client in memory would not do."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import httpx
import uvicorn

from jobforge.core.actor import Role
from jobforge.entrypoints.http.server import config_for

if TYPE_CHECKING:
    from tests.entrypoints.http.api import Api


@asynccontextmanager
async def serving(api: Api) -> AsyncIterator[int]:
    """The port of a server of this API."""
    server = uvicorn.Server(config_for(api.app, "127.0.0.1", 0))
    task = asyncio.create_task(server._serve())
    try:
        async with asyncio.timeout(30):
            await _started(server)
        port: int = server.servers[0].sockets[0].getsockname()[1]
        yield port
    finally:
        server.should_exit = True
        server.force_exit = True
        await task


@asynccontextmanager
async def connected(
    port: int,
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A bare connection, closed in the end."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield reader, writer
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


async def _started(server: uvicorn.Server) -> None:
    while not server.started:  # noqa: ASYNC110 (uvicorn has no event for it)
        await asyncio.sleep(0.02)


@asynccontextmanager
async def listening(api: Api) -> AsyncIterator[httpx.AsyncClient]:
    """An operator's client over a socket."""
    key = await api.key(Role.operator)
    async with (
        serving(api) as port,
        httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{port}",
            headers={"Authorization": f"Bearer {key}"},
            timeout=30,
        ) as client,
    ):
        yield client
