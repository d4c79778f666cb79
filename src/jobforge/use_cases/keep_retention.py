"""How long a tenant's past is kept: show the rules, and change them."""

from __future__ import annotations

from dataclasses import dataclass

from jobforge.core.actor import Actor
from jobforge.core.audit import AuditEntry
from jobforge.ports.housekeeping import RetentionKind, RetentionRule
from jobforge.ports.records import TenantRecord
from jobforge.ports.storage import Storage
from jobforge.ports.system import Clock


@dataclass(frozen=True, slots=True)
class Retention:
    """The rules of tenants."""

    storage: Storage
    clock: Clock

    async def show(self, tenant: TenantRecord) -> tuple[RetentionRule, ...]:
        """Every rule, by kind; what has none is kept for ever."""
        async with self.storage.transaction(tenant.tenant_id) as unit:
            return await unit.housekeeping.rules()

    async def set(
        self, tenant: TenantRecord, kind: RetentionKind, days: int | None, actor: Actor
    ) -> tuple[RetentionRule, ...]:
        """Keep a kind so many days (1 to 36,500), or for ever; the rules as they are then."""
        async with self.storage.transaction(tenant.tenant_id) as unit:
            if days is None:
                await unit.housekeeping.drop_rule(kind)
            else:
                await unit.housekeeping.set_rule(RetentionRule(kind, days))
            rules = await unit.housekeeping.rules()
            entry = AuditEntry(
                tenant_id=tenant.tenant_id,
                at=self.clock.now(),
                actor=actor.name,
                event="retention.set",
                subject=f"tenant:{tenant.slug}",
                details={"kind": kind, "days": days},
            )
            await unit.audit.append([entry])
        return rules
