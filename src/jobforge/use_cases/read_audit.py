"""Read a tenant's audit log: the newest entries, or all of them as an export."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

from jobforge.core.audit import to_export_line
from jobforge.ports.records import AuditRecord, TenantRecord
from jobforge.ports.storage import Storage


@dataclass(frozen=True, slots=True)
class ReadAudit:
    """Reads audit entries."""

    storage: Storage

    async def newest(self, tenant: TenantRecord, limit: int) -> tuple[AuditRecord, ...]:
        """The newest first."""
        async with self.storage.transaction(tenant.tenant_id) as unit:
            return await unit.audit.newest(limit)

    async def export(self, tenant: TenantRecord) -> AsyncIterator[str]:
        """Every entry in order as a line of JSON, without its end of line."""
        async with self.storage.snapshot(tenant.tenant_id) as unit:
            async for entry in unit.audit.entries():
                yield to_export_line(entry)
