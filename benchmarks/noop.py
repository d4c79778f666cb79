"""A job type that does nothing, and a worker process for it."""

from __future__ import annotations

import asyncio
import signal
import sys
from datetime import timedelta
from pathlib import Path

from pydantic import SecretStr

from jobforge.bootstrap import open_application
from jobforge.config import Settings
from jobforge.core.context import JobContext
from jobforge.core.job_type import JobType
from jobforge.core.model import Model


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


async def work(home: Path, database_url: str) -> None:
    """Work until SIGTERM."""
    settings = Settings(home=home, database_url=SecretStr(database_url))
    async with open_application(settings, extra_job_types=[NOOP]) as app:
        worker = app.make_worker(400)
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, worker.stop)
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        await worker.run()


if __name__ == "__main__":
    asyncio.run(work(Path(sys.argv[1]), sys.stdin.readline().strip()))
