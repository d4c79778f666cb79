"""From the names people use to the ids that rows have."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from jobforge.core.errors import ProjectUnknown, TenantUnknown
from jobforge.ports.records import TenantRecord
from jobforge.ports.storage import Storage


@dataclass(frozen=True, slots=True)
class ResolveNames:
    """Finds tenants and projects by UUID, slug or alias, for the local operator."""

    storage: Storage

    async def tenant(self, name: str) -> TenantRecord:
        """The tenant of this name.

        Raises:
            TenantUnknown: there is none; the hint is the command to create it.
        """
        tenant = await self.storage.find_tenant(name)
        if tenant is None:
            raise TenantUnknown(
                f"there is no tenant {name}", hint=f"jobforge tenant create {name!r}"
            )
        return tenant

    async def project(self, tenant: TenantRecord, name: str | None) -> UUID | None:
        """The tenant's project of this name; None where no name is given.

        Raises:
            ProjectUnknown: there is none; the hint is the command to create it.
        """
        if name is None:
            return None
        async with self.storage.transaction(tenant.tenant_id) as unit:
            for project in await unit.projects.all():
                names = {str(project.project_id), project.slug, *project.aliases}
                if name in names or name.lower() == str(project.project_id):
                    return project.project_id
        raise ProjectUnknown(
            f"tenant {tenant.slug} has no project {name}",
            hint=f"jobforge project create {name!r} --tenant {tenant.slug}",
        )
