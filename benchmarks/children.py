"""Children: bundles of no-op requests, the processes that work them, and how fast that goes."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import uuid4

from pgqueuer.db import AsyncpgPoolDriver

from benchmarks.noop import BARE, NOOP
from jobforge.adapters.postgres.queue import queries_on
from jobforge.contract.dialects import Hints, TranslatedBundle, TranslatedRequest
from jobforge.core.actor import Actor
from jobforge.steps.intake import Submission

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.noop import Work
    from jobforge.bootstrap import Application
    from jobforge.config import Settings
    from jobforge.ports.records import TenantRecord

BUNDLE = 100
BARE_JOBS = 10_000
CHILDREN = 5_000
SUBMITTERS = 2
IDLE_SUBMITS = 60

ACTOR = Actor.local("bench")


def make_bundle(tenant: str, size: int = BUNDLE) -> TranslatedBundle:
    """A bundle of no-op requests with keys that nobody used."""
    key = uuid4().hex
    return TranslatedBundle(
        dialect="jobforge",
        bundle_id=key,
        tenant=tenant,
        project=None,
        trace_id=key,
        producer_hash="absent",
        source_module="bench",
        requests=tuple(
            TranslatedRequest(
                request_id=f"request-{number}",
                job_type=NOOP.name,
                tenant=tenant,
                project=None,
                payload={"number": number},
                idempotency_key=f"{key}-{number}",
                required_scopes=(),
                is_flagged=False,
                hints=Hints(),
                pointer=f"/requests/{number}",
            )
            for number in range(size)
        ),
        metadata={},
    )


async def make_tenants(app: Application, count: int) -> list[TenantRecord]:
    """Tenants of this run's own."""
    run = uuid4().hex[:8]
    return [await app.create_tenant(f"bench {run} {n}", ACTOR) for n in range(count)]


async def measure_children(app: Application, tenants: Sequence[TenantRecord]) -> float:
    """Children per second from the first submit to the last settle, by the workers that run."""
    bundles = max(CHILDREN // BUNDLE, len(tenants))
    waiting = [tenants[n % len(tenants)] for n in range(bundles)]
    started = time.perf_counter()

    async def submit() -> None:
        while waiting:
            tenant = waiting.pop()
            submission = Submission(tenant, ACTOR, "execute")
            await app.submit_bundle.translated(make_bundle(tenant.slug), submission)

    await asyncio.gather(*(submit() for _ in range(SUBMITTERS)))
    await all_settled(app)
    return bundles * BUNDLE / (time.perf_counter() - started)


async def all_settled(app: Application) -> None:
    """Until no job of any tenant is left: the queue is empty and nothing waits for release."""
    while await app.database.pool.fetchval("SELECT EXISTS (SELECT FROM pgqueuer.pgqueuer)"):
        await asyncio.sleep(0.01)


async def measure_bare(app: Application, settings: Settings, count: int) -> float:
    """PgQueuer's own no-op drain by so many processes, jobs per second."""
    queries = queries_on(AsyncpgPoolDriver(app.database.pool))
    for _ in range(BARE_JOBS // 1_000):
        await queries.enqueue([BARE] * 1_000, [b"x" * 32] * 1_000, [0] * 1_000)
    async with workers(settings, count, "bare") as processes:
        started = time.perf_counter()
        for process in processes:
            assert process.stdin is not None
            process.stdin.write(b"go\n")
        await all_settled(app)
        return BARE_JOBS / (time.perf_counter() - started)


async def measure_idle(app: Application, tenant: TenantRecord) -> tuple[list[float], list[float]]:
    """Milliseconds to submit a bundle of 100, and from the submit's end to the first start."""
    submits, starts = [], []
    submission = Submission(tenant, ACTOR, "execute")
    for _ in range(IDLE_SUBMITS):
        bundle = make_bundle(tenant.slug)
        before = time.perf_counter()
        result = await app.submit_bundle.translated(bundle, submission)
        submits.append((time.perf_counter() - before) * 1_000)
        await all_settled(app)
        async with app.database.transaction(tenant.tenant_id) as connection:
            waited: timedelta = await connection.fetchval(
                "SELECT min(started_at) - min(created_at) FROM jobforge.jobs WHERE run_id = $1",
                result.bundle_run_id,
            )
        starts.append(waited.total_seconds() * 1_000)
    return submits, starts


class WorkerDiedError(Exception):
    """A worker process ended by itself, so that whoever waits for its work would wait for ever."""


@asynccontextmanager
async def workers(settings: Settings, count: int, work: Work) -> AsyncIterator[list[Process]]:
    """So many workers, each in a process of its own.

    Raises:
        WorkerDiedError: one of them ended before the block did, which is canceled then.
    """
    assert settings.database_url is not None
    url = settings.database_url.get_secret_value().encode()
    processes = [await _start(work, settings.home, url) for _ in range(count)]
    try:
        async with asyncio.TaskGroup() as together:
            watchers = [together.create_task(_watch(process)) for process in processes]
            for process in processes:
                assert process.stdout is not None
                await process.stdout.readline()
            yield processes
            for watcher in watchers:
                watcher.cancel()
    except BaseExceptionGroup as group:
        died = group.subgroup(WorkerDiedError)
        if died is None:
            raise
        raise WorkerDiedError(*died.exceptions[0].args) from None
    finally:
        for process in processes:
            if process.returncode is None:
                process.terminate()
        for process in processes:
            await process.wait()


async def _start(work: Work, home: Path | None, url: bytes) -> Process:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "benchmarks.noop",
        work,
        str(home),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdin is not None
    process.stdin.write(url + b"\n")
    return process


async def _watch(process: Process) -> None:
    code = await process.wait()
    raise WorkerDiedError(f"a worker ended with {code}; what it said is above")
