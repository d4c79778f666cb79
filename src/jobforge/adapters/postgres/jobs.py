"""Jobs, their idempotency keys, and their release into the queue."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from jobforge.adapters.postgres.bundle_runs import QUERIES as RUN_QUERIES
from jobforge.adapters.postgres.database import Connection
from jobforge.adapters.postgres.queries import load_queries
from jobforge.adapters.postgres.rows import to_record
from jobforge.contract.results import JobStatus
from jobforge.core.lifecycle import is_terminal
from jobforge.ports.jobs import (
    ChildProgress,
    JobFilter,
    JobListing,
    JobRecord,
    KnownKey,
    NewJob,
    OpenJobs,
)
from jobforge.ports.records import Page

QUERIES = load_queries("jobs")


class JobRows:
    """`JobTable` in PostgreSQL."""

    def __init__(self, connection: Connection, tenant_id: UUID) -> None:
        self._connection = connection
        self._tenant_id = tenant_id

    async def known_keys(self, keys: Sequence[tuple[str, str]]) -> tuple[KnownKey, ...]:
        """Those of the (job type, key) pairs that earlier jobs used."""
        rows = await self._connection.fetch(
            QUERIES.known_keys,
            self._tenant_id,
            [job_type for job_type, _ in keys],
            [key for _, key in keys],
        )
        return tuple(to_record(KnownKey, row) for row in rows)

    async def insert_with_keys(self, jobs: Sequence[NewJob]) -> tuple[KnownKey, ...]:
        """Insert the jobs and their idempotency keys, or give back the keys just taken."""
        keyed = [job for job in jobs if job.idempotency_key is not None]
        taken = await self._take_keys(keyed)
        if len(taken) < len(keyed):
            wanted = [(job.job_type, job.idempotency_key or "") for job in keyed]
            return await self.known_keys(wanted)
        await self._insert(jobs)
        return ()

    async def _take_keys(self, jobs: Sequence[NewJob]) -> set[UUID]:
        rows = await self._connection.fetch(
            QUERIES.insert_keys,
            self._tenant_id,
            [job.job_type for job in jobs],
            [job.idempotency_key for job in jobs],
            [job.job_id for job in jobs],
            [job.payload_digest for job in jobs],
        )
        return {row["job_id"] for row in rows}

    async def _insert(self, jobs: Sequence[NewJob]) -> None:
        first = jobs[0]
        await self._connection.execute(
            QUERIES.insert_jobs,
            self._tenant_id,
            first.project_id,
            first.run_id,
            first.trace_id,
            first.actor,
            first.created_at,
            [job.job_id for job in jobs],
            [job.request_id for job in jobs],
            [job.job_type for job in jobs],
            [job.payload for job in jobs],
            [job.effects for job in jobs],
            [job.priority for job in jobs],
            [job.max_attempts for job in jobs],
            [job.grant_jti for job in jobs],
            [job.lane for job in jobs],
        )

    async def find(self, job_id: UUID) -> JobRecord | None:
        """The job of this id."""
        row = await self._connection.fetchrow(QUERIES.find_job, self._tenant_id, job_id)
        return None if row is None else to_record(JobRecord, row)

    async def of_run(self, run_id: UUID) -> tuple[JobRecord, ...]:
        """The jobs of a run."""
        rows = await self._connection.fetch(QUERIES.jobs_of_run, self._tenant_id, run_id)
        return tuple(to_record(JobRecord, row) for row in rows)

    async def newest(
        self, *, status: JobStatus | None, job_type: str | None, limit: int
    ) -> tuple[JobRecord, ...]:
        """The newest first."""
        rows = await self._connection.fetch(
            QUERIES.newest_jobs, self._tenant_id, status, job_type, limit
        )
        return tuple(to_record(JobRecord, row) for row in rows)

    async def progress_of(self, run_id: UUID) -> tuple[ChildProgress, ...]:
        """How far each job of a run is, by request."""
        rows = await self._connection.fetch(QUERIES.progress_of_run, self._tenant_id, run_id)
        return tuple(to_record(ChildProgress, row) for row in rows)

    async def page(self, wanted: JobFilter, page: Page) -> tuple[JobListing, ...]:
        """One page of the jobs, the newest first."""
        rows = await self._connection.fetch(
            QUERIES.page_jobs,
            self._tenant_id,
            page.after_at,
            page.after_id,
            *_asked(wanted),
            page.limit,
        )
        return tuple(to_record(JobListing, row) for row in rows)

    async def count_by_type(self, wanted: JobFilter) -> dict[str, int]:
        """How many jobs of each type the filter finds."""
        rows = await self._connection.fetch(
            QUERIES.count_jobs,
            self._tenant_id,
            *_asked(wanted),
        )
        return {row["job_type"]: row["jobs"] for row in rows}

    async def count_open(self) -> OpenJobs:
        """How many have not ended."""
        rows = await self._connection.fetch(QUERIES.count_open_jobs, self._tenant_id)
        return OpenJobs(**{row["state"]: row["jobs"] for row in rows})

    async def cancel(self, job_id: UUID, at: datetime) -> JobStatus | None:
        """Cancel it unless it has ended; the status before, or None."""
        row = await self._connection.fetchrow(QUERIES.lock_job, self._tenant_id, job_id)
        if row is None:
            return None
        before: JobStatus = row["status"]
        if not is_terminal(before):
            await self._connection.execute(QUERIES.cancel_job, self._tenant_id, job_id, at)
            await self._connection.execute(
                RUN_QUERIES.close_child, self._tenant_id, row["run_id"], at
            )
        return before

    async def retry(self, job_id: UUID, at: datetime, *, allowance: int) -> JobStatus | None:
        """Queue an ended job anew for `allowance` attempts more; the status before, or None."""
        row = await self._connection.fetchrow(QUERIES.lock_job, self._tenant_id, job_id)
        if row is None:
            return None
        before: JobStatus = row["status"]
        if is_terminal(before):
            await self._connection.execute(
                QUERIES.retry_job, self._tenant_id, job_id, at, allowance
            )
            await self._connection.execute(RUN_QUERIES.reopen_child, self._tenant_id, row["run_id"])
        return before

    async def report_progress(self, job_id: UUID, attempt: int, done: float, message: str) -> None:
        """Note how far an attempt is, if it still holds the job."""
        await self._connection.execute(
            QUERIES.report_progress, self._tenant_id, job_id, attempt, done, message
        )

    async def release(self, at: datetime) -> int:
        """Put waiting jobs into the queue, up to the tenant's cap."""
        count: int = await self._connection.fetchval(QUERIES.release_jobs, [self._tenant_id], at)
        return count


def _asked(wanted: JobFilter) -> tuple[object, ...]:
    """A filter's values, in the order in which the queries take them."""
    return (
        wanted.project_id,
        wanted.run_id,
        wanted.status,
        wanted.job_type,
        wanted.trace_id,
        wanted.created_from,
        wanted.created_until,
        wanted.payload,
    )
