"""Read a tenant's audit log: the newest entries, or all of them as an export."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

from jobforge.core.audit import to_export_line
from jobforge.ports.records import AuditFilter, AuditRecord, TenantRecord
from jobforge.ports.storage import Storage

EVERY_ENTRY = AuditFilter()

_PAGE = 1_000
_AFTER_ALL = 2**63 - 1


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

    async def older(
        self,
        tenant: TenantRecord,
        before: int | None,
        limit: int,
        wanted: AuditFilter = EVERY_ENTRY,
    ) -> tuple[AuditRecord, ...]:
        """The newest that a filter finds first, before a number where one is given."""
        async with self.storage.transaction(tenant.tenant_id) as unit:
            return await unit.audit.older(before or _AFTER_ALL, limit, wanted)

    async def export_slowly(self, tenant: TenantRecord) -> AsyncIterator[str]:
        """The export for somebody who may read slowly: no transaction stays open meanwhile.

        What is exported ends where the chain ended when it began.
        """
        async with self.storage.transaction(tenant.tenant_id) as unit:
            end = (await unit.audit.head()).seq
        after = 0
        while after < end:
            async with self.storage.transaction(tenant.tenant_id) as unit:
                page = await unit.audit.page(after, min(_PAGE, end - after))
            for entry in page:
                yield to_export_line(entry)
            if not page:
                return
            after = page[-1].seq
