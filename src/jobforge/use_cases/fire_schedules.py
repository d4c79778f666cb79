"""Fire the schedules of every tenant whose time has come."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime

from jobforge.contract.dialects import TranslatedBundle
from jobforge.contract.results import BundleResult
from jobforge.core.actor import Actor
from jobforge.core.audit import AuditEntry
from jobforge.core.errors import Unavailable
from jobforge.core.failure import to_failure
from jobforge.core.schedule import Step, decide, fires_at
from jobforge.core.scopes import READ_SCOPES
from jobforge.core.single_request import to_bundle
from jobforge.core.starting import EXECUTOR
from jobforge.ports.records import TenantRecord
from jobforge.ports.starting import DueSchedule, FiringOutcome, FiringRecord, ScheduleRecord
from jobforge.ports.storage import StarterStorage, TenantUnit
from jobforge.ports.system import Clock
from jobforge.steps.admit_bundle import AdmitBundle
from jobforge.steps.intake import Submission, TakeIn
from jobforge.steps.read_schedule import timing_of

AT_A_TIME = 100

_INSTANT = "%Y-%m-%dT%H:%M:%SZ"
_OUTCOMES: dict[str, FiringOutcome] = {"queued": "fired", "skipped": "skipped"}


@dataclass(frozen=True, slots=True)
class FireSchedules:
    """Decides each occurrence once, whoever else looks: moving the schedule on is the claim.

    The claim, the job, what became of the occurrence and the audit entries are one transaction, so
    that a process that dies in between leaves the occurrence to the next one.
    """

    storage: StarterStorage
    take_in: TakeIn
    admit: AdmitBundle
    clock: Clock

    async def __call__(self) -> int:
        """Decide what is due now; how many occurrences that were.

        Raises:
            Unavailable: the database does not answer.
        """
        count = 0
        for due in await self.storage.find_due_schedules(self.clock.now(), AT_A_TIME):
            count += await self.fire(due)
        return count

    async def fire(self, ref: DueSchedule) -> bool:
        """Decide one schedule's occurrence; False where somebody else did, or it is not due.

        Raises:
            Unavailable: the database does not answer.
        """
        tenant = await self.storage.find_tenant(str(ref.tenant_id))
        async with self.storage.transaction(ref.tenant_id) as unit:
            schedule = await unit.schedules.get(ref.schedule_id)
        now = self.clock.now()
        if tenant is None or schedule is None or schedule.next_due_at is None:
            return False
        if schedule.fires_at is None or schedule.fires_at > now:
            return False
        step = decide(schedule.schedule_id, timing_of(schedule), schedule.next_due_at, now)
        firing = _Firing(schedule, schedule.next_due_at, step, tenant, now)
        if not step.is_fired:
            return await self._skip(firing, "skipped", step.reason)
        try:
            return await self._start(firing)
        except Unavailable:
            raise
        except Exception as error:  # noqa: BLE001 (one schedule's fault must not stop the others)
            return await self._skip(firing, "failed", str(to_failure(error)["message"]))

    async def _start(self, firing: _Firing) -> bool:
        submission = firing.submission
        intake = await self.take_in(firing.to_bundle(), submission)
        async with self.storage.transaction(firing.tenant.tenant_id) as unit:
            if not await firing.claim(unit):
                return False
            admitted = await self.admit(unit, intake, submission)
            note = firing.to_record(admitted.result)
            await unit.schedules.note(note)
            await unit.audit.append([firing.entry(note), *admitted.entries])
        return True

    async def _skip(self, firing: _Firing, outcome: FiringOutcome, reason: str) -> bool:
        async with self.storage.transaction(firing.tenant.tenant_id) as unit:
            if not await firing.claim(unit):
                return False
            note = firing.to_note(outcome, reason)
            await unit.schedules.note(note)
            await unit.audit.append([firing.entry(note)])
        return True


@dataclass(frozen=True, slots=True)
class _Firing:
    """One occurrence of one schedule, decided."""

    schedule: ScheduleRecord
    due: datetime
    step: Step
    tenant: TenantRecord
    now: datetime

    @property
    def submission(self) -> Submission:
        """Whoever made the schedule held every read scope; it is not a person who asks now."""
        return Submission(
            tenant=self.tenant,
            actor=Actor(f"schedule:{self.schedule.name}", READ_SCOPES, is_local=False),
            mode="execute",
            project_id=self.schedule.project_id,
        )

    def to_bundle(self) -> TranslatedBundle:
        """The one job; its key names the occurrence, so that it is never queued twice."""
        payload = json.loads(self.schedule.payload)
        if self.schedule.job_type == EXECUTOR and self.schedule.cron is not None:
            payload["occurrence"] = f"{self.due:{_INSTANT}}"
        key = f"schedule:{self.schedule.schedule_id}:{self.due:{_INSTANT}}"
        return to_bundle(self.schedule.job_type, payload, tenant=self.tenant.slug, key=key)

    async def claim(self, unit: TenantUnit) -> bool:
        """Move the schedule on; False where somebody was faster."""
        following = self.step.next_due
        when = None
        if following is not None:
            when = fires_at(self.schedule.schedule_id, timing_of(self.schedule), following)
        return await unit.schedules.advance(self.schedule.schedule_id, self.due, following, when)

    def to_record(self, result: BundleResult) -> FiringRecord:
        """What became of it, as the gates decided."""
        if result.manifest.error is not None:
            error = result.manifest.error
            return self.to_note("denied", f"{error['code']}: {error['message']}", result)
        (child,) = result.child_runs
        outcome = _OUTCOMES.get(child.status, "denied")
        return self.to_note(
            outcome, self.step.reason if outcome == "fired" else child.reason, result
        )

    def to_note(
        self, outcome: FiringOutcome, reason: str, result: BundleResult | None = None
    ) -> FiringRecord:
        """The row of the occurrence."""
        children = () if result is None else result.child_runs
        return FiringRecord(
            schedule_id=self.schedule.schedule_id,
            due_at=self.due,
            decided_at=self.now,
            outcome=outcome,
            reason=reason,
            run_id=None if result is None else result.bundle_run_id,
            job_id=children[0].job_id if children else None,
        )

    def entry(self, note: FiringRecord) -> AuditEntry:
        """What the audit log says of it."""
        return AuditEntry(
            tenant_id=self.tenant.tenant_id,
            at=self.now,
            actor=f"schedule:{self.schedule.name}",
            event=f"schedule.{note.outcome}",
            subject=f"schedule:{self.schedule.name}",
            details={
                "due": note.due_at.isoformat(),
                "reason": note.reason,
                "run_id": None if note.run_id is None else str(note.run_id),
                "job_id": None if note.job_id is None else str(note.job_id),
                "created_by": self.schedule.created_by,
            },
        )
