"""Schedules, and what became of their occurrences."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import asyncpg

from jobforge.adapters.postgres.database import Connection
from jobforge.adapters.postgres.queries import load_queries
from jobforge.adapters.postgres.rows import to_record
from jobforge.core.errors import AlreadyExists
from jobforge.ports.starting import FiringRecord, ScheduleRecord

QUERIES = load_queries("schedules")


class ScheduleRows:
    """`ScheduleTable` in PostgreSQL."""

    def __init__(self, connection: Connection, tenant_id: UUID) -> None:
        self._connection = connection
        self._tenant_id = tenant_id

    async def insert(self, schedule: ScheduleRecord) -> None:
        """Add one."""
        try:
            await self._connection.execute(
                QUERIES.insert_schedule,
                self._tenant_id,
                schedule.schedule_id,
                schedule.name,
                schedule.project_id,
                schedule.cron,
                schedule.at,
                schedule.timezone,
                schedule.jitter_seconds,
                schedule.on_missed,
                schedule.job_type,
                schedule.payload,
                schedule.created_by,
                schedule.created_at,
                schedule.is_enabled,
                schedule.next_due_at,
                schedule.fires_at,
            )
        except asyncpg.UniqueViolationError:
            raise AlreadyExists(
                f"there is a schedule called {schedule.name} already",
                hint=f"jobforge schedule remove {schedule.name} makes room for a new one",
            ) from None

    async def find(self, name: str) -> ScheduleRecord | None:
        """The schedule of this name."""
        row = await self._connection.fetchrow(QUERIES.find_schedule, self._tenant_id, name)
        return None if row is None else to_record(ScheduleRecord, row)

    async def get(self, schedule_id: UUID) -> ScheduleRecord | None:
        """The schedule of this id."""
        row = await self._connection.fetchrow(QUERIES.get_schedule, self._tenant_id, schedule_id)
        return None if row is None else to_record(ScheduleRecord, row)

    async def all(self) -> tuple[ScheduleRecord, ...]:
        """Every schedule, by name."""
        rows = await self._connection.fetch(QUERIES.list_schedules, self._tenant_id)
        return tuple(to_record(ScheduleRecord, row) for row in rows)

    async def advance(
        self, schedule_id: UUID, due: datetime, next_due: datetime | None, fires_at: datetime | None
    ) -> bool:
        """Move on from an occurrence; who is second waits here, and then finds it gone."""
        row = await self._connection.fetchrow(
            QUERIES.advance_schedule, self._tenant_id, schedule_id, due, next_due, fires_at
        )
        return row is not None

    async def switch(
        self,
        schedule_id: UUID,
        *,
        is_enabled: bool,
        next_due: datetime | None,
        fires_at: datetime | None,
    ) -> None:
        """Enable it from its next occurrence on, or disable it."""
        await self._connection.execute(
            QUERIES.switch_schedule, self._tenant_id, schedule_id, is_enabled, next_due, fires_at
        )

    async def remove(self, name: str) -> bool:
        """Forget one."""
        row = await self._connection.fetchrow(QUERIES.remove_schedule, self._tenant_id, name)
        return row is not None

    async def note(self, firing: FiringRecord) -> None:
        """Note what became of an occurrence."""
        await self._connection.execute(
            QUERIES.insert_firing,
            self._tenant_id,
            firing.schedule_id,
            firing.due_at,
            firing.decided_at,
            firing.outcome,
            firing.reason,
            firing.run_id,
            firing.job_id,
        )

    async def firings(self, schedule_id: UUID, limit: int) -> tuple[FiringRecord, ...]:
        """The newest occurrences first."""
        rows = await self._connection.fetch(
            QUERIES.newest_firings, self._tenant_id, schedule_id, limit
        )
        return tuple(to_record(FiringRecord, row) for row in rows)
