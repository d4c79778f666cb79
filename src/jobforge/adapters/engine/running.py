"""The attempts that run in a worker, and stopping those that must not go on."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from jobforge.core.stop import Stop
from jobforge.ports.engine import Attempt
from jobforge.ports.system import Clock

LOOK_EVERY = timedelta(milliseconds=400)
"""A switch or a cancellation reaches a running handler within two of these."""

FindStops = Callable[[Sequence[Attempt]], Awaitable[list[Stop | None]]]


@dataclass(slots=True, eq=False)
class Running:
    """One attempt and the task it runs in. `stop` is why it was stopped."""

    attempt: Attempt
    task: asyncio.Task[object]
    since: datetime
    stop: Stop | None = None


class RunningAttempts:
    """Knows what runs. What is done sooner than one look is never asked about."""

    def __init__(self, find_stops: FindStops, clock: Clock) -> None:
        self._find_stops = find_stops
        self._clock = clock
        self._running: set[Running] = set()
        self._seen: set[Running] = set()

    def enter(self, attempt: Attempt) -> Running:
        """The attempt starts in the current task."""
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 (only coroutines call this)
        running = Running(attempt, task, self._clock.now())
        self._running.add(running)
        return running

    def leave(self, running: Running) -> None:
        """It has come to an end."""
        self._running.discard(running)

    async def stop_some(self) -> None:
        """Cancel the tasks of those that must stop; meant to be called every `LOOK_EVERY`.

        Raises:
            Unavailable: the database does not answer.
        """
        due = [running for running in self._seen & self._running if running.stop is None]
        self._seen = set(self._running)
        if not due:
            return
        stops = await self._find_stops([running.attempt for running in due])
        for running, stop in zip(due, stops, strict=True):
            # A window and a cap bound changes, and each change asks for itself.
            if stop is not None and stop.kind in ("lost", "kill") and running in self._running:
                running.stop = stop
                running.task.cancel()
