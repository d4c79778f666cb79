"""The journal of actions, line by line."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from jobforge.adapters.postgres.database import Connection
from jobforge.adapters.postgres.queries import load_queries
from jobforge.adapters.postgres.rows import to_record
from jobforge.ports.records import JournalRecord

QUERIES = load_queries("effect_journal")


class JournalRows:
    """`JournalTable` in PostgreSQL."""

    def __init__(self, connection: Connection, tenant_id: UUID) -> None:
        self._connection = connection
        self._tenant_id = tenant_id

    async def of_job(self, job_id: UUID) -> tuple[JournalRecord, ...]:
        """The job's lines, oldest first."""
        rows = await self._connection.fetch(QUERIES.journal_of_job, self._tenant_id, job_id)
        return tuple(to_record(JournalRecord, row) for row in rows)

    async def write(
        self, job_id: UUID, attempt: int, step: int | None, state: str, note: str, at: datetime
    ) -> bool:
        """Add a line; False where the attempt does not hold the job any more."""
        row = await self._connection.fetchrow(
            QUERIES.write_journal, self._tenant_id, job_id, attempt, step, state, note, at
        )
        return row is not None
