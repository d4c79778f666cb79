"""Revoke a policy token by its jti, whether it was used or not."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from jobforge.core.actor import Actor
from jobforge.core.audit import AuditEntry
from jobforge.ports.records import TenantRecord
from jobforge.ports.storage import Storage
from jobforge.ports.system import Clock


@dataclass(frozen=True, slots=True)
class RevokeToken:
    """Revokes tokens."""

    storage: Storage
    clock: Clock

    async def __call__(self, jti: UUID, tenant: TenantRecord, actor: Actor) -> bool:
        """Revoke it; False where it was revoked before."""
        at = self.clock.now()
        async with self.storage.transaction(tenant.tenant_id) as unit:
            is_new = await unit.grants.revoke(str(jti), actor.name, at)
            if is_new:
                entry = AuditEntry(
                    tenant_id=tenant.tenant_id,
                    at=at,
                    actor=actor.name,
                    event="policy_token.revoked",
                    subject=f"token:{jti}",
                    details={},
                )
                await unit.audit.append([entry])
        return is_new
