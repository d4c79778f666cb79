"""Uses and revocations of policy tokens."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from jobforge.adapters.postgres.database import Connection
from jobforge.adapters.postgres.queries import load_queries
from jobforge.adapters.postgres.rows import to_record
from jobforge.ports.records import GrantRecord, NewGrant

QUERIES = load_queries("policy_grants")


class GrantRows:
    """`GrantTable` in PostgreSQL."""

    def __init__(self, connection: Connection, tenant_id: UUID) -> None:
        self._connection = connection
        self._tenant_id = tenant_id

    async def find(self, jti: str) -> GrantRecord | None:
        """What is known of this token."""
        row = await self._connection.fetchrow(QUERIES.find_grant, self._tenant_id, jti)
        return None if row is None else to_record(GrantRecord, row)

    async def consume(self, grant: NewGrant) -> bool:
        """Write the one use; a concurrent use waits here until the first one commits."""
        row = await self._connection.fetchrow(
            QUERIES.consume_grant,
            self._tenant_id,
            grant.jti,
            grant.token_hash,
            grant.actor,
            grant.plan_digest,
            grant.effects_digest,
            list(grant.scopes),
            list(grant.job_types),
            grant.expires_at,
            grant.consumed_at,
            grant.consumed_by,
        )
        return row is not None

    async def revoke(self, jti: str, by: str, at: datetime) -> bool:
        """Revoke it."""
        row = await self._connection.fetchrow(QUERIES.revoke_grant, self._tenant_id, jti, at, by)
        return row is not None
