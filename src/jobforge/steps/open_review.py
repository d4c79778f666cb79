"""A stored plan that needs a permission waits for people; it takes the place of older ones."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from jobforge.core.admission import Decision
from jobforge.core.audit import AuditEntry
from jobforge.core.plan import Plan
from jobforge.core.review import targets_of
from jobforge.ports.reviews import NewReview
from jobforge.ports.storage import TenantUnit


async def open_review(
    unit: TenantUnit, plan: Plan, decisions: tuple[Decision, ...], by: str, at: datetime
) -> list[AuditEntry]:
    """Open the plan's review where something in it needs a permission.

    Older plans that share a target are void from now on, with their approvals and grants.

    Returns:
        What is to be appended to the audit log, last in the transaction.
    """
    needing = [d.request for d in decisions if d.request.needs_token]
    if not needing:
        return []
    review = NewReview(
        digest=plan.digest,
        effects_digest=plan.effects_digest,
        project_id=plan.project_id,
        targets=targets_of(plan.effects),
        is_irreversible=any(
            request.job_type is not None
            and request.job_type.action is not None
            and request.job_type.action.undo is None
            for request in needing
        ),
        opened_by=by,
        opened_at=at,
    )
    entries = []
    for old in await unit.reviews.supersede(review):
        if old.grant_jti is not None:
            await unit.grants.revoke(old.grant_jti, by, at)
        details = {"by": plan.digest, "grant": old.grant_jti}
        entries.append(_entry(unit, "plan.superseded", old.digest, by, at, details))
    if await unit.reviews.open(review):
        asked = {"effects_digest": plan.effects_digest, "targets": list(review.targets)}
        entries.append(_entry(unit, "approval.requested", plan.digest, by, at, asked))
    return entries


def _entry(
    unit: TenantUnit, event: str, digest: str, by: str, at: datetime, details: Mapping[str, object]
) -> AuditEntry:
    return AuditEntry(
        tenant_id=unit.tenant_id,
        at=at,
        actor=by,
        event=event,
        subject=f"plan:{digest}",
        details=details,
    )
