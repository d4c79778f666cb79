"""Measure what one tenant has to do, for its own dashboards."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from jobforge.core.controls import INSTALLATION
from jobforge.ports.jobs import OpenJobs
from jobforge.ports.records import TenantRecord
from jobforge.ports.storage import Storage

_MOST_PLANS: Final = 1_000


@dataclass(frozen=True, slots=True)
class TenantFigures:
    """What there is to do: open jobs, plans that wait for people (1,000 at most are counted).

    `switches` are those that hold for the tenant, the installation's too.
    """

    open_jobs: OpenJobs
    waiting_plans: int
    running_cap: int
    switches: int


@dataclass(frozen=True, slots=True)
class MeasureTenant:
    """Measures one tenant. What others have to do is not seen in it."""

    storage: Storage

    async def __call__(self, tenant: TenantRecord) -> TenantFigures:
        """Measure it once."""
        async with self.storage.transaction(tenant.tenant_id) as unit:
            open_jobs = await unit.jobs.count_open()
            plans = await unit.reviews.waiting(None, _MOST_PLANS)
            limits = await unit.controls.limits()
        holding = {tenant.tenant_id, INSTALLATION}
        switches = [s for s in await self.storage.list_switches() if s.tenant_id in holding]
        return TenantFigures(open_jobs, len(plans), limits.running_cap, len(switches))
