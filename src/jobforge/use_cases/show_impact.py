"""Show what came of a bundle run: who asked, what was decided, done, changed and stored."""

from __future__ import annotations

import json
from dataclasses import dataclass
from uuid import UUID

from jobforge.contract.manifest import RunManifest
from jobforge.core.effects import parse_effects
from jobforge.core.errors import Missing
from jobforge.core.impact import ImpactGraph, Node
from jobforge.ports.jobs import JobRecord
from jobforge.ports.records import TenantRecord
from jobforge.ports.reviews import ApprovalRecord
from jobforge.ports.runs import RunRecord
from jobforge.ports.storage import Storage, TenantUnit


@dataclass(frozen=True, slots=True)
class ShowImpact:
    """Reads the graph of a run."""

    storage: Storage

    async def __call__(self, run_id: UUID, tenant: TenantRecord) -> ImpactGraph:
        """The graph as it is now.

        Raises:
            Missing: the tenant has no such run.
        """
        async with self.storage.snapshot(tenant.tenant_id) as unit:
            run = await unit.runs.find(run_id)
            if run is None:
                raise Missing(f"there is no run {run_id}", hint="jobforge run list --tenant T")
            jobs = await unit.jobs.of_run(run_id)
            approvals = await _approvals(unit, run)
        graph = ImpactGraph()
        permitted = _add_decision(graph, run, approvals)
        for job in jobs:
            _add_job(graph, job, permitted)
        _add_refused(graph, run, permitted)
        return graph


async def _approvals(unit: TenantUnit, run: RunRecord) -> tuple[ApprovalRecord, ...]:
    review = None if run.plan_digest is None else await unit.reviews.find(run.plan_digest)
    if review is None:
        return ()
    return tuple(a for a in await unit.reviews.approvals(review) if a.withdrawn_at is None)


def _add_decision(
    graph: ImpactGraph, run: RunRecord, approvals: tuple[ApprovalRecord, ...]
) -> list[str]:
    """Who asked for what, and who permitted it; the ids that jobs come from."""
    asked = [graph.add(Node(f"actor:{run.actor}", "actor", run.actor))]
    if run.dialect is not None:
        asked.append(graph.add(Node(f"module:{run.dialect}", "module", run.dialect)))
    name = run.bundle_id or str(run.run_id)
    bundle = graph.add(Node(f"run:{run.run_id}", "bundle", name, run.status), asked)
    if run.plan_digest is None:
        return [bundle]
    plan = graph.add(Node(f"plan:{run.plan_digest}", "plan", run.plan_digest), [bundle])
    permitted = [
        graph.add(Node(f"approval:{a.approval_id}", "approval", a.actor), [plan]) for a in approvals
    ]
    return permitted or [plan]


def _add_job(graph: ImpactGraph, job: JobRecord, permitted: list[str]) -> None:
    label = f"{job.request_id} {job.job_type}"
    node = graph.add(Node(f"job:{job.job_id}", "job", label, job.status), permitted)
    # What was only planned, and never done, had no effect.
    for effect in parse_effects(job.effects) if job.status == "executed" else ():
        graph.add(Node(f"effect:{effect.target}", "effect", effect.target, effect.change), [node])
    if job.manifest is not None:
        for output in RunManifest.model_validate_json(job.manifest).outputs:
            graph.add(Node(output.ref, "artifact", output.name), [node])


def _add_refused(graph: ImpactGraph, run: RunRecord, permitted: list[str]) -> None:
    """Requests that became no job, with what was decided."""
    for child in json.loads(run.decisions):
        if child["job_id"] is None and run.mode == "execute":
            label = f"{child['request_id']} {child['job_type']}"
            node = Node(f"request:{child['request_id']}", "job", label, child["status"])
            graph.add(node, permitted)
