"""A bundle run as it stands now, from its row and those of its jobs."""

from __future__ import annotations

import json
from dataclasses import replace
from uuid import UUID

from jobforge.contract.manifest import ArtifactOutput
from jobforge.contract.results import BundleResult, ChildRun
from jobforge.core.answer import (
    JobState,
    RunFacts,
    summary_output,
    to_result,
    with_job_states,
)
from jobforge.ports.runs import RunRecord
from jobforge.ports.storage import TenantUnit


async def read_run(unit: TenantUnit, run_id: UUID) -> BundleResult | None:
    """The bundle result with today's statuses; None where the tenant has no such run."""
    run = await unit.runs.find(run_id)
    if run is None:
        return None
    jobs = await unit.jobs.of_run(run_id)
    states = {job.job_id: JobState(job.status, job.error) for job in jobs}
    decided = [ChildRun.model_validate(child) for child in json.loads(run.decisions)]
    facts = replace(_to_facts(run, unit.tenant_id), outputs=await _outputs(unit, run))
    return to_result(facts, with_job_states(decided, states))


async def _outputs(unit: TenantUnit, run: RunRecord) -> tuple[ArtifactOutput, ...]:
    if run.artifact_ref is None:
        return ()
    stored = await unit.artifacts.find(run.artifact_ref.removeprefix("artifact:"))
    if stored is None:
        return ()
    return (summary_output(run.run_id, stored.checksum, stored.size),)


def _to_facts(run: RunRecord, tenant_id: UUID) -> RunFacts:
    return RunFacts(
        run_id=run.run_id,
        tenant_id=tenant_id,
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
