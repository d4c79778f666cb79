"""Show a bundle run as it stands now."""

from __future__ import annotations

import json
from dataclasses import dataclass
from uuid import UUID

from jobforge.contract.results import BundleResult, ChildRun
from jobforge.core.answer import JobState, RunFacts, to_result, with_job_states
from jobforge.core.errors import Missing
from jobforge.ports.records import RunRecord, TenantRecord
from jobforge.ports.storage import Storage


@dataclass(frozen=True, slots=True)
class ShowRun:
    """Reads bundle runs."""

    storage: Storage

    async def __call__(self, run_id: UUID, tenant: TenantRecord) -> BundleResult:
        """The bundle result with today's statuses.

        Raises:
            Missing: the tenant has no such run.
        """
        async with self.storage.transaction(tenant.tenant_id) as unit:
            run = await unit.runs.find(run_id)
            if run is None:
                raise Missing(f"there is no run {run_id}", hint="jobforge run list --tenant T")
            jobs = await unit.jobs.of_run(run_id)
        states = {job.job_id: JobState(job.status, job.error) for job in jobs}
        decided = [ChildRun.model_validate(child) for child in json.loads(run.decisions)]
        return to_result(_to_facts(run, tenant), with_job_states(decided, states))

    async def newest(self, tenant: TenantRecord, limit: int) -> tuple[RunRecord, ...]:
        """The tenant's newest runs."""
        async with self.storage.transaction(tenant.tenant_id) as unit:
            return await unit.runs.newest(limit)


def _to_facts(run: RunRecord, tenant: TenantRecord) -> RunFacts:
    return RunFacts(
        run_id=run.run_id,
        tenant_id=tenant.tenant_id,
        project_id=run.project_id,
        mode=run.mode,
        created_at=run.created_at,
        dialect=run.dialect,
        trace_id=run.trace_id,
        plan_digest=run.plan_digest,
        producer_hash=run.producer_hash,
        action_jobs_blocked=run.action_jobs_blocked,
        artifact_ref=run.artifact_ref,
        error=None if run.error is None else json.loads(run.error),
    )
