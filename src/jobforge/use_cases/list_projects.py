"""List a tenant's projects."""

from __future__ import annotations

from dataclasses import dataclass

from jobforge.ports.records import ProjectRecord, TenantRecord
from jobforge.ports.storage import Storage


@dataclass(frozen=True, slots=True)
class ListProjects:
    """Reads projects."""

    storage: Storage

    async def __call__(self, tenant: TenantRecord) -> tuple[ProjectRecord, ...]:
        """Every project of the tenant, by slug."""
        async with self.storage.transaction(tenant.tenant_id) as unit:
            return await unit.projects.all()
