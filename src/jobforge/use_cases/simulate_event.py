"""Say what an event would start, and start nothing."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from uuid import UUID

from jobforge.contract.errors import JobForgeError
from jobforge.core.admission import admit
from jobforge.ports.events import RuleRecord
from jobforge.ports.records import TenantRecord
from jobforge.ports.storage import Storage
from jobforge.ports.system import Clock
from jobforge.steps.intake import TakeIn
from jobforge.steps.judge_event import Judged, judge_rule, submission_of, to_job
from jobforge.steps.read_event import ReadEvent, read_event

_NO_EVENT = UUID(int=0)


@dataclass(frozen=True, slots=True)
class Simulated:
    """What one rule would do: its verdict, and what the gates would say of its job."""

    rule: str
    outcome: str
    reason: str
    job_type: str
    mode: str
    gates: str | None

    def to_json(self) -> dict[str, str | None]:
        """The same as a JSON object."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class SimulateEvent:
    """Judges an event as if it had just come in. Nothing is stored, counted or used up."""

    storage: Storage
    take_in: TakeIn
    clock: Clock

    async def __call__(
        self, raw: bytes, tenant: TenantRecord, *, as_if_on: bool = False
    ) -> tuple[Simulated, ...]:
        """What each rule would do, by name; with `as_if_on` as if every rule were enabled.

        Raises:
            ContractViolation: it is no event, or another tenant's.
        """
        event = read_event(raw, tenant.tenant_id)
        async with self.storage.transaction(tenant.tenant_id) as unit:
            rules = await unit.triggers.all()
            now = self.clock.now()
            judged = [
                await judge_rule(unit, _switched(rule, as_if_on=as_if_on), event, now)
                for rule in rules
            ]
        return tuple([await self._simulate(found, event, tenant) for found in judged])

    async def _simulate(self, judged: Judged, event: ReadEvent, tenant: TenantRecord) -> Simulated:
        gates = await self._gates(judged, event, tenant) if judged.verdict.fires else None
        return Simulated(
            rule=judged.rule.name,
            outcome=judged.verdict.outcome,
            reason=judged.verdict.reason,
            job_type=judged.rule.job_type,
            mode=judged.rule.mode,
            gates=gates,
        )

    async def _gates(self, judged: Judged, event: ReadEvent, tenant: TenantRecord) -> str:
        """What the gates would say of the job that it would start."""
        try:
            job = to_job(judged.rule, event, _NO_EVENT, tenant)
            intake = await self.take_in(job, submission_of(judged.rule, tenant))
        except JobForgeError as error:
            return error.message
        admission = admit(intake.prepared, intake.facts)
        if admission.refusal is not None:
            return f"{admission.refusal.code}: {admission.refusal.message}"
        (decision,) = admission.decisions
        return decision.reason


def _switched(rule: RuleRecord, *, as_if_on: bool) -> RuleRecord:
    return replace(rule, is_enabled=True) if as_if_on else rule
