"""What waits: a rate with a million children waiting, and small tenants beside a large one."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

import psutil

from benchmarks.children import ACTOR, all_settled, make_bundle, make_tenants, workers
from jobforge.steps.intake import Submission

if TYPE_CHECKING:
    from asyncio.subprocess import Process

    from jobforge.bootstrap import Application
    from jobforge.config import Settings
    from jobforge.ports.records import TenantRecord

SHALLOW = 1_000
SMALL_TENANTS, SMALL_JOBS = 49, 10
LARGE_JOBS = 100_000
_WINDOWS = 5

_BACKLOG = """
    WITH copied AS (
        INSERT INTO jobforge.jobs
        SELECT (jsonb_populate_record(job, jsonb_build_object(
            'job_id', gen_random_uuid(), 'created_at', clock_timestamp()))).*
        FROM jobforge.jobs AS job, generate_series(1, $3)
        WHERE job.tenant_id = $1 AND job.job_id = $2
        RETURNING tenant_id, priority, created_at, job_id, lane
    )
    INSERT INTO jobforge.waiting_jobs SELECT * FROM copied
"""
_OPEN_RUN = """
    UPDATE jobforge.bundle_runs SET open_children = open_children + $3, status = 'open'
    WHERE tenant_id = $1 AND run_id = $2
"""
_FORGET = "DELETE FROM jobforge.waiting_jobs WHERE tenant_id = $1"
_SETTLED = "SELECT seq FROM jobforge.audit_heads WHERE tenant_id = $1"
_WAITS = """
    SELECT extract(epoch FROM started_at - created_at) FROM jobforge.jobs
    WHERE tenant_id = $1 AND run_id = $2
"""


@dataclass(frozen=True, slots=True)
class Depth:
    """Children per second with few and with many waiting; the worker's memory meanwhile, in MiB."""

    shallow: float
    deep: float
    memory_before: float
    memory_after: float


@dataclass(frozen=True, slots=True)
class Fairness:
    """Seconds that the small tenants' jobs waited at p95, and Jain's index over these tenants.

    The index is over each tenant's jobs by second of waiting: 1 where all are served alike.
    """

    p95_alone: float
    p95_beside: float
    jain: float


async def add_backlog(app: Application, tenant: TenantRecord, count: int) -> None:
    """Let so many copies of one child of the tenant wait, written by SQL."""
    submission = Submission(tenant, ACTOR, "execute")
    result = await app.submit_bundle.translated(make_bundle(tenant.slug, 1), submission)
    run_id, job_id = result.bundle_run_id, result.child_runs[0].job_id
    for _ in range(0, count, 100_000):
        part = min(count, 100_000)
        async with app.database.transaction(tenant.tenant_id) as connection:
            await connection.execute(_BACKLOG, tenant.tenant_id, job_id, part, timeout=600)
            await connection.execute(_OPEN_RUN, tenant.tenant_id, run_id, part)


async def measure_depth(app: Application, settings: Settings, deep: int) -> Depth:
    """Drain a part of a backlog, once of 1,000 children and once of `deep`."""
    shallow_rates = []
    for tenant in await make_tenants(app, _WINDOWS):
        await add_backlog(app, tenant, SHALLOW)
        # Before they start: what a worker did unseen would be waited for in vain.
        first = await _settled(app, tenant.tenant_id)
        async with workers(settings, 1, "jobforge"):
            shallow_rates.append(await _rate(app, tenant.tenant_id, first))
            # While it runs: what a stopped worker leaves would be waited for without end.
            await all_settled(app)
    (large,) = await make_tenants(app, 1)
    await add_backlog(app, large, deep)
    async with workers(settings, 1, "jobforge") as (worker,):
        before = 0.0
        deep_rates = []
        for _ in range(_WINDOWS):
            first = await _settled(app, large.tenant_id)
            deep_rates.append(await _rate(app, large.tenant_id, first))
            before = before or _memory(worker)
        after = _memory(worker)
        await _forget(app, large.tenant_id)
    return Depth(statistics.median(shallow_rates), statistics.median(deep_rates), before, after)


async def measure_fairness(app: Application, settings: Settings) -> Fairness:
    """Let 49 tenants submit 10 jobs each, alone and while another one has 100,000 waiting."""
    small = await make_tenants(app, SMALL_TENANTS)
    (large,) = await make_tenants(app, 1)
    async with workers(settings, 1, "jobforge"):
        alone = await _waits(app, small)
        await add_backlog(app, large, LARGE_JOBS)
        await _rate(app, large.tenant_id, await _settled(app, large.tenant_id))
        beside = await _waits(app, small)
        await _forget(app, large.tenant_id)
    served = [len(waits) / sum(waits) for waits in beside]
    return Fairness(
        p95_alone=_p95(alone),
        p95_beside=_p95(beside),
        jain=sum(served) ** 2 / (len(served) * sum(rate**2 for rate in served)),
    )


async def _rate(app: Application, tenant_id: UUID, first: int) -> float:
    """Children per second in the middle of the 1,000 that end after entry `first` of the chain."""
    marks = []
    for share in (0.2, 0.9):
        while (settled := await _settled(app, tenant_id)) - first < share * SHALLOW:
            await asyncio.sleep(0.002)
        marks.append((time.perf_counter(), settled))
    return (marks[1][1] - marks[0][1]) / (marks[1][0] - marks[0][0])


async def _settled(app: Application, tenant_id: UUID) -> int:
    async with app.database.transaction(tenant_id) as connection:
        return int(await connection.fetchval(_SETTLED, tenant_id))


async def _waits(app: Application, tenants: Sequence[TenantRecord]) -> list[list[float]]:
    async def submit(tenant: TenantRecord) -> UUID:
        bundle = make_bundle(tenant.slug, SMALL_JOBS)
        submission = Submission(tenant, ACTOR, "execute")
        run_id = (await app.submit_bundle.translated(bundle, submission)).bundle_run_id
        assert run_id is not None
        return run_id

    runs = [await submit(tenant) for tenant in tenants]
    for tenant, run_id in zip(tenants, runs, strict=True):
        while (await app.show_run(run_id, tenant)).summary.queued:
            await asyncio.sleep(0.02)
    waits = []
    for tenant, run_id in zip(tenants, runs, strict=True):
        async with app.database.transaction(tenant.tenant_id) as connection:
            rows = await connection.fetch(_WAITS, tenant.tenant_id, run_id)
        waits.append([float(row[0]) for row in rows])
    return waits


async def _forget(app: Application, tenant_id: UUID) -> None:
    """Let the rest of a backlog go, so that the next measure finds an empty queue."""
    async with app.database.transaction(tenant_id) as connection:
        await connection.execute(_FORGET, tenant_id, timeout=600)
    await all_settled(app)


def _p95(waits: Sequence[Sequence[float]]) -> float:
    return statistics.quantiles([wait for one in waits for wait in one], n=20)[18]


def _memory(process: Process) -> float:
    return float(psutil.Process(process.pid).memory_info().rss) / 2**20
