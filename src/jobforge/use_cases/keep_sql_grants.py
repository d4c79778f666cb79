"""Bind a database role to a tenant, list them, bind one no more."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from uuid import UUID

from jobforge.core.actor import Actor
from jobforge.core.audit import AuditEntry
from jobforge.core.errors import Denied, Missing
from jobforge.core.names import check_name
from jobforge.ports.records import TenantRecord
from jobforge.ports.sql_way_in import SqlGrant
from jobforge.ports.storage import Storage
from jobforge.ports.system import Clock


@dataclass(frozen=True, slots=True)
class SqlGrants:
    """Keeps who may hand bundles in by SQL. A role belongs to one tenant.

    `make_login` makes a role of a name, and gives the URL with which it connects.
    """

    storage: Storage
    clock: Clock
    make_login: Callable[[str], Awaitable[str]]

    async def grant(
        self,
        role: str,
        tenant: TenantRecord,
        actor: Actor,
        *,
        project_id: UUID | None = None,
        is_new: bool = False,
    ) -> str | None:
        """Bind a role to the tenant, or to one project of it; its URL, where it `is_new`.

        Raises:
            Denied: the actor is not the local operator.
            InvalidInput: there is no such role, or it can do more than a tenant's may.
            AlreadyExists: it is bound already, or a new one's name is taken.
        """
        if not actor.is_local:
            raise Denied("database roles are bound by the operator of this machine")
        check_name(role, "role's name")
        url = await self.make_login(role) if is_new else None
        grant = SqlGrant(role, project_id, actor.name, self.clock.now())
        details = {"project_id": None if project_id is None else str(project_id)}
        async with self.storage.transaction(tenant.tenant_id) as unit:
            await unit.sql_grants.insert(grant)
            await unit.audit.append([self._entry("sql.granted", role, tenant, actor, details)])
        return url

    async def all(self, tenant: TenantRecord) -> tuple[SqlGrant, ...]:
        """The roles that are bound to the tenant, by name."""
        async with self.storage.transaction(tenant.tenant_id) as unit:
            return await unit.sql_grants.all()

    async def revoke(self, role: str, tenant: TenantRecord, actor: Actor) -> None:
        """Bind it no more. What it handed in goes on.

        Raises:
            Missing: it is not bound to this tenant.
        """
        async with self.storage.transaction(tenant.tenant_id) as unit:
            if not await unit.sql_grants.remove(role):
                raise Missing(
                    f"the role {role} is not bound to {tenant.slug}",
                    hint=f"jobforge sql list --tenant {tenant.slug}",
                )
            await unit.audit.append([self._entry("sql.revoked", role, tenant, actor, {})])

    def _entry(
        self,
        event: str,
        role: str,
        tenant: TenantRecord,
        actor: Actor,
        details: dict[str, str | None],
    ) -> AuditEntry:
        return AuditEntry(
            tenant_id=tenant.tenant_id,
            at=self.clock.now(),
            actor=actor.name,
            event=event,
            subject=f"sql:{role}",
            details=details,
        )
