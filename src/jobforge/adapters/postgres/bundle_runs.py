"""Bundle runs."""

from __future__ import annotations

from uuid import UUID

from jobforge.adapters.postgres.database import Connection
from jobforge.adapters.postgres.queries import load_queries
from jobforge.adapters.postgres.rows import to_record
from jobforge.ports.records import Page
from jobforge.ports.runs import RunFilter, RunListing, RunRecord

QUERIES = load_queries("bundle_runs")


class RunRows:
    """`RunTable` in PostgreSQL."""

    def __init__(self, connection: Connection, tenant_id: UUID) -> None:
        self._connection = connection
        self._tenant_id = tenant_id

    async def insert(self, run: RunRecord) -> None:
        """Store one."""
        await self._connection.execute(
            QUERIES.insert_run,
            self._tenant_id,
            run.run_id,
            run.project_id,
            run.mode,
            run.status,
            run.dialect,
            run.bundle_id,
            run.trace_id,
            run.producer_hash,
            run.plan_digest,
            run.effects_digest,
            run.actor,
            run.decisions,
            run.action_jobs_blocked,
            run.open_children,
            run.artifact_ref,
            run.error,
            run.created_at,
            run.closed_at,
            run.traceparent,
        )

    async def find(self, run_id: UUID) -> RunRecord | None:
        """The run of this id."""
        row = await self._connection.fetchrow(QUERIES.find_run, self._tenant_id, run_id)
        return None if row is None else to_record(RunRecord, row)

    async def newest(self, limit: int) -> tuple[RunRecord, ...]:
        """The newest first."""
        rows = await self._connection.fetch(QUERIES.newest_runs, self._tenant_id, limit)
        return tuple(to_record(RunRecord, row) for row in rows)

    async def page(self, wanted: RunFilter, page: Page) -> tuple[RunListing, ...]:
        """One page of the runs, the newest first."""
        rows = await self._connection.fetch(
            QUERIES.page_runs,
            self._tenant_id,
            page.after_at,
            page.after_id,
            wanted.project_id,
            wanted.status,
            wanted.mode,
            page.limit,
        )
        return tuple(to_record(RunListing, row) for row in rows)

    async def status(self, run_id: UUID) -> str | None:
        """How the run stands; None where there is none of this id."""
        row = await self._connection.fetchrow(QUERIES.run_status, self._tenant_id, run_id)
        return None if row is None else str(row["status"])
