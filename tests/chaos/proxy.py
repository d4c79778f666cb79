"""A TCP proxy before the database, whose connections can be cut or held up."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from random import Random

CHUNK_BYTES = 65_536


class FaultProxy:
    """Passes bytes between clients on loopback and the server's socket, until told otherwise."""

    def __init__(self, socket: Path) -> None:
        self._socket = socket
        self._open: dict[int, list[asyncio.StreamWriter]] = {}
        self._count = 0
        self._may_pass = asyncio.Event()
        self._may_pass.set()
        self.port = 0

    @asynccontextmanager
    async def serve(self) -> AsyncIterator[None]:
        """Listen while the block runs."""
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield
        finally:
            server.close()
            self._may_pass.set()
            self.cut(1.0, Random(0))

    def cut(self, share: float, random: Random) -> int:
        """Break about this share of the connections, wherever they are; how many there were."""
        chosen = [number for number in sorted(self._open) if random.random() < share]
        for number in chosen:
            for writer in self._open.get(number, ()):
                writer.transport.abort()
        return len(chosen)

    async def hold_up(self, seconds: float) -> None:
        """Let nothing pass for a while."""
        self._may_pass.clear()
        await asyncio.sleep(seconds)
        self._may_pass.set()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._count += 1
        number = self._count
        self._open[number] = [writer]
        with suppress(OSError):
            server_reader, server_writer = await asyncio.open_unix_connection(self._socket)
            self._open[number].append(server_writer)
            ways = [
                asyncio.create_task(self._pass_on(reader, server_writer)),
                asyncio.create_task(self._pass_on(server_reader, writer)),
            ]
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
        for end in self._open.pop(number):
            end.transport.abort()

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(CHUNK_BYTES):
                await self._may_pass.wait()
                writer.write(data)
                await writer.drain()
