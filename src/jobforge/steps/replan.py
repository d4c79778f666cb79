"""Plan stored requests anew, as the rules, the code and the world are today. Nothing is written."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace

from jobforge.contract.dialects import TranslatedBundle
from jobforge.core.actor import Actor
from jobforge.core.admission import Admission, admit
from jobforge.core.plan import Drift, diff_effects, effects_from_json
from jobforge.core.review import to_bundle
from jobforge.ports.records import PlanRecord, TenantRecord
from jobforge.steps.intake import Intake, Submission, TakeIn


@dataclass(frozen=True, slots=True)
class Replanned:
    """A stored plan as it would be made today, and what is different in what it would change."""

    intake: Intake
    admission: Admission
    drifts: tuple[Drift, ...]


@dataclass(frozen=True, slots=True)
class Replan:
    """Plans stored plans anew."""

    take_in: TakeIn

    async def __call__(self, plan: PlanRecord, tenant: TenantRecord, actor: Actor) -> Replanned:
        """Plan it as if it had never been asked for: the keys it used then do not count.

        Raises:
            ContractViolation: one of its names is taken for a secret by now.
        """
        submission = Submission(tenant, actor, "dry_run", project_id=plan.project_id)
        bundle = to_bundle(tenant.tenant_id, plan.project_id, plan.requests, plan.origin)
        intake = await self.take_in(_with_new_keys(bundle, plan), submission)
        planned = effects_from_json(json.loads(plan.effects))
        return Replanned(
            intake=intake,
            # A missing permission says nothing of the other requests.
            admission=admit(
                intake.prepared, replace(intake.facts, on_policy_failure="deny_actions")
            ),
            drifts=diff_effects(planned, intake.plan.effects),
        )


def _with_new_keys(bundle: TranslatedBundle, plan: PlanRecord) -> TranslatedBundle:
    """Keys that nobody used, equal where the old ones are."""
    requests = tuple(
        replace(request, idempotency_key=f"replan:{plan.effects_digest}:{request.idempotency_key}")
        for request in bundle.requests
    )
    return replace(bundle, requests=requests)
