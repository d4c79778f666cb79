"""Create a project of a tenant."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from jobforge.core.actor import Actor
from jobforge.core.audit import AuditEntry
from jobforge.core.names import check_name, check_slug, to_slug
from jobforge.ports.records import ProjectRecord, TenantRecord
from jobforge.ports.storage import Storage
from jobforge.ports.system import Clock, IdSource


@dataclass(frozen=True, slots=True)
class CreateProject:
    """Creates projects."""

    storage: Storage
    clock: Clock
    ids: IdSource

    async def __call__(
        self,
        name: str,
        tenant: TenantRecord,
        actor: Actor,
        *,
        slug: str | None = None,
        project_id: UUID | None = None,
        aliases: Sequence[str] = (),
    ) -> ProjectRecord:
        """Create one; its slug is made from the name where none is given.

        Raises:
            InvalidInput: the name, slug or an alias is not valid.
            AlreadyExists: the tenant has a project of this slug or alias.
        """
        project = ProjectRecord(
            project_id=project_id or self.ids.uuid(),
            slug=check_slug(slug) if slug is not None else to_slug(name),
            name=check_name(name),
            created_at=self.clock.now(),
            aliases=tuple(sorted({check_name(alias, "alias") for alias in aliases})),
        )
        async with self.storage.transaction(tenant.tenant_id) as unit:
            await unit.projects.insert(
                project.project_id, project.slug, name, project.aliases, project.created_at
            )
            entry = AuditEntry(
                tenant_id=tenant.tenant_id,
                at=project.created_at,
                actor=actor.name,
                event="project.created",
                subject=f"project:{project.project_id}",
                details={"slug": project.slug, "name": name, "aliases": list(project.aliases)},
            )
            await unit.audit.append([entry])
        return project
