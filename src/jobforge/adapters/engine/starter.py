"""Looks for work that starts by itself: schedules at each tick, events when they are told of."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import timedelta

import structlog

from jobforge.adapters.postgres.connecting import PASSING
from jobforge.adapters.postgres.database import Database
from jobforge.core.errors import Unavailable

log = structlog.get_logger("jobforge.starter")

EVENT_CHANNEL = "jobforge_events"
TICK = timedelta(seconds=1)
PAUSE_AFTER_FAULT = timedelta(seconds=1)

Look = Callable[[], Awaitable[int]]
"""Starts what is due, of any tenant, a page at a time; how much that was."""


class Starter:
    """Starts what is due until it is canceled. Any number of them may run: each claim is one's."""

    def __init__(self, database: Database, looks: tuple[Look, ...]) -> None:
        self._database = database
        self._looks = looks

    async def once(self) -> int:
        """Start all that is due now; how much that was."""
        total = 0
        for look in self._looks:
            try:
                while (count := await look()) > 0:
                    total += count
            except Exception as error:  # noqa: BLE001 (it is looked for again; the rest goes on)
                log.warning("starter.fault", error=str(error))
        return total

    async def run(self) -> None:
        """Look at each tick, and whenever an event comes in; a lost database is waited for."""
        told = asyncio.Event()
        while True:
            try:
                async with self._database.listen(EVENT_CHANNEL, lambda _: told.set()):
                    await self._keep_looking(told)
            except (Unavailable, *PASSING) as error:
                log.warning("starter.database_lost", error=str(error))
                await asyncio.sleep(PAUSE_AFTER_FAULT.total_seconds())

    async def _keep_looking(self, told: asyncio.Event) -> None:
        while True:
            told.clear()
            await self.once()
            # Not `wait_for`: until Python 3.12 it can lose a cancellation that comes with the word.
            with suppress(TimeoutError):
                async with asyncio.timeout(TICK.total_seconds()):
                    await told.wait()
