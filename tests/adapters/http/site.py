"""An HTTP site on loopback and clients that may reach it."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from ipaddress import ip_address

from jobforge.adapters.http.address_guard import AddressGuard, Resolve, resolve_by_system
from jobforge.adapters.http.client import GuardedHttpClient
from jobforge.core.egress import EgressPolicy, IpAddress

TRUSTING_NOBODY = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)

Write = Callable[[bytes], Awaitable[None]]


class Site:
    """An HTTP server on loopback that answers as told and remembers what it was asked."""

    def __init__(self) -> None:
        self.answers: dict[str, bytes] = {}
        self.on_put: Callable[[], None] = lambda: None
        self.slow: Callable[[Write], Awaitable[None]] | None = None
        self.requests: list[str] = []
        self.connections = 0
        self.port = 0

    def answer(self, path: str, *headers: str, status: str = "200 OK", body: bytes = b"") -> None:
        lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", ""]
        self.answers[path] = "\r\n".join(lines).encode() + body

    def redirect(self, path: str, location: str, status: int = 302) -> None:
        self.answer(path, f"Location: {location}", status=f"{status} Moved")

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                self.requests.append(head + await self._body(head, reader))
                if self.slow is not None:
                    await self.slow(lambda data: self._write(writer, data))
                    return
                path = head.split()[1]
                if head.startswith("PUT "):
                    self.on_put()
                await self._write(writer, self.answers.get(path, self.answers["/404"]))
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _body(self, head: str, reader: asyncio.StreamReader) -> str:
        for line in head.lower().splitlines():
            if line.startswith("content-length:"):
                return (await reader.readexactly(int(line.split(":")[1]))).decode()
        return ""

    async def _write(self, writer: asyncio.StreamWriter, data: bytes) -> None:
        writer.write(data)
        await writer.drain()

    @asynccontextmanager
    async def serving(self, context: ssl.SSLContext | None = None) -> AsyncIterator[Site]:
        self.answer("/404", status="404 Not Found")
        server = await asyncio.start_server(self.handle, "127.0.0.1", 0, ssl=context)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()


def answering(*answers: Sequence[str]) -> tuple[Resolve, list[str]]:
    """A resolver that gives the next answer each time, the last one for ever."""
    asked: list[str] = []

    async def resolve(host: str, _port: int) -> tuple[IpAddress, ...]:
        asked.append(host)
        answer = answers[min(len(asked), len(answers)) - 1]
        return tuple(ip_address(text) for text in answer)

    return resolve, asked


def a_client(
    allow: str,
    resolve: Resolve = resolve_by_system,
    ssl_context: ssl.SSLContext = TRUSTING_NOBODY,
) -> GuardedHttpClient:
    guard = AddressGuard(EgressPolicy.parse(allow), resolve=resolve)
    return GuardedHttpClient(guard, ssl_context=ssl_context)
