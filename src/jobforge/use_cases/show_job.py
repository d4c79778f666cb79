"""Show jobs as they stand now."""

from __future__ import annotations

import json
from dataclasses import dataclass
from uuid import UUID

from jobforge.contract.manifest import RunManifest
from jobforge.contract.results import JobAnswer, JobStatus
from jobforge.core.errors import Missing
from jobforge.ports.jobs import JobFilter, JobListing, JobRecord
from jobforge.ports.records import JournalRecord, Page, TenantRecord
from jobforge.ports.storage import Storage


@dataclass(frozen=True, slots=True)
class ShowJob:
    """Reads jobs."""

    storage: Storage

    async def __call__(self, job_id: UUID, tenant: TenantRecord) -> JobRecord:
        """The job of this id.

        Raises:
            Missing: the tenant has no such job.
        """
        async with self.storage.transaction(tenant.tenant_id) as unit:
            job = await unit.jobs.find(job_id)
        if job is None:
            raise Missing(f"there is no job {job_id}", hint="jobforge job list --tenant T")
        return job

    async def answer(self, job_id: UUID, tenant: TenantRecord) -> JobAnswer:
        """The job's answer, in the contract's form."""
        return to_answer(await self(job_id, tenant))

    async def journal(self, job_id: UUID, tenant: TenantRecord) -> tuple[JournalRecord, ...]:
        """What the job's action began and did, the oldest first."""
        async with self.storage.transaction(tenant.tenant_id) as unit:
            return await unit.journal.of_job(job_id)

    async def newest(
        self,
        tenant: TenantRecord,
        *,
        status: JobStatus | None = None,
        job_type: str | None = None,
        limit: int = 50,
    ) -> tuple[JobRecord, ...]:
        """The tenant's newest jobs."""
        async with self.storage.transaction(tenant.tenant_id) as unit:
            return await unit.jobs.newest(status=status, job_type=job_type, limit=limit)

    async def page(
        self, tenant: TenantRecord, wanted: JobFilter, page: Page
    ) -> tuple[JobListing, ...]:
        """One page of the tenant's jobs, the newest first."""
        async with self.storage.transaction(tenant.tenant_id) as unit:
            return await unit.jobs.page(wanted, page)


def to_answer(job: JobRecord) -> JobAnswer:
    """A job's answer. Only an executed job is a success."""
    return JobAnswer(
        success=job.status == "executed",
        job_id=job.job_id,
        job_type=job.job_type,
        status=job.status,
        data=None if job.result is None else json.loads(job.result),
        manifest=None if job.manifest is None else RunManifest.model_validate_json(job.manifest),
        artifact_ref=job.artifact_ref,
        error=None if job.error is None else json.loads(job.error),
    )
