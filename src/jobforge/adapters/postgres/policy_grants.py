"""Uses and revocations of policy tokens, and permissions that wait for their use."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from jobforge.adapters.postgres.database import Connection
from jobforge.adapters.postgres.queries import load_queries
from jobforge.adapters.postgres.rows import to_record
from jobforge.ports.records import GrantRecord, NewGrant, PendingGrant

QUERIES = load_queries("policy_grants")
PENDING = load_queries("pending_grants")


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

    async def put_aside(self, grant: PendingGrant) -> bool:
        """Keep a permission for later."""
        row = await self._connection.fetchrow(
            PENDING.put_grant_aside,
            self._tenant_id,
            grant.jti,
            grant.token_hash,
            grant.actor,
            grant.project_id,
            grant.plan_digest,
            grant.effects_digest,
            list(grant.scopes),
            list(grant.job_types),
            grant.expires_at,
            grant.granted_at,
            grant.granted_for,
        )
        return row is not None

    async def find_pending(self, jti: str) -> PendingGrant | None:
        """The permission that was put aside under this number."""
        row = await self._connection.fetchrow(PENDING.find_pending_grant, self._tenant_id, jti)
        return None if row is None else to_record(PendingGrant, row)

    async def revoke(self, jti: str, by: str, at: datetime) -> bool:
        """Revoke it."""
        row = await self._connection.fetchrow(QUERIES.revoke_grant, self._tenant_id, jti, at, by)
        return row is not None
