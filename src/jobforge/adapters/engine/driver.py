"""PgQueuer's connection to the database, for a worker."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from pgqueuer.db import AsyncpgPoolDriver
from typing_extensions import override

if TYPE_CHECKING:
    import asyncpg
    from pgqueuer.ports.driver import NotifyCallback


class ListeningDriver(AsyncpgPoolDriver):
    """Notifies nobody before it listens itself.

    PgQueuer starts probing its own listener while it is still being set up. A probe that overtakes
    the LISTEN is never heard, and ten seconds later a sound worker is taken for a deaf one.
    """

    def __init__(self, pool: asyncpg.Pool[asyncpg.Record]) -> None:
        super().__init__(pool)
        self._listens = asyncio.Event()

    @override
    async def add_listener(self, channel: str, callback: NotifyCallback) -> None:
        await super().add_listener(channel, callback)
        self._listens.set()

    @override
    async def notify(self, channel: str, payload: str) -> None:
        await self._listens.wait()
        await super().notify(channel, payload)
