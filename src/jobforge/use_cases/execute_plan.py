"""Execute a stored plan by its digest, with the grant that its approvals led to."""

from __future__ import annotations

import json
from dataclasses import dataclass
from uuid import UUID

from jobforge.contract.results import BundleResult
from jobforge.core.actor import Actor
from jobforge.core.audit import AuditEntry
from jobforge.core.authorization import Command
from jobforge.core.errors import PlanStale
from jobforge.core.plan import Drift, diff_effects, effects_from_json
from jobforge.core.review import to_bundle
from jobforge.ports.records import PlanRecord, TenantRecord
from jobforge.ports.storage import Storage
from jobforge.ports.system import Clock
from jobforge.steps.intake import Submission, TakeIn
from jobforge.steps.reviewing import check_not_void, find_plan
from jobforge.steps.submit_translated import SubmitTranslated


@dataclass(frozen=True, slots=True)
class ExecutePlan:
    """Executes stored plans. Without a grant, what needs one is denied like everywhere."""

    storage: Storage
    take_in: TakeIn
    submit: SubmitTranslated
    clock: Clock

    async def __call__(self, digest: str, tenant: TenantRecord, actor: Actor) -> BundleResult:
        """Execute the plan.

        Raises:
            Missing: there is no such plan, or not for this actor.
            PlanVoid: a newer plan took its place, or it was rejected.
            PlanStale: the world changed since; it says what, precondition by precondition.
        """
        async with self.storage.transaction(tenant.tenant_id) as unit:
            plan, review = await find_plan(unit, digest, actor, Command.PLAN_EXECUTE)
        check_not_void(review)
        grant = None if review is None or review.grant_jti is None else UUID(review.grant_jti)
        submission = Submission(
            tenant=tenant,
            actor=actor,
            mode="execute",
            project_id=plan.project_id,
            grant_id=grant,
        )
        bundle = to_bundle(tenant.tenant_id, plan.project_id, plan.requests, plan.origin)
        current = (await self.take_in(bundle, submission)).plan
        if current.effects and current.effects_digest != plan.effects_digest:
            drifts = diff_effects(effects_from_json(json.loads(plan.effects)), current.effects)
            await self._note_stale(plan, drifts, tenant, actor)
            raise PlanStale(
                "the world changed since the plan",
                hint="plan the bundle again, look, and have it approved again",
                changes=[_to_json(drift) for drift in drifts],
            )
        return await self.submit(bundle, submission)

    async def _note_stale(
        self, plan: PlanRecord, drifts: tuple[Drift, ...], tenant: TenantRecord, actor: Actor
    ) -> None:
        entry = AuditEntry(
            tenant_id=tenant.tenant_id,
            at=self.clock.now(),
            actor=actor.name,
            event="plan.stale",
            subject=f"plan:{plan.digest}",
            details={
                "effects_digest": plan.effects_digest,
                "changes": [_to_json(drift) for drift in drifts],
            },
        )
        async with self.storage.transaction(tenant.tenant_id) as unit:
            await unit.audit.append([entry])


def _to_json(drift: Drift) -> dict[str, str | None]:
    return {
        "request_id": drift.request_id,
        "kind": drift.kind,
        "subject": drift.subject,
        "planned": drift.planned,
        "current": drift.current,
    }
