"""Cancel or retry the jobs that a filter finds: first how many, then those."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Literal
from uuid import UUID

from jobforge.core.actor import Actor
from jobforge.core.audit import AuditEntry
from jobforge.core.catalog import JobCatalog
from jobforge.core.errors import InvalidInput
from jobforge.core.lifecycle import statuses_before
from jobforge.ports.jobs import JobFilter, JobListing
from jobforge.ports.records import Page, TenantRecord
from jobforge.ports.storage import Storage, TenantUnit
from jobforge.ports.system import Clock

JobChange = Literal["cancel", "retry"]

_BATCH = 200
_EVENTS: dict[JobChange, str] = {"cancel": "job.canceled", "retry": "job.retried_by_operator"}


@dataclass(frozen=True, slots=True)
class JobsPreview:
    """What a change would reach: jobs by type, none that came after `seen_at`.

    `skipped` counts actions, which are not retried.
    """

    seen_at: datetime
    by_type: dict[str, int] = field(default_factory=dict)
    skipped: int = 0

    @property
    def count(self) -> int:
        """How many jobs would be changed."""
        return sum(self.by_type.values())


@dataclass(frozen=True, slots=True)
class ChangeJobs:
    """Changes many jobs. Who confirms a preview changes no more jobs than he saw."""

    storage: Storage
    catalog: JobCatalog
    clock: Clock

    async def preview(
        self, change: JobChange, wanted: JobFilter, tenant: TenantRecord
    ) -> JobsPreview:
        """Count what the change would reach.

        Raises:
            InvalidInput: jobs of that status cannot be changed so.
        """
        statuses, by_type, skipped = _statuses(change, wanted), Counter[str](), 0
        async with self.storage.transaction(tenant.tenant_id) as unit:
            for status in statuses:
                counts = await unit.jobs.count_by_type(replace(wanted, status=status))
                for job_type, count in counts.items():
                    if self._is_changed(change, job_type):
                        by_type[job_type] += count
                    else:
                        skipped += count
        return JobsPreview(self.clock.now(), dict(sorted(by_type.items())), skipped)

    async def __call__(
        self,
        change: JobChange,
        wanted: JobFilter,
        seen: JobsPreview,
        tenant: TenantRecord,
        actor: Actor,
    ) -> int:
        """Change the jobs that were seen, batch by batch; how many were changed."""
        changed = 0
        for status in _statuses(change, wanted):
            place: tuple[datetime, UUID] | None = (seen.seen_at, UUID(int=0))
            while place is not None and changed < seen.count:
                page = Page(min(_BATCH, seen.count - changed), *place)
                async with self.storage.transaction(tenant.tenant_id) as unit:
                    jobs = await unit.jobs.page(replace(wanted, status=status), page)
                    changed += await self._change(unit, change, jobs, actor)
                place = (jobs[-1].created_at, jobs[-1].job_id) if jobs else None
        return changed

    async def _change(
        self, unit: TenantUnit, change: JobChange, jobs: tuple[JobListing, ...], actor: Actor
    ) -> int:
        at, entries = self.clock.now(), []
        for job in jobs:
            job_type = self.catalog.find(job.job_type)
            if not self._is_changed(change, job.job_type):
                continue
            if change == "cancel":
                before = await unit.jobs.cancel(job.job_id, at)
            else:
                allowance = 1 if job_type is None else job_type.max_attempts
                before = await unit.jobs.retry(job.job_id, at, allowance=allowance)
            if before in statuses_before(change):
                details = {"was": before, "many": True}
                subject = f"job:{job.job_id}"
                entries.append(
                    AuditEntry(unit.tenant_id, at, actor.name, _EVENTS[change], subject, details)
                )
        if entries:
            await unit.jobs.release(at)
            await unit.audit.append(entries)
        return len(entries)

    def _is_changed(self, change: JobChange, name: str) -> bool:
        """An action is not retried: its grant was for one use."""
        job_type = self.catalog.find(name)
        return change == "cancel" or (job_type is not None and not job_type.is_action)


def _statuses(change: JobChange, wanted: JobFilter) -> list[str]:
    """The statuses to look for: those of the filter, or all that can be changed so."""
    able: list[str] = sorted(statuses_before(change))
    if wanted.status is None:
        return able
    if wanted.status not in able:
        raise InvalidInput(
            f"jobs that are {wanted.status} cannot be changed so ({change})",
            hint=f"--status takes {', '.join(able)}",
        )
    return [wanted.status]
