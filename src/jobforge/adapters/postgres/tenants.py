"""The current tenant and its names."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import asyncpg

from jobforge.adapters.postgres.database import Connection
from jobforge.adapters.postgres.queries import load_queries
from jobforge.adapters.postgres.rows import to_record
from jobforge.core.audit import GENESIS_HASH
from jobforge.core.errors import AlreadyExists, Missing
from jobforge.ports.records import TenantWishes

QUERIES = load_queries("tenants")


class TenantRows:
    """`TenantTable` in PostgreSQL."""

    def __init__(self, connection: Connection, tenant_id: UUID) -> None:
        self._connection = connection
        self._tenant_id = tenant_id

    async def insert(
        self, tenant_id: UUID, slug: str, name: str, aliases: Sequence[str], at: datetime
    ) -> None:
        """Create it with its aliases, slots and audit chain."""
        try:
            await self._connection.execute(QUERIES.insert_tenant, tenant_id, slug, name, at)
            await self._connection.execute(QUERIES.insert_aliases, tenant_id, list(aliases))
        except asyncpg.UniqueViolationError as error:
            raise AlreadyExists(
                f"a tenant with this {_clashing(error)} exists already",
                hint="jobforge tenant list shows every tenant and its slug",
            ) from None
        await self._connection.execute(QUERIES.insert_slots, tenant_id)
        await self._connection.execute(QUERIES.insert_audit_head, tenant_id, GENESIS_HASH)

    async def aliases(self) -> tuple[str, ...]:
        """Every alias, sorted."""
        rows = await self._connection.fetch(QUERIES.list_aliases, self._tenant_id)
        return tuple(row["alias"] for row in rows)

    async def allow_host(self, *, is_allowed: bool) -> None:
        """Let the tenant's scans look at this host and loopback, or forbid it again."""
        await self._connection.execute(QUERIES.allow_host, self._tenant_id, is_allowed)

    async def requires_four_eyes(self) -> bool:
        """Whether who submits a plan needs somebody else to permit it."""
        is_required = await self._connection.fetchval(QUERIES.find_four_eyes, self._tenant_id)
        return is_required is not False

    async def wishes(self) -> TenantWishes:
        """What the tenant wants of its people."""
        row = await self._connection.fetchrow(QUERIES.find_wishes, self._tenant_id)
        if row is None:
            raise Missing
        return to_record(TenantWishes, row)

    async def wish(self, wishes: TenantWishes) -> None:
        """Change that."""
        await self._connection.execute(
            QUERIES.set_wishes,
            self._tenant_id,
            wishes.is_four_eyes_required,
            wishes.approvals_needed,
            wishes.approvals_needed_irreversible,
        )


def _clashing(error: asyncpg.UniqueViolationError) -> str:
    constraint = str(error.as_dict().get("constraint_name", ""))
    for part in ("alias", "slug"):
        if part in constraint:
            return part
    return "id"
