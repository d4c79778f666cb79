"""Listens on channels over one connection of its own, which it makes anew when it is lost."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TypeAlias, cast

import asyncpg

from jobforge.adapters.postgres.connecting import LOST, Connection
from jobforge.contract.errors import JobForgeError
from jobforge.core.errors import Unavailable

Callback: TypeAlias = Callable[[str | None], None]
"""Gets a notification's payload, or None after a gap: anything may have been missed."""

_READY_TIMEOUT_SECONDS = 15.0
_HEARTBEAT_SECONDS = 30.0
_HEARTBEAT_TIMEOUT_SECONDS = 10.0
_FIRST_PAUSE_SECONDS, _LAST_PAUSE_SECONDS = 0.05, 2.0


class Listener:
    """Any number of subscriptions on one connection."""

    def __init__(
        self,
        connect: Callable[[], AbstractAsyncContextManager[Connection]],
        revive: Callable[[], Awaitable[None]],
    ) -> None:
        self._connect = connect
        self._revive = revive
        self._callbacks: dict[str, list[Callback]] = {}
        self._connection: asyncpg.Connection[asyncpg.Record] | None = None
        self._ready = asyncio.Event()
        self._busy = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None

    @asynccontextmanager
    async def subscription(self, channel: str, callback: Callback) -> AsyncIterator[None]:
        """Call back for what is sent on the channel from the start of the block to its end.

        Raises:
            Unavailable: the server does not answer.
        """
        self._callbacks.setdefault(channel, []).append(callback)
        try:
            await self._listen(channel)
            yield
        finally:
            self._callbacks[channel].remove(callback)

    async def close(self) -> None:
        """Stop listening."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self._task = None

    async def _listen(self, channel: str) -> None:
        if self._task is None:
            self._task = asyncio.create_task(self._run())
        try:
            async with asyncio.timeout(_READY_TIMEOUT_SECONDS):
                await self._ready.wait()
                async with self._busy:
                    if self._connection is not None:
                        # A second time is no second notification: asyncpg keeps a set.
                        await self._connection.add_listener(channel, self._on_notification)
        except (TimeoutError, *LOST, asyncpg.InterfaceError) as error:
            raise Unavailable("the database does not answer") from error

    async def _run(self) -> None:
        pause = _FIRST_PAUSE_SECONDS
        while True:
            try:
                async with self._connect() as connection:
                    pause = _FIRST_PAUSE_SECONDS
                    await self._serve(cast("asyncpg.Connection[asyncpg.Record]", connection))
            except (JobForgeError, asyncpg.PostgresError, asyncpg.InterfaceError):
                await asyncio.sleep(pause)
                pause = min(2 * pause, _LAST_PAUSE_SECONDS)
                with contextlib.suppress(JobForgeError):
                    await self._revive()
            finally:
                self._connection = None
                self._ready.clear()

    async def _serve(self, connection: asyncpg.Connection[asyncpg.Record]) -> None:
        """Listen until the connection is lost."""
        closed = asyncio.Event()
        connection.add_termination_listener(lambda _: closed.set())
        for channel in tuple(self._callbacks):
            await connection.add_listener(channel, self._on_notification)
        self._connection = connection
        self._ready.set()
        self._tell_all()
        while not closed.is_set():
            try:
                async with asyncio.timeout(_HEARTBEAT_SECONDS):
                    await closed.wait()
            except TimeoutError:
                # A peer that vanished without a word is only noticed by talking to it.
                await self._talk(connection)
        raise Unavailable("the connection to the database was lost")

    async def _talk(self, connection: asyncpg.Connection[asyncpg.Record]) -> None:
        try:
            async with self._busy:
                await connection.execute("SELECT", timeout=_HEARTBEAT_TIMEOUT_SECONDS)
        except TimeoutError as error:
            raise Unavailable("the connection to the database is dead") from error

    def _tell_all(self) -> None:
        for callbacks in tuple(self._callbacks.values()):
            self._call(callbacks, None)

    def _on_notification(
        self, _connection: object, _pid: int, channel: str, payload: object
    ) -> None:
        self._call(self._callbacks.get(channel, ()), str(payload))

    @staticmethod
    def _call(callbacks: Sequence[Callback], payload: str | None) -> None:
        # Each on its own: one that fails is the loop's to report, and takes nothing from the rest.
        for callback in callbacks:
            asyncio.get_running_loop().call_soon(callback, payload)
