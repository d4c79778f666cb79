"""Add a schedule, list them, look at one, switch it, remove it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from jobforge.core.actor import Actor
from jobforge.core.audit import AuditEntry
from jobforge.core.errors import Conflict, InvalidInput, Missing
from jobforge.core.names import check_name
from jobforge.core.schedule import Timing, check_timing, fires_at, next_due, upcoming
from jobforge.ports.records import TenantRecord
from jobforge.ports.starting import FiringRecord, ScheduleRecord
from jobforge.ports.storage import Storage, TenantUnit
from jobforge.ports.system import Clock, IdSource
from jobforge.steps.intake import Submission
from jobforge.steps.prepare_work import PreparedWork, PrepareWork, WorkWish
from jobforge.steps.read_schedule import timing_of


@dataclass(frozen=True, slots=True)
class Schedules:
    """Keeps a tenant's schedules. Adding one checks what it will start."""

    storage: Storage
    prepare: PrepareWork
    clock: Clock
    ids: IdSource

    async def add(
        self, name: str, timing: Timing, wish: WorkWish, submission: Submission
    ) -> ScheduleRecord:
        """Add one; it is enabled.

        Raises:
            ContractViolation: the bundle is not one.
            InvalidInput: the timing, or what it would start, is not valid or never comes.
            PolicyTokenRefused: the token does not permit exactly this bundle.
            AlreadyExists: the name is taken.
        """
        check_name(name, "schedule's name")
        check_timing(timing)
        work = await self.prepare(wish, submission, recurs=timing.recurs)
        now = self.clock.now()
        schedule = self._to_record(name, timing, work, submission, now)
        _check_lifetime(work, schedule)
        async with self.storage.transaction(submission.tenant.tenant_id) as unit:
            await unit.schedules.insert(schedule)
            entries = await self.prepare.write(unit, work, submission, f"schedule:{name}")
            details = {
                "job_type": schedule.job_type,
                "cron": schedule.cron,
                "at": None if schedule.at is None else schedule.at.isoformat(),
                "timezone": schedule.timezone,
                "jitter_seconds": schedule.jitter_seconds,
                "on_missed": schedule.on_missed,
                "payload": schedule.payload,
            }
            entry = self._entry("schedule.added", name, submission.tenant, submission.actor)
            await unit.audit.append([*entries, replace(entry, details=details)])
        return schedule

    async def all(self, tenant: TenantRecord) -> tuple[ScheduleRecord, ...]:
        """The tenant's schedules, by name."""
        async with self.storage.transaction(tenant.tenant_id) as unit:
            return await unit.schedules.all()

    async def show(
        self, name: str, tenant: TenantRecord, *, firings: int = 10
    ) -> tuple[ScheduleRecord, tuple[FiringRecord, ...]]:
        """A schedule, and what became of its newest occurrences.

        Raises:
            Missing: there is none of that name.
        """
        async with self.storage.transaction(tenant.tenant_id) as unit:
            schedule = await _find(unit, name, tenant)
            return schedule, await unit.schedules.firings(schedule.schedule_id, firings)

    async def next(self, name: str, tenant: TenantRecord, count: int) -> tuple[datetime, ...]:
        """The next instants at which it will fire, jitter included; none where it is disabled.

        Raises:
            Missing: there is none of that name.
        """
        schedule, _ = await self.show(name, tenant, firings=1)
        if schedule.next_due_at is None:
            return ()
        timing = timing_of(schedule)
        later = upcoming(timing, schedule.next_due_at, count - 1)
        dues = (schedule.next_due_at, *later)
        return tuple(fires_at(schedule.schedule_id, timing, due) for due in dues)

    async def switch(
        self, name: str, tenant: TenantRecord, actor: Actor, *, is_enabled: bool
    ) -> ScheduleRecord:
        """Enable it from its next occurrence on, or disable it. What was due meanwhile is gone.

        Raises:
            Missing: there is none of that name.
            Conflict: it was for one instant, which is over.
        """
        async with self.storage.transaction(tenant.tenant_id) as unit:
            schedule = await _find(unit, name, tenant)
            timing = timing_of(schedule)
            # Not what was decided already, even where the clock was set back since.
            decided = await unit.schedules.firings(schedule.schedule_id, 1)
            after = max([self.clock.now(), *(firing.due_at for firing in decided)])
            due = next_due(timing, after) if is_enabled else None
            if is_enabled and due is None:
                raise Conflict(f"schedule {name} has no occurrence left")
            when = None if due is None else fires_at(schedule.schedule_id, timing, due)
            await unit.schedules.switch(
                schedule.schedule_id, is_enabled=is_enabled, next_due=due, fires_at=when
            )
            event = "schedule.enabled" if is_enabled else "schedule.disabled"
            await unit.audit.append([self._entry(event, name, tenant, actor)])
            return await _find(unit, name, tenant)

    async def remove(self, name: str, tenant: TenantRecord, actor: Actor) -> None:
        """Forget it. What it started goes on, and stays in the audit log.

        Raises:
            Missing: there is none of that name.
        """
        async with self.storage.transaction(tenant.tenant_id) as unit:
            await _find(unit, name, tenant)
            await unit.schedules.remove(name)
            await unit.audit.append([self._entry("schedule.removed", name, tenant, actor)])

    def _to_record(
        self, name: str, timing: Timing, work: PreparedWork, submission: Submission, now: datetime
    ) -> ScheduleRecord:
        schedule_id = self.ids.uuid()
        due = next_due(timing, now)
        if due is None:
            raise InvalidInput("that instant is over", pointer="/at")
        return ScheduleRecord(
            schedule_id=schedule_id,
            name=name,
            project_id=submission.project_id,
            cron=timing.cron,
            at=timing.at,
            timezone=timing.timezone,
            jitter_seconds=int(timing.jitter.total_seconds()),
            on_missed=timing.on_missed,
            job_type=work.job_type,
            payload=work.payload,
            created_by=submission.actor.name,
            created_at=now,
            is_enabled=True,
            next_due_at=due,
            fires_at=fires_at(schedule_id, timing, due),
        )

    def _entry(self, event: str, name: str, tenant: TenantRecord, actor: Actor) -> AuditEntry:
        return AuditEntry(
            tenant_id=tenant.tenant_id,
            at=self.clock.now(),
            actor=actor.name,
            event=event,
            subject=f"schedule:{name}",
            details={},
        )


def _check_lifetime(work: PreparedWork, schedule: ScheduleRecord) -> None:
    """A permission must still hold when its work starts; there is no leeway then."""
    if work.claims is None or schedule.fires_at is None:
        return
    if work.claims.expires_at <= schedule.fires_at:
        raise InvalidInput(
            f"the policy token expires at {work.claims.expires_at.isoformat()}, and the schedule "
            f"fires at {schedule.fires_at.isoformat()}",
            hint="jobforge token issue --expires-in 24h is the longest there is",
        )


async def _find(unit: TenantUnit, name: str, tenant: TenantRecord) -> ScheduleRecord:
    schedule = await unit.schedules.find(name)
    if schedule is None:
        raise Missing(
            f"there is no schedule {name}", hint=f"jobforge schedule list --tenant {tenant.slug}"
        )
    return schedule
