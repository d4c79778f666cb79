"""Waiting for a run: notifications say when to look, the rows say what there is to see."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING
from uuid import UUID

from jobforge.adapters.engine.engine import RUN_CHANNEL
from jobforge.adapters.engine.presence import is_anyone_present
from jobforge.core.errors import Missing
from jobforge.core.lifecycle import is_terminal
from jobforge.ports.runtime import RunProgress
from jobforge.ports.storage import Storage

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from jobforge.adapters.engine.worker import Worker
    from jobforge.adapters.postgres.database import Database

LOOK_EVERY_SECONDS = 1.0
"""A notification that got lost costs this long at most."""


class RunWaiter:
    """Waits for bundle runs, and works them itself where nobody else does."""

    def __init__(
        self, database: Database, storage: Storage, make_worker: Callable[[], Worker]
    ) -> None:
        self._database = database
        self._storage = storage
        self._make_worker = make_worker

    async def wait_closed(
        self, tenant_id: UUID, run_id: UUID, on_change: Callable[[RunProgress], None]
    ) -> None:
        """Wait until the run is closed. Where no worker runs, this process works meanwhile."""
        changed = asyncio.Event()

        def note(payload: str | None) -> None:
            # None: the connection was made anew, and anything may have changed unseen.
            if payload is None or payload == str(run_id):
                changed.set()

        async with self._database.listen(RUN_CHANNEL, note), AsyncExitStack() as own_worker:
            is_working = False
            while not await self._look(tenant_id, run_id, on_change):
                # Asked again each time: whoever worked so far may have stopped, or died.
                if not is_working and not await is_anyone_present(self._database):
                    await own_worker.enter_async_context(self._own_worker())
                    is_working = True
                try:
                    async with asyncio.timeout(LOOK_EVERY_SECONDS):
                        await changed.wait()
                except TimeoutError:
                    pass
                changed.clear()

    async def _look(
        self, tenant_id: UUID, run_id: UUID, on_change: Callable[[RunProgress], None]
    ) -> bool:
        async with self._storage.transaction(tenant_id) as unit:
            run = await unit.runs.find(run_id)
            jobs = await unit.jobs.of_run(run_id)
        if run is None:
            raise Missing(f"there is no run {run_id}")
        running = tuple(
            (job.request_id, job.progress, job.progress_message or "")
            for job in jobs
            if job.status == "running"
        )
        done = sum(is_terminal(job.status) for job in jobs)
        on_change(RunProgress(done=done, total=len(jobs), running=running))
        return run.status != "open"

    @asynccontextmanager
    async def _own_worker(self) -> AsyncIterator[None]:
        """A worker in this process."""
        worker = self._make_worker()
        work = asyncio.create_task(worker.run())
        try:
            yield
        finally:
            worker.stop()
            await work
