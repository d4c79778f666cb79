"""The worker: PgQueuer wakes it with a job's ids; it begins, runs and settles in batches."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING

import asyncpg
import structlog
from pgqueuer.core.qm import QueueManager
from pgqueuer.domain.errors import FailingListenerError, RetryRequested
from pgqueuer.domain.types import QueueExecutionMode

from jobforge.adapters.engine.batcher import Batcher
from jobforge.adapters.engine.driver import ListeningDriver
from jobforge.adapters.engine.presence import present
from jobforge.adapters.engine.running import LOOK_EVERY as LOOK_AT_RUNNING
from jobforge.adapters.engine.running import RunningAttempts
from jobforge.adapters.engine.starter import Starter
from jobforge.adapters.postgres.connecting import LOST, PASSING
from jobforge.adapters.postgres.database import Database
from jobforge.adapters.postgres.queue import (
    JOBS_PER_ROW,
    LANES,
    queries_on,
    queue_settings,
    to_entrypoint,
    to_refs,
)
from jobforge.contract.errors import JobForgeError
from jobforge.core.errors import Unavailable
from jobforge.core.job_type import Isolation
from jobforge.ports.engine import (
    Attempt,
    AttemptRunner,
    Ending,
    JobEngine,
    JobRef,
    NotStarted,
)
from jobforge.ports.system import Clock

if TYPE_CHECKING:
    from pgqueuer.models import Job

log = structlog.get_logger("jobforge.worker")

BATCH = 100
DEFAULT_CONCURRENCY = 400
SWEEP_EVERY = timedelta(seconds=30)
CHECKPOINT_EVERY = timedelta(seconds=1)
# Notifications wake it at once. This bounds what a lost one costs, and the end of a drain, where
# the last row's notification can come while its task still ends.
LOOK_EVERY = timedelta(seconds=1)
# A worker that was not heard of for so long is taken for dead, and its jobs are run again.
LOST_AFTER = timedelta(seconds=15)
PAUSE_AFTER_FAULT = timedelta(seconds=1)
TRIES_AFTER_STOP = 30


class Worker:
    """Works the jobs of every tenant until it is stopped, or until the queue is empty."""

    def __init__(  # noqa: PLR0913 (a worker's parts)
        self,
        database: Database,
        engine: JobEngine,
        run_job: AttemptRunner,
        clock: Clock,
        keep_checkpoints: Callable[[], Awaitable[None]],
        *,
        concurrency: int = DEFAULT_CONCURRENCY,
        starter: Starter | None = None,
    ) -> None:
        self._database = database
        self._starter = starter
        self._engine = engine
        self._run_job = run_job
        self._clock = clock
        self._keep_checkpoints = keep_checkpoints
        # A job that computes has a process to itself; taking more of them would keep them from
        # the other workers.
        self._places: dict[Isolation, int] = {
            "inline": concurrency,
            "process": min(concurrency, os.cpu_count() or 1),
        }
        # Of a row's jobs so many are run side by side.
        self._at_once = max(1, min(JOBS_PER_ROW["inline"], concurrency // 2))
        self._begin: Batcher[Sequence[JobRef], list[Attempt | NotStarted]] = Batcher(
            self._begin_rows, limit=BATCH // JOBS_PER_ROW["inline"]
        )
        self._settle: Batcher[Ending, bool] = Batcher(engine.settle, limit=BATCH)
        self._running = RunningAttempts(engine.find_stops, clock)
        self._stopped = asyncio.Event()
        self._managers: list[QueueManager] = []

    async def run(self, *, drain: bool = False) -> None:
        """Work until `stop`, or with `drain` until nothing is queued any more.

        A database that goes away and comes back is waited for.
        """
        async with asyncio.TaskGroup() as background:
            tasks = [
                background.create_task(self._repeat(SWEEP_EVERY, self._sweep)),
                background.create_task(self._repeat(CHECKPOINT_EVERY, self._keep_checkpoints)),
                background.create_task(self._repeat(LOOK_AT_RUNNING, self._running.stop_some)),
            ]
            try:
                if self._starter is not None:
                    # What is due already counts as queued: a drain takes it along.
                    await self._starter.once()
                    tasks.append(background.create_task(self._starter.run()))
                await self._keep_managing(drain=drain)
            finally:
                for task in tasks:
                    task.cancel()
        with suppress(Unavailable):
            await self._keep_checkpoints()

    def stop(self) -> None:
        """Take no new job; those that run are finished and settled first."""
        self._stopped.set()
        for manager in self._managers:
            manager.shutdown.set()

    async def _keep_managing(self, *, drain: bool) -> None:
        while not self._stopped.is_set():
            is_lost = False
            try:
                await self._engine.sweep()
                async with present(self._database):
                    await self._manage(drain=drain)
                self._stopped.set()
            # Lanes fail as a group.
            except* (
                JobForgeError, FailingListenerError, asyncpg.InterfaceError, *LOST, *PASSING
            ) as errors:  # fmt: skip
                log.warning("worker.database_lost", error=repr(errors.exceptions[0]))
                is_lost = True
            if is_lost:
                # Not `asyncio.timeout`: after a failed TaskGroup, Python 3.11.2 lets it leak its
                # own cancellation.
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._stopped.wait(), PAUSE_AFTER_FAULT.total_seconds())

    async def _manage(self, *, drain: bool) -> None:
        """Let PgQueuer hand out rows, lane by lane; managers that failed are not used again."""
        while not self._stopped.is_set():
            self._managers = [self._make_manager(lane) for lane in LANES]
            async with asyncio.TaskGroup() as running:
                for lane, manager in zip(LANES, self._managers, strict=True):
                    running.create_task(self._run_lane(manager, lane, drain=drain))
            # The end of one lane's last job may have released a job of the other.
            if drain and await self._engine.sweep() == 0:
                return

    def _make_manager(self, lane: Isolation) -> QueueManager:
        driver = ListeningDriver(self._database.pool)
        manager = QueueManager(queries_on(driver), channel=queue_settings().channel)
        manager.entrypoint(to_entrypoint(lane), accepts_context=False)(self._work)
        return manager

    async def _run_lane(self, manager: QueueManager, lane: Isolation, *, drain: bool) -> None:
        rows = self._places[lane] // JOBS_PER_ROW[lane]
        batch = max(1, min(BATCH, rows // 2))
        await manager.run(
            dequeue_timeout=LOOK_EVERY,
            batch_size=batch,
            mode=QueueExecutionMode.drain if drain else QueueExecutionMode.continuous,
            max_concurrent_tasks=max(2 * batch, rows),
            shutdown_on_listener_failure=True,
            heartbeat_timeout=LOST_AFTER,
            # Nobody asks for PgQueuer's own statistics, which would grow for ever.
            log_aggregation_interval=timedelta(0),
        )

    async def _work(self, row: Job) -> None:
        """Handle one queue row. Only RetryRequested keeps the row; any other way out deletes it."""
        try:
            not_before = await self._work_jobs(to_refs(row.payload))
        except Exception as error:  # noqa: BLE001 (whatever it was, the job must not be forgotten)
            log.warning("job.postponed", error=str(error), **_names(row.payload))
            raise RetryRequested(PAUSE_AFTER_FAULT) from None
        if not_before is not None:
            raise RetryRequested(not_before - self._clock.now())

    async def _work_jobs(self, refs: Sequence[JobRef]) -> datetime | None:
        """Work a row's jobs; when to look again, where one was not due yet.

        Raises:
            Exception: a fault of the engine, after the others have come to their end.
        """
        due: list[datetime] = []
        for start in range(0, len(refs), self._at_once):
            answers = await self._begin.submit(refs[start : start + self._at_once])
            attempts = [answer for answer in answers if isinstance(answer, Attempt)]
            due += [
                answer.available_at
                for answer in answers
                if isinstance(answer, NotStarted) and answer.available_at is not None
            ]
            ends = await asyncio.gather(*map(self._work_job, attempts), return_exceptions=True)
            for fault in filter(None, ends):
                raise fault
        return min(due, default=None)

    async def _begin_rows(
        self, rows: Sequence[Sequence[JobRef]]
    ) -> list[list[Attempt | NotStarted]]:
        answers = iter(await self._engine.begin([ref for row in rows for ref in row]))
        return [list(islice(answers, len(row))) for row in rows]

    async def _work_job(self, attempt: Attempt) -> None:
        ending = await self._run(attempt)
        if ending is None or not await self._settle_surely(ending):
            self._run_job.fenced(attempt)
            log.warning(
                "job.fenced",
                tenant_id=str(attempt.ref.tenant_id),
                job_id=str(attempt.ref.job_id),
                trace_id=attempt.trace_id,
                attempt=attempt.number,
            )

    async def _run(self, attempt: Attempt) -> Ending | None:
        """Run the attempt; None where the job was taken from it meanwhile."""
        running = self._running.enter(attempt)
        try:
            return await self._run_job(attempt)
        except asyncio.CancelledError:
            if running.stop is None:
                raise  # the worker itself is ended
            running.task.uncancel()
        finally:
            self._running.leave(running)
        if running.stop.kind == "lost":
            return None
        return self._run_job.stopped(attempt, running.since, running.stop)

    async def _settle_surely(self, ending: Ending) -> bool:
        """Settle, again and again while the database has a fault that passes.

        The attempt is not run again for it: what was done is done, and there are not many attempts.
        A worker that was told to stop tries a little longer; then another one finds the job.
        """
        tries_left = TRIES_AFTER_STOP
        while True:
            try:
                return await self._settle.submit(ending)
            except (Unavailable, *PASSING) as error:
                tries_left -= self._stopped.is_set()
                if tries_left < 0:
                    raise
                log.warning("worker.cannot_settle", error=str(error))
            await asyncio.sleep(PAUSE_AFTER_FAULT.total_seconds())

    async def _repeat(self, pause: timedelta, action: Callable[[], Awaitable[None]]) -> None:
        with suppress(asyncio.CancelledError):
            while True:
                await asyncio.sleep(pause.total_seconds())
                try:
                    await action()
                except (JobForgeError, asyncpg.PostgresError) as error:
                    # A canceled statement, a full disk: what waits now is done the next time.
                    log.warning("worker.background_fault", error=str(error))

    async def _sweep(self) -> None:
        await self._engine.sweep()


def _names(payload: bytes | None) -> dict[str, str]:
    """Whose jobs a queue row is of, for log lines."""
    with suppress(ValueError):
        refs = to_refs(payload)
        jobs = ",".join(str(ref.job_id) for ref in refs)
        return {"tenant_id": str(refs[0].tenant_id), "job_id": jobs}
    return {}
