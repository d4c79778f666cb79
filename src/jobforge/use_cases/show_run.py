"""Show a bundle run as it stands now."""

from __future__ import annotations

import json
from dataclasses import dataclass
from uuid import UUID

from jobforge.contract.results import BundleResult
from jobforge.core.errors import Missing
from jobforge.core.plan import Effects, effects_from_json
from jobforge.ports.jobs import JobRecord
from jobforge.ports.records import Page, TenantRecord
from jobforge.ports.runs import RunFilter, RunListing, RunRecord
from jobforge.ports.storage import Storage
from jobforge.steps.read_run import read_run


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
            result = await read_run(unit, run_id)
        if result is None:
            raise Missing(f"there is no run {run_id}", hint="jobforge run list --tenant T")
        return result

    async def effects(self, run_id: UUID, tenant: TenantRecord) -> Effects:
        """What the actions of the run's plan said they would do; empty where it has none."""
        async with self.storage.transaction(tenant.tenant_id) as unit:
            run = await unit.runs.find(run_id)
            if run is None or run.plan_digest is None or run.effects_digest is None:
                return {}
            plan = await unit.plans.find(run.plan_digest, run.effects_digest)
        return {} if plan is None else effects_from_json(json.loads(plan.effects))

    async def jobs(self, run_id: UUID, tenant: TenantRecord) -> tuple[JobRecord, ...]:
        """The run's jobs, in the order they were asked for."""
        async with self.storage.transaction(tenant.tenant_id) as unit:
            return await unit.jobs.of_run(run_id)

    async def newest(self, tenant: TenantRecord, limit: int) -> tuple[RunRecord, ...]:
        """The tenant's newest runs."""
        async with self.storage.transaction(tenant.tenant_id) as unit:
            return await unit.runs.newest(limit)

    async def page(
        self, tenant: TenantRecord, wanted: RunFilter, page: Page
    ) -> tuple[RunListing, ...]:
        """One page of the tenant's runs, the newest first."""
        async with self.storage.transaction(tenant.tenant_id) as unit:
            return await unit.runs.page(wanted, page)

    async def project_of(self, run_id: UUID, tenant: TenantRecord) -> UUID | None:
        """The project of a run.

        Raises:
            Missing: the tenant has no such run.
        """
        async with self.storage.transaction(tenant.tenant_id) as unit:
            run = await unit.runs.find(run_id)
        if run is None:
            raise Missing(f"there is no run {run_id}", hint="jobforge run list --tenant T")
        return run.project_id
