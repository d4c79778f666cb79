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
        return sum([await _all_of(look) for look in self._looks])

    async def run(self) -> None:
        """Look at each tick, and whenever an event comes in; a lost database is waited for.

        Each look has a task of its own: what takes long keeps nobody else waiting.
        """
        told = [asyncio.Event() for _ in self._looks]

        def tell(_: str | None) -> None:
            for event in told:
                event.set()

        while True:
            try:
                async with self._database.listen(EVENT_CHANNEL, tell), asyncio.TaskGroup() as tasks:
                    for look, event in zip(self._looks, told, strict=True):
                        tasks.create_task(_keep_looking(look, event))
            except (Unavailable, *PASSING) as error:
                log.warning("starter.database_lost", error=str(error))
                await asyncio.sleep(PAUSE_AFTER_FAULT.total_seconds())


async def _keep_looking(look: Look, told: asyncio.Event) -> None:
    while True:
        told.clear()
        await _all_of(look)
        # Not `wait_for`: until Python 3.12 it can lose a cancellation that comes with the word.
        with suppress(TimeoutError):
            async with asyncio.timeout(TICK.total_seconds()):
                await told.wait()


async def _all_of(look: Look) -> int:
    """Start all that is due now; how much that was."""
    total = 0
    try:
        while (count := await look()) > 0:
            total += count
    except Exception as error:  # noqa: BLE001 (it is looked for again; the rest goes on)
        log.warning("starter.fault", error=str(error))
    return total
