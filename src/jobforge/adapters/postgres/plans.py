"""Stored plans."""

from __future__ import annotations

from uuid import UUID

from jobforge.adapters.postgres.database import Connection
from jobforge.adapters.postgres.queries import load_queries
from jobforge.adapters.postgres.rows import to_record
from jobforge.ports.records import PlanRecord

QUERIES = load_queries("plans")


class PlanRows:
    """`PlanTable` in PostgreSQL."""

    def __init__(self, connection: Connection, tenant_id: UUID) -> None:
        self._connection = connection
        self._tenant_id = tenant_id

    async def insert(self, plan: PlanRecord) -> None:
        """Store it, unless the same plan with the same effects is there already."""
        await self._connection.execute(
            QUERIES.insert_plan,
            self._tenant_id,
            plan.digest,
            plan.effects_digest,
            plan.project_id,
            plan.requests,
            plan.effects,
            plan.created_by,
            plan.created_at,
            plan.origin,
        )

    async def find(self, digest: str, effects_digest: str) -> PlanRecord | None:
        """The plan of these two digests."""
        row = await self._connection.fetchrow(
            QUERIES.find_plan, self._tenant_id, digest, effects_digest
        )
        return None if row is None else to_record(PlanRecord, row)

    async def latest(self, digest: str) -> PlanRecord | None:
        """The newest plan of this digest."""
        row = await self._connection.fetchrow(QUERIES.latest_plan, self._tenant_id, digest)
        return None if row is None else to_record(PlanRecord, row)
