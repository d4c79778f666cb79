"""Cancel a job that has not ended."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from jobforge.core.actor import Actor
from jobforge.core.audit import AuditEntry
from jobforge.core.errors import Conflict, Missing
from jobforge.core.lifecycle import is_terminal
from jobforge.ports.records import TenantRecord
from jobforge.ports.storage import Storage
from jobforge.ports.system import Clock


@dataclass(frozen=True, slots=True)
class CancelJob:
    """Cancels jobs. The result of an attempt that still runs is refused by the fence."""

    storage: Storage
    clock: Clock

    async def __call__(self, job_id: UUID, tenant: TenantRecord, actor: Actor) -> None:
        """Cancel it.

        Raises:
            Missing: the tenant has no such job.
            Conflict: it has ended.
        """
        at = self.clock.now()
        async with self.storage.transaction(tenant.tenant_id) as unit:
            before = await unit.jobs.cancel(job_id, at)
            if before is None:
                raise Missing(f"there is no job {job_id}", hint="jobforge job list --tenant T")
            if is_terminal(before):
                raise Conflict(f"job {job_id} has ended already: {before}")
            await unit.jobs.release(at)
            entry = AuditEntry(
                tenant_id=tenant.tenant_id,
                at=at,
                actor=actor.name,
                event="job.canceled",
                subject=f"job:{job_id}",
                details={"was": before},
            )
            await unit.audit.append([entry])
