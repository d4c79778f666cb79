"""Switches, windows and limits: what holds work back."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from uuid import UUID

import asyncpg

from jobforge.adapters.postgres.database import Connection
from jobforge.adapters.postgres.queries import load_queries
from jobforge.adapters.postgres.rows import to_record
from jobforge.core.controls import Limits, Once, SwitchKind, Weekly
from jobforge.core.errors import AlreadyExists, InvalidInput
from jobforge.ports.controls import HoldRecord, SwitchRecord, UsageRecord, WindowRecord

QUERIES = load_queries("controls")


class ControlRows:
    """`ControlTable` in PostgreSQL."""

    def __init__(self, connection: Connection, tenant_id: UUID) -> None:
        self._connection = connection
        self._tenant_id = tenant_id

    async def turn_on(self, switch: SwitchRecord) -> bool:
        """Turn a switch on. False where it was on already."""
        row = await self._connection.fetchrow(
            QUERIES.turn_switch_on,
            self._tenant_id,
            switch.kind,
            switch.job_type,
            switch.reason,
            switch.actor,
            switch.since,
        )
        await self._note()
        return row is not None

    async def turn_off(self, kind: SwitchKind, job_type: str) -> bool:
        """Turn it off. False where it was not on."""
        row = await self._connection.fetchrow(
            QUERIES.turn_switch_off, self._tenant_id, kind, job_type
        )
        await self._note()
        return row is not None

    async def insert_window(self, window: WindowRecord) -> None:
        """Add one; AlreadyExists where the name is taken, InvalidInput where the zone is none."""
        await self._check_zone(window.times)
        try:
            await self._connection.execute(
                QUERIES.insert_window,
                self._tenant_id,
                window.name,
                window.kind,
                window.job_type,
                window.only_actions,
                *_time_columns(window.times),
                window.actor,
                window.created_at,
            )
        except asyncpg.UniqueViolationError:
            raise AlreadyExists(
                f"there is a window called {window.name} already",
                hint=f"jobforge window remove {window.name} makes room for a new one",
            ) from None
        await self._note()

    async def windows(self) -> tuple[WindowRecord, ...]:
        """Every window, by name."""
        rows = await self._connection.fetch(QUERIES.windows, self._tenant_id)
        return tuple(_to_window(row) for row in rows)

    async def remove_window(self, name: str) -> bool:
        """Forget one; False where there is none."""
        row = await self._connection.fetchrow(QUERIES.remove_window, self._tenant_id, name)
        await self._note()
        return row is not None

    async def limits(self) -> Limits:
        """What the tenant may have at most."""
        row = await self._connection.fetchrow(QUERIES.limits, self._tenant_id)
        assert row is not None  # noqa: S101 (a tenant is created with its slots)
        return to_record(Limits, row)

    async def set_limits(self, limits: Limits) -> None:
        """Change it; it holds from the next release on."""
        await self._connection.execute(QUERIES.set_running_cap, self._tenant_id, limits.running_cap)
        await self._connection.execute(
            QUERIES.set_limits,
            self._tenant_id,
            limits.rate_per_minute,
            limits.daily_jobs,
            limits.targets_per_action,
            limits.targets_per_day,
        )

    async def kill_switches(self) -> dict[str, str]:
        """The reasons of the kill switches on for the tenant, also those of all, by job type."""
        rows = await self._connection.fetch(QUERIES.find_kill_switches, self._tenant_id)
        return {row["job_type"]: row["reason"] for row in rows}

    async def usage(self, job_id: UUID, at: datetime) -> UsageRecord:
        """Where a queued job stands, and what is used of the limits."""
        row = await self._connection.fetchrow(QUERIES.usage, self._tenant_id, job_id, at)
        assert row is not None  # noqa: S101 (the job was found a moment ago)
        return to_record(UsageRecord, row)

    async def holds(self, at: datetime) -> tuple[HoldRecord, ...]:
        """What holds work back at the moment."""
        rows = await self._connection.fetch(QUERIES.holds, self._tenant_id, at)
        return tuple(to_record(HoldRecord, row) for row in rows)

    async def touch(self, targets: Sequence[str], job_id: UUID, day: date) -> int:
        """Note what a job's action may change today; how many targets there are today then."""
        await self._connection.fetchrow(QUERIES.lock_slots, self._tenant_id)
        count = await self._connection.fetchval(
            QUERIES.touch_targets, self._tenant_id, day, list(targets), job_id
        )
        return int(count)

    async def _note(self) -> None:
        await self._connection.execute(QUERIES.note_controls, self._tenant_id)

    async def _check_zone(self, times: Weekly | Once) -> None:
        if isinstance(times, Once):
            return
        try:
            await self._connection.execute(QUERIES.check_zone, times.zone)
        except asyncpg.InvalidParameterValueError:
            raise InvalidInput(
                f"there is no time zone {times.zone}", hint="as in Europe/Berlin or UTC"
            ) from None


def _time_columns(times: Weekly | Once) -> tuple[object, ...]:
    if isinstance(times, Once):
        return (None, None, None, None, times.starts_at, times.ends_at)
    minutes = times.duration // timedelta(minutes=1)
    return (list(times.weekdays), times.starts, minutes, times.zone, None, None)


def _to_window(row: asyncpg.Record) -> WindowRecord:
    times: Weekly | Once
    if row["weekdays"] is None:
        times = Once(row["starts_at"], row["ends_at"])
    else:
        times = Weekly(
            weekdays=tuple(row["weekdays"]),
            starts=row["starts"],
            duration=timedelta(minutes=row["minutes"]),
            zone=row["zone"],
        )
    return WindowRecord(
        name=row["name"],
        kind=row["kind"],
        job_type=row["job_type"],
        only_actions=row["only_actions"],
        times=times,
        actor=row["actor"],
        created_at=row["created_at"],
    )
