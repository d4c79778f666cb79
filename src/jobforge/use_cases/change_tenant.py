"""Change what a tenant wants of its people: four eyes, and how many approvals."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from jobforge.core.actor import Actor
from jobforge.core.audit import AuditEntry
from jobforge.core.errors import InvalidInput
from jobforge.core.names import check_name
from jobforge.ports.records import TenantRecord, TenantWishes
from jobforge.ports.storage import Storage
from jobforge.ports.system import Clock

MAX_APPROVALS = 10


@dataclass(frozen=True, slots=True)
class ChangeTenant:
    """Reads and changes a tenant's wishes."""

    storage: Storage
    clock: Clock

    async def read(self, tenant: TenantRecord) -> TenantWishes:
        """What the tenant wants now."""
        async with self.storage.transaction(tenant.tenant_id) as unit:
            return await unit.tenants.wishes()

    async def __call__(
        self, wishes: TenantWishes, reason: str, tenant: TenantRecord, actor: Actor
    ) -> TenantWishes:
        """Change them; the audit log tells old, new and why.

        Raises:
            InvalidInput: there is no reason, or a number is not between 1 and 10.
        """
        check_name(reason, "reason")
        for number in (wishes.approvals_needed, wishes.approvals_needed_irreversible):
            if not 1 <= number <= MAX_APPROVALS:
                raise InvalidInput(f"approvals are between 1 and {MAX_APPROVALS}")
        at = self.clock.now()
        async with self.storage.transaction(tenant.tenant_id) as unit:
            before = await unit.tenants.wishes()
            await unit.tenants.wish(wishes)
            entry = AuditEntry(
                tenant_id=tenant.tenant_id,
                at=at,
                actor=actor.name,
                event="tenant.changed",
                subject=f"tenant:{tenant.tenant_id}",
                details={"reason": reason, "was": _to_json(before), "is": _to_json(wishes)},
            )
            await unit.audit.append([entry])
        return wishes


def _to_json(wishes: TenantWishes) -> dict[str, Any]:
    return {
        "four_eyes": wishes.is_four_eyes_required,
        "approvals_needed": wishes.approvals_needed,
        "approvals_needed_irreversible": wishes.approvals_needed_irreversible,
    }
