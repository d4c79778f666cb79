"""How the current tenant's newest jobs went."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from jobforge.adapters.postgres.database import Connection
from jobforge.adapters.postgres.queries import load_queries
from jobforge.adapters.postgres.rows import to_record
from jobforge.ports.overview import ActivityMinute, TenantBacklog, TypeActivity

QUERIES = load_queries("activity")


class ActivityRows:
    """`ActivityTable` in PostgreSQL."""

    def __init__(self, connection: Connection, tenant_id: UUID) -> None:
        self._connection = connection
        self._tenant_id = tenant_id

    async def minutes(self, since: datetime, jobs: int) -> tuple[ActivityMinute, ...]:
        """What ended, minute by minute, of so many of the newest jobs; the oldest first."""
        rows = await self._connection.fetch(QUERIES.activity_minutes, self._tenant_id, since, jobs)
        return tuple(to_record(ActivityMinute, row) for row in rows)

    async def types(self, since: datetime, jobs: int) -> tuple[TypeActivity, ...]:
        """The same by job type, the most frequent first."""
        rows = await self._connection.fetch(QUERIES.activity_types, self._tenant_id, since, jobs)
        return tuple(to_record(TypeActivity, row) for row in rows)

    async def backlog(self, bound: int) -> TenantBacklog:
        """What has not ended."""
        rows = await self._connection.fetch(QUERIES.tenant_backlog, self._tenant_id, bound)
        counts = {row["place"]: row["jobs"] for row in rows}
        return TenantBacklog(counts.get("waiting", 0), counts.get("in_queue", 0))
