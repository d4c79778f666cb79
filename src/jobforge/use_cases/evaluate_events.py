"""Judge the events of every tenant that nobody judged yet, and start what their rules ask for."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from jobforge.contract.errors import ContractViolation
from jobforge.contract.results import BundleResult
from jobforge.core.audit import AuditEntry
from jobforge.core.errors import Unavailable
from jobforge.core.failure import to_failure
from jobforge.core.triggers import Verdict
from jobforge.ports.events import EvaluationRecord, EventRecord, NewEvent
from jobforge.ports.records import TenantRecord
from jobforge.ports.storage import StarterStorage, TenantUnit
from jobforge.ports.system import Clock
from jobforge.steps.admit_bundle import AdmitBundle
from jobforge.steps.intake import Intake, TakeIn
from jobforge.steps.judge_event import Judged, judge_rule, submission_of, to_job
from jobforge.steps.read_event import ReadEvent, read_event

AT_A_TIME = 100

Prepared = dict[UUID, Intake | Exception]
"""By rule: its job as taken in, or why it could not be."""


class _Changed(Exception):
    """A rule began to fire between the two looks: the event is judged again."""


@dataclass(frozen=True, slots=True)
class EvaluateEvents:
    """Judges each event once, whoever else looks: marking it is the claim.

    The mark, the verdicts of all rules, the jobs and the audit entries are one transaction; rules
    are locked in it, so that what they remember is counted by one event at a time.
    """

    storage: StarterStorage
    take_in: TakeIn
    admit: AdmitBundle
    clock: Clock

    async def __call__(self) -> int:
        """Judge what is new; how many events that were.

        Raises:
            Unavailable: the database does not answer.
        """
        count = 0
        for new in await self.storage.find_new_events(AT_A_TIME):
            count += await self.evaluate(new)
        return count

    async def evaluate(self, new: NewEvent) -> bool:
        """Judge one event; False where somebody else did.

        Raises:
            Unavailable: the database does not answer.
        """
        tenant = await self.storage.find_tenant(str(new.tenant_id))
        async with self.storage.transaction(new.tenant_id) as unit:
            stored = await unit.events.find(new.event_id)
        if tenant is None or stored is None or stored.state != "received":
            return False
        try:
            event = read_event(stored.envelope.encode(), new.tenant_id)
            prepared = await self._prepare(stored, event, tenant)
            return await self._judge(stored, event, tenant, prepared)
        except _Changed:
            return False
        except Unavailable:
            raise
        except Exception as error:  # noqa: BLE001 (one event's fault must not hold up the others)
            return await self._refuse(stored, tenant, error)

    async def _prepare(
        self, stored: EventRecord, event: ReadEvent, tenant: TenantRecord
    ) -> Prepared:
        """Take in the jobs of the rules that would fire now; the transaction decides again."""
        async with self.storage.transaction(tenant.tenant_id) as unit:
            now = self.clock.now()
            rules = await unit.triggers.all()
            judged = [await judge_rule(unit, rule, event, now) for rule in rules]
        prepared: Prepared = {}
        for rule in (found.rule for found in judged if found.verdict.fires):
            try:
                job = to_job(rule, event, stored.event_id, tenant)
                prepared[rule.rule_id] = await self.take_in(job, submission_of(rule, tenant))
            except Unavailable:
                raise
            except Exception as error:  # noqa: BLE001 (one rule's fault must not stop the others)
                prepared[rule.rule_id] = error
        return prepared

    async def _judge(
        self, stored: EventRecord, event: ReadEvent, tenant: TenantRecord, prepared: Prepared
    ) -> bool:
        now = self.clock.now()
        async with self.storage.transaction(tenant.tenant_id) as unit:
            if not await unit.events.claim(stored.event_id, "evaluated", now):
                return False
            if stored.digest is None and not await unit.events.describe(
                event.to_record(stored.event_id, stored.received_at)
            ):
                # The very same event came by another way, and is judged there.
                await unit.events.hide(stored.event_id)
                return True
            entries: list[AuditEntry] = []
            for rule in await unit.triggers.lock_all():
                judged = await judge_rule(unit, rule, event, now)
                occasion = _Occasion(stored.event_id, judged, tenant, now)
                entries += await self._decide(unit, occasion, prepared.get(rule.rule_id))
            if entries:
                await unit.audit.append(entries)
        return True

    async def _decide(
        self, unit: TenantUnit, occasion: _Occasion, prepared: Intake | Exception | None
    ) -> list[AuditEntry]:
        """Note the verdict; start the job where the rule fires."""
        if not occasion.judged.verdict.fires:
            await unit.triggers.note(occasion.to_record())
            return []
        if prepared is None:
            raise _Changed
        if isinstance(prepared, Exception):
            failed = occasion.but("failed", str(to_failure(prepared)["message"]))
            await unit.triggers.note(failed.to_record())
            return [failed.entry(failed.to_record())]
        submission = submission_of(occasion.judged.rule, occasion.tenant)
        admitted = await self.admit(unit, prepared, submission)
        note = occasion.with_result(admitted.result)
        await unit.triggers.note(note)
        return [occasion.entry(note), *admitted.entries]

    async def _refuse(self, stored: EventRecord, tenant: TenantRecord, error: Exception) -> bool:
        """What came by SQL may be no event: it is kept as refused, and not looked at again."""
        failure = to_failure(error)
        reason = f"{failure['code']} at {failure.get('pointer') or '/'}: {failure['message']}"
        now = self.clock.now()
        async with self.storage.transaction(tenant.tenant_id) as unit:
            if not await unit.events.claim(stored.event_id, "refused", now, reason):
                return False
            if isinstance(error, ContractViolation):
                # Nobody knows what is in it.
                await unit.events.hide(stored.event_id)
            entry = AuditEntry(
                tenant_id=tenant.tenant_id,
                at=now,
                actor="worker",
                event="event.refused",
                subject=f"event:{stored.event_id}",
                details={"reason": reason},
            )
            await unit.audit.append([entry])
        return True


@dataclass(frozen=True, slots=True)
class _Occasion:
    """One rule and one event, judged."""

    event_id: UUID
    judged: Judged
    tenant: TenantRecord
    now: datetime

    def but(self, outcome: str, reason: str) -> _Occasion:
        """The same with another verdict."""
        verdict = Verdict(outcome, reason)  # type: ignore[arg-type]  # one of its words
        return replace(self, judged=replace(self.judged, verdict=verdict))

    def with_result(self, result: BundleResult) -> EvaluationRecord:
        """What the gates made of the job. A dry run that would be accepted counts as fired."""
        error = result.manifest.error
        if error is not None:
            occasion = self.but("denied", f"{error['code']}: {error['message']}")
            return occasion.to_record(result)
        (child,) = result.child_runs
        if child.status in {"queued", "accepted"}:
            return self.to_record(result)
        return self.but("denied", f"{child.code}: {child.reason}").to_record(result)

    def to_record(self, result: BundleResult | None = None) -> EvaluationRecord:
        """The row of the verdict."""
        children = () if result is None else result.child_runs
        return EvaluationRecord(
            event_id=self.event_id,
            rule_id=self.judged.rule.rule_id,
            decided_at=self.now,
            outcome=self.judged.verdict.outcome,
            reason=self.judged.verdict.reason,
            # Only what fired uses up its key: a later event may still fire for it.
            dedupe_key=self.judged.key if self.judged.verdict.fires else None,
            run_id=None if result is None else result.bundle_run_id,
            job_id=children[0].job_id if children else None,
        )

    def entry(self, note: EvaluationRecord) -> AuditEntry:
        """What the audit log says of what was started, or could not be."""
        return AuditEntry(
            tenant_id=self.tenant.tenant_id,
            at=self.now,
            actor=f"trigger:{self.judged.rule.name}",
            event=f"trigger.{note.outcome}",
            subject=f"event:{self.event_id}",
            details={
                "rule": self.judged.rule.name,
                "reason": note.reason,
                "run_id": None if note.run_id is None else str(note.run_id),
                "job_id": None if note.job_id is None else str(note.job_id),
                "created_by": self.judged.rule.created_by,
            },
        )
