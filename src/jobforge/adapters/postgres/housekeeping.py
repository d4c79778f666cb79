"""How long the current tenant's past is kept, and removing what is older."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from jobforge.adapters.postgres.database import Connection
from jobforge.adapters.postgres.queries import load_queries
from jobforge.adapters.postgres.rows import to_record
from jobforge.ports.housekeeping import RetentionKind, RetentionRule

QUERIES = load_queries("housekeeping")


class HousekeepingRows:
    """`HousekeepingTable` in PostgreSQL."""

    def __init__(self, connection: Connection, tenant_id: UUID) -> None:
        self._connection = connection
        self._tenant_id = tenant_id

    async def rules(self) -> tuple[RetentionRule, ...]:
        """Every rule, by kind."""
        rows = await self._connection.fetch(QUERIES.list_rules, self._tenant_id)
        return tuple(to_record(RetentionRule, row) for row in rows)

    async def set_rule(self, rule: RetentionRule) -> None:
        """Keep this kind so many days from now on."""
        await self._connection.execute(QUERIES.set_rule, self._tenant_id, rule.kind, rule.days)

    async def drop_rule(self, kind: RetentionKind) -> bool:
        """Keep this kind for ever; False where it was kept so already."""
        done = await self._connection.execute(QUERIES.drop_rule, self._tenant_id, kind)
        return not done.endswith(" 0")

    async def prune_runs(self, before: datetime, at_most: int) -> tuple[int, int]:
        """Remove the oldest runs that ended before, with their jobs; how many runs and jobs."""
        row = await self._connection.fetchrow(QUERIES.prune_runs, before, at_most)
        assert row is not None  # noqa: S101 (counts are one row)
        return row["runs"], row["jobs"]

    async def prune_leftovers(self, before: datetime) -> tuple[int, int]:
        """Remove keys of removed jobs, and plans that no run has; how many of each."""
        row = await self._connection.fetchrow(QUERIES.prune_leftovers, before)
        assert row is not None  # noqa: S101 (counts are one row)
        return row["keys"], row["plans"]

    async def prune_artifacts(self, before: datetime, at_most: int) -> int:
        """Remove artifacts that were last stored before; how many."""
        return int(await self._connection.fetchval(QUERIES.prune_artifacts, before, at_most))

    async def last_entry(self, before: datetime) -> int:
        """The number of the newest audit entry from before; 0 where there is none."""
        found = await self._connection.fetchval(QUERIES.last_entry, self._tenant_id, before)
        return 0 if found is None else int(found)

    async def prune_audit(self, until: int) -> int:
        """Remove the entries up to this one, behind its signed pruning; how many."""
        return int(await self._connection.fetchval(QUERIES.prune_audit, until))
