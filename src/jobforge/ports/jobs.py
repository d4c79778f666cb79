"""What use cases need of jobs: their rows, their keys, and their release."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

from jobforge.contract.results import JobStatus
from jobforge.ports.records import (
    ChildProgress,
    JobFilter,
    JobListing,
    JobRecord,
    KnownKey,
    NewJob,
    OpenJobs,
    Page,
)


class JobTable(Protocol):
    """Jobs."""

    async def insert_with_keys(self, jobs: Sequence[NewJob]) -> tuple[KnownKey, ...]:
        """Insert the jobs and their idempotency keys.

        Where another transaction took one of the keys meanwhile, nothing is inserted and the
        taken keys come back: decide again.
        """
        ...

    async def known_keys(self, keys: Sequence[tuple[str, str]]) -> tuple[KnownKey, ...]:
        """Those of the (job type, key) pairs that earlier jobs used."""
        ...

    async def find(self, job_id: UUID) -> JobRecord | None:
        """The job of this id."""
        ...

    async def of_run(self, run_id: UUID) -> tuple[JobRecord, ...]:
        """The jobs of a run."""
        ...

    async def newest(
        self, *, status: JobStatus | None, job_type: str | None, limit: int
    ) -> tuple[JobRecord, ...]:
        """The newest first."""
        ...

    async def progress_of(self, run_id: UUID) -> tuple[ChildProgress, ...]:
        """How far each job of a run is, by request."""
        ...

    async def page(self, wanted: JobFilter, page: Page) -> tuple[JobListing, ...]:
        """One page of the jobs, the newest first."""
        ...

    async def count_by_type(self, wanted: JobFilter) -> dict[str, int]:
        """How many jobs of each type the filter finds."""
        ...

    async def count_open(self) -> OpenJobs:
        """How many have not ended."""
        ...

    async def cancel(self, job_id: UUID, at: datetime) -> JobStatus | None:
        """Cancel it unless it has ended; the status before, or None where there is no such job."""
        ...

    async def retry(self, job_id: UUID, at: datetime, *, allowance: int) -> JobStatus | None:
        """Queue an ended job anew for `allowance` attempts more; the status before, or None."""
        ...

    async def report_progress(self, job_id: UUID, attempt: int, done: float, message: str) -> None:
        """Note how far an attempt is, if it still holds the job."""
        ...

    async def release(self, at: datetime) -> int:
        """Put waiting jobs into the queue, up to the tenant's cap; how many went."""
        ...
