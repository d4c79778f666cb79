"""Write a plan into storage, exactly as it would run."""

from __future__ import annotations

from datetime import datetime

from jobforge.contract.canonical import canonical_bytes
from jobforge.contract.dialects import TranslatedBundle
from jobforge.core.actor import Actor
from jobforge.core.plan import Plan, effects_to_json
from jobforge.core.review import to_origin
from jobforge.ports.records import PlanRecord
from jobforge.ports.storage import TenantUnit


async def store_plan(
    unit: TenantUnit, plan: Plan, bundle: TranslatedBundle, actor: Actor, at: datetime
) -> None:
    """Store the plan, unless it is there already."""
    await unit.plans.insert(
        PlanRecord(
            digest=plan.digest,
            effects_digest=plan.effects_digest,
            project_id=plan.project_id,
            requests=f"[{', '.join(request.to_text() for request in plan.requests)}]",
            effects=canonical_bytes(effects_to_json(plan.effects)).decode(),
            created_by=actor.name,
            created_at=at,
            origin=to_origin(bundle),
        )
    )
