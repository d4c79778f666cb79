"""From a translated bundle to a plan with predicted effects: what planning and issuing share."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from jobforge.contract.codes import ChildCode
from jobforge.contract.dialects import TranslatedBundle
from jobforge.contract.errors import JobForgeError
from jobforge.contract.results import Mode
from jobforge.core.actor import Actor
from jobforge.core.admission import (
    AdmissionFacts,
    Caller,
    CallerTenant,
    EarlierJob,
    Finding,
    OnPolicyFailure,
    PreparedBundle,
    PreparedRequest,
    Switches,
    candidates,
    prepare,
)
from jobforge.core.catalog import JobCatalog
from jobforge.core.context import JobContext, JobIdentity
from jobforge.core.effects import PlannedEffect
from jobforge.core.failure import to_failure
from jobforge.core.plan import Plan
from jobforge.core.redaction import mask_secrets
from jobforge.core.secret_names import refuse_secret_names
from jobforge.ports.records import TenantRecord
from jobforge.ports.runtime import ContextFactory, Reach
from jobforge.ports.storage import Storage, TenantUnit


@dataclass(frozen=True, slots=True)
class Submission:
    """Who wants a bundle planned or executed, for whom and how.

    `grant_id` is that of a permission which was put aside for this work; `run_id` is the run it
    shall become, where that was settled before. `traceparent` is that of who asks (W3C Trace
    Context); anything else in it is passed over.
    """

    tenant: TenantRecord
    actor: Actor
    mode: Mode
    project_id: UUID | None = None
    on_policy_failure: OnPolicyFailure = "deny_all"
    grant_id: UUID | None = None
    run_id: UUID | None = None
    traceparent: str | None = None


@dataclass(frozen=True, slots=True)
class Intake:
    """A bundle taken in: prepared, looked at, planned; no token judged yet."""

    prepared: PreparedBundle
    facts: AdmissionFacts
    plan: Plan

    @property
    def candidates(self) -> tuple[PreparedRequest, ...]:
        """The requests that would run if every token they need were there, in order."""
        return candidates(self.prepared, self.facts)


@dataclass(frozen=True, slots=True)
class TakeIn:
    """Reads the facts and predicts the effects of a bundle."""

    storage: Storage
    catalog: JobCatalog
    contexts: ContextFactory
    switches: Callable[[], Switches]

    async def __call__(self, bundle: TranslatedBundle, submission: Submission) -> Intake:
        """Take a bundle in. Nothing is written.

        Raises:
            ContractViolation: one of its names holds a secret.
        """
        refuse_secret_names(bundle)
        async with self.storage.transaction(submission.tenant.tenant_id) as unit:
            caller = await _caller(unit, submission)
            prepared = prepare(bundle, self.catalog, caller, mask=_mask)
            earlier_jobs = await read_earlier_jobs(unit, prepared)
            kill_switches = await unit.controls.kill_switches()
            limits = await unit.controls.limits()
        # Looked up only now: whoever holds one connection and waits for another can wait forever.
        unknown_tenants = await self._unknown_tenants(prepared, submission)
        facts = AdmissionFacts(
            switches=self.switches(),
            mode=submission.mode,
            on_policy_failure=submission.on_policy_failure,
            earlier_jobs=earlier_jobs,
            unknown_tenants=unknown_tenants,
            kill_switches=kill_switches,
            targets_per_action=limits.targets_per_action,
        )
        return await self._look(prepared, facts, submission)

    async def _unknown_tenants(
        self, prepared: PreparedBundle, submission: Submission
    ) -> frozenset[str]:
        """Only the local operator may learn that a name is nobody's."""
        name = prepared.source.tenant
        if not submission.actor.is_local or prepared.caller.tenant.is_called(name):
            return frozenset()
        return frozenset() if await self.storage.find_tenant(name) else frozenset({name})

    async def _look(
        self, prepared: PreparedBundle, facts: AdmissionFacts, submission: Submission
    ) -> Intake:
        """Look whether data is there and what actions would change."""
        if not any(request.sources or request.is_action for request in prepared.requests):
            return Intake(prepared, facts, prepared.plan)
        asked = candidates(prepared, facts)
        findings: dict[int, tuple[Finding, ...]] = {}
        effects: dict[str, tuple[PlannedEffect, ...]] = {}
        if any(request.sources or request.is_action for request in asked):
            identity = _identity(prepared, submission)
            reach = Reach(is_host_allowed=submission.actor.is_local)
            async with self.contexts.for_plan(identity, reach) as opened:
                for request in asked:
                    found = [
                        *await _look_for_data(request, opened.context),
                        *await _predict(request, opened.context, effects),
                    ]
                    if found:
                        findings[request.index] = tuple(found)
        if findings:
            facts = replace(facts, findings=findings)
            asked = candidates(prepared, facts)
        counts = {
            request.index: len({effect.target for effect in effects[request.source.request_id]})
            for request in asked
            if request.source.request_id in effects
        }
        facts = replace(facts, target_counts=counts)
        return Intake(prepared, facts, prepared.plan.with_effects(effects))


async def _caller(unit: TenantUnit, submission: Submission) -> Caller:
    tenant = submission.tenant
    names: dict[str, UUID] = {}
    for project in await unit.projects.all():
        for name in (*project.aliases, project.slug, str(project.project_id)):
            names[name] = project.project_id
    return Caller(
        tenant=CallerTenant(tenant.tenant_id, tenant.slug, frozenset(await unit.tenants.aliases())),
        projects=names,
        scopes=submission.actor.scopes,
        chosen_project=submission.project_id,
    )


async def read_earlier_jobs(
    unit: TenantUnit, prepared: PreparedBundle
) -> dict[tuple[str, str], EarlierJob]:
    """The jobs that used the bundle's keys before, by job type and key."""
    known = await unit.jobs.known_keys(sorted(prepared.keys))
    return {(k.job_type, k.key): EarlierJob(k.job_id, k.payload_digest) for k in known}


async def _look_for_data(request: PreparedRequest, context: JobContext) -> list[Finding]:
    found = []
    for source in request.sources:
        try:
            await context.data.check(source)
        except JobForgeError as error:
            found.append(_to_finding(error))
    return found


async def _predict(
    request: PreparedRequest,
    context: JobContext,
    effects: dict[str, tuple[PlannedEffect, ...]],
) -> list[Finding]:
    """Note the effects of an action; one that cannot tell them has a finding instead."""
    action = None if request.job_type is None else request.job_type.action
    if action is None or request.parsed is None:
        return []
    _, masked = mask_secrets(request.source.payload)
    if masked:
        # What is carried out is the masked payload, and nobody wants a mask written anywhere.
        message = f"an action's payload may not hold a secret: {masked[0]}"
        return [Finding(ChildCode.PAYLOAD_INVALID, message, "name a connection instead")]
    try:
        effects[request.source.request_id] = await action.plan(request.parsed, context)
    except Exception as error:  # noqa: BLE001 (a job type's fault must not take the bundle with it)
        return [_to_finding(error)]
    return []


def _to_finding(error: Exception) -> Finding:
    failure = to_failure(error)
    code = failure["code"]
    known = ChildCode(code) if code in ChildCode.__members__ else ChildCode.HANDLER_FAILED
    return Finding(known, failure["message"], failure.get("hint"), failure.get("pointer"))


def _identity(prepared: PreparedBundle, submission: Submission) -> JobIdentity:
    """Planning has no job; the nil UUID says so wherever an id is shown."""
    return JobIdentity(
        tenant_id=submission.tenant.tenant_id,
        tenant_slug=submission.tenant.slug,
        project_id=prepared.project_id,
        job_id=UUID(int=0),
        trace_id=prepared.source.trace_id,
    )


def _mask(payloads: Sequence[Mapping[str, object]]) -> Sequence[Mapping[str, object]]:
    masked, _ = mask_secrets(payloads)
    return list(masked)
