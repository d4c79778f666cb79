"""Create a tenant, with its slots and its audit chain."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from jobforge.core.actor import Actor
from jobforge.core.audit import AuditEntry
from jobforge.core.names import check_name, check_slug, to_slug
from jobforge.ports.records import TenantRecord
from jobforge.ports.storage import Storage
from jobforge.ports.system import Clock, IdSource


@dataclass(frozen=True, slots=True)
class CreateTenant:
    """Creates tenants."""

    storage: Storage
    clock: Clock
    ids: IdSource

    async def __call__(
        self,
        name: str,
        actor: Actor,
        *,
        slug: str | None = None,
        tenant_id: UUID | None = None,
        aliases: Sequence[str] = (),
        is_host_allowed: bool = False,
    ) -> TenantRecord:
        """Create one; its slug is made from the name where none is given.

        Raises:
            InvalidInput: the name, slug or an alias is not valid.
            AlreadyExists: the id, slug or an alias is taken.
        """
        tenant = TenantRecord(
            tenant_id=tenant_id or self.ids.uuid(),
            slug=check_slug(slug) if slug is not None else to_slug(name),
        )
        names = sorted({check_name(alias, "alias") for alias in aliases})
        at = self.clock.now()
        async with self.storage.transaction(tenant.tenant_id) as unit:
            await unit.tenants.insert(tenant.tenant_id, tenant.slug, check_name(name), names, at)
            if is_host_allowed:
                await unit.tenants.allow_host(is_allowed=True)
            entry = AuditEntry(
                tenant_id=tenant.tenant_id,
                at=at,
                actor=actor.name,
                event="tenant.created",
                subject=f"tenant:{tenant.tenant_id}",
                details={
                    "slug": tenant.slug,
                    "name": name,
                    "aliases": names,
                    "is_host_allowed": is_host_allowed,
                },
            )
            await unit.audit.append([entry])
        return tenant
