"""A job type that does nothing, and worker processes: ours, and PgQueuer's own."""

from __future__ import annotations

import asyncio
import signal
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Literal

from pgqueuer.core.qm import QueueManager
from pgqueuer.db import AsyncpgPoolDriver
from pydantic import SecretStr

from jobforge.adapters.postgres.queue import queries_on, queue_settings
from jobforge.bootstrap import open_application
from jobforge.config import Settings
from jobforge.core.context import JobContext
from jobforge.core.job_type import JobType
from jobforge.core.model import Model

Work = Literal["jobforge", "bare"]
BARE = "bench.bare"
"""The entrypoint of PgQueuer's own drain."""


class NoopPayload(Model):
    """Which one it is."""

    number: int


class NoopResult(Model):
    """That it was there."""

    number: int


async def handle(payload: NoopPayload, context: JobContext) -> NoopResult:  # noqa: ARG001 (it does nothing)
    """Do nothing."""
    return NoopResult(number=payload.number)


NOOP = JobType(
    name="jobforge.bench.noop",
    title="Do nothing",
    domain="jobforge",
    payload=NoopPayload,
    result=NoopResult,
    scopes=frozenset({"jobforge:read"}),
    timeout=timedelta(seconds=10),
    handle=handle,
    isolation="inline",
)


async def sleep(payload: NoopPayload, context: JobContext) -> NoopResult:  # noqa: ARG001 (it sleeps)
    """Sleep for a minute."""
    await asyncio.sleep(60)
    return NoopResult(number=payload.number)


NAP = replace(
    NOOP, name="jobforge.bench.nap", title="Sleep", timeout=timedelta(seconds=90), handle=sleep
)


async def work(home: Path, database_url: str) -> None:
    """Work until SIGTERM."""
    settings = Settings(home=home, database_url=SecretStr(database_url))
    async with open_application(settings, extra_job_types=[NOOP, NAP]) as app:
        worker = app.make_worker(400)
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, worker.stop)
        _say_ready()
        await worker.run()


async def work_bare(home: Path, database_url: str) -> None:
    """Let PgQueuer alone drain rows from the word "go" until SIGTERM."""
    settings = Settings(home=home, database_url=SecretStr(database_url))
    async with open_application(settings) as app:
        queries = queries_on(AsyncpgPoolDriver(app.database.pool))
        manager = QueueManager(queries, channel=queue_settings().channel)

        @manager.entrypoint(BARE, accepts_context=False)
        async def bare(_job: object) -> None:
            return

        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, manager.shutdown.set)
        _say_ready()
        await asyncio.to_thread(sys.stdin.readline)
        await manager.run(
            batch_size=200, max_concurrent_tasks=800, dequeue_timeout=timedelta(seconds=1)
        )


def _say_ready() -> None:
    sys.stdout.write("ready\n")
    sys.stdout.flush()


if __name__ == "__main__":
    run = work_bare if sys.argv[1] == "bare" else work
    asyncio.run(run(Path(sys.argv[2]), sys.stdin.readline().strip()))
