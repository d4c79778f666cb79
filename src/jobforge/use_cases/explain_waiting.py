"""Say why a job has not begun yet."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from uuid import UUID

from jobforge.core.controls import INSTALLATION
from jobforge.core.errors import Conflict, Missing
from jobforge.core.waiting import Hold, WaitingFacts, WaitingReason, explain
from jobforge.ports.controls import HoldRecord
from jobforge.ports.records import TenantRecord
from jobforge.ports.storage import Storage
from jobforge.ports.system import Clock


@dataclass(frozen=True, slots=True)
class ExplainWaiting:
    """Explains waiting."""

    storage: Storage
    clock: Clock
    is_worker_there: Callable[[], Awaitable[bool]]

    async def __call__(self, job_id: UUID, tenant: TenantRecord) -> tuple[WaitingReason, ...]:
        """Every reason why the job has not begun yet, the one that weighs most first.

        Raises:
            Missing: the tenant has no such job.
            Conflict: it does not wait.
        """
        at = self.clock.now()
        async with self.storage.transaction(INSTALLATION) as unit:
            of_all = await unit.controls.holds(at)
        async with self.storage.transaction(tenant.tenant_id) as unit:
            job = await unit.jobs.find(job_id)
            if job is None:
                raise Missing(f"there is no job {job_id}", hint="jobforge job list --tenant T")
            if job.status != "queued":
                raise Conflict(f"job {job_id} does not wait: it is {job.status}")
            usage = await unit.controls.usage(job_id, at)
            facts = WaitingFacts(
                at=at,
                job_type=job.job_type,
                is_action=usage.is_action,
                is_released=usage.is_released,
                available_at=job.available_at,
                ahead=usage.ahead,
                released=usage.released,
                jobs_today=usage.jobs_today,
                rate_free_at=usage.rate_free_at,
                limits=await unit.controls.limits(),
                holds=tuple(map(_to_hold, (*of_all, *await unit.controls.holds(at)))),
                is_worker_there=await self.is_worker_there(),
            )
        return explain(facts)


def _to_hold(hold: HoldRecord) -> Hold:
    return Hold(hold.kind, hold.job_type, hold.only_actions, hold.name)
