"""Queue a failed job anew."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from jobforge.core.actor import Actor
from jobforge.core.audit import AuditEntry
from jobforge.core.catalog import JobCatalog
from jobforge.core.errors import Conflict, Denied, Missing
from jobforge.core.lifecycle import statuses_before
from jobforge.ports.records import TenantRecord
from jobforge.ports.storage import Storage
from jobforge.ports.system import Clock


@dataclass(frozen=True, slots=True)
class RetryJob:
    """Retries jobs. An action is not retried: its grant was for one use."""

    storage: Storage
    catalog: JobCatalog
    clock: Clock

    async def __call__(self, job_id: UUID, tenant: TenantRecord, actor: Actor) -> None:
        """Queue it anew, with fresh attempts.

        Raises:
            Missing: the tenant has no such job.
            Conflict: it runs, waits, or was executed.
            Denied: it is an action, which needs a new policy token.
        """
        at = self.clock.now()
        async with self.storage.transaction(tenant.tenant_id) as unit:
            job = await unit.jobs.find(job_id)
            if job is None:
                raise Missing(f"there is no job {job_id}", hint="jobforge job list --tenant T")
            job_type = self.catalog.find(job.job_type)
            if job_type is None or job_type.is_action:
                raise Denied(
                    "an action is not retried: its policy token was for one use",
                    hint="submit it again with a new token",
                )
            before = await unit.jobs.retry(job_id, at, allowance=job_type.max_attempts)
            if before not in statuses_before("retry"):
                raise Conflict(f"job {job_id} is {before}; only one that failed is retried")
            await unit.jobs.release(at)
            entry = AuditEntry(
                tenant_id=tenant.tenant_id,
                at=at,
                actor=actor.name,
                event="job.retried_by_operator",
                subject=f"job:{job_id}",
                details={"was": before},
            )
            await unit.audit.append([entry])
