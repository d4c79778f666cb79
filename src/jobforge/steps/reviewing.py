"""What approving, withdrawing, breaking glass and executing share: the review, and its grant."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from jobforge.core.actor import Actor
from jobforge.core.audit import AuditEntry
from jobforge.core.authorization import Command, Target, authorize
from jobforge.core.catalog import JobCatalog
from jobforge.core.errors import Conflict, Missing, PlanVoid
from jobforge.core.review import permission_for
from jobforge.ports.records import PendingGrant, PlanRecord
from jobforge.ports.reviews import ReviewRecord
from jobforge.ports.storage import TenantUnit


async def find_plan(
    unit: TenantUnit, digest: str, actor: Actor, command: Command
) -> tuple[PlanRecord, ReviewRecord | None]:
    """The plan of this digest that counts now, with its review, locked; none where it needs none.

    Raises:
        Missing: there is no such plan, or not for this actor.
    """
    review = await unit.reviews.lock(digest)
    plan = (
        await unit.plans.latest(digest)
        if review is None
        else await unit.plans.find(digest, review.effects_digest)
    )
    if plan is None:
        raise Missing(f"there is no plan {digest}")
    authorize(actor, command, Target(unit.tenant_id, plan.project_id, is_one_object=True))
    return plan, review


def check_open(review: ReviewRecord | None) -> ReviewRecord:
    """The review, if people can still decide on it.

    Raises:
        Conflict: the plan needs no permission, or was executed.
        PlanVoid: a newer plan took its place, or it was rejected.
    """
    if review is None:
        raise Conflict("nothing in this plan needs an approval: execute it")
    check_not_void(review)
    if review.closed_at is not None:
        raise Conflict("the plan was executed already", hint="plan the bundle again")
    return review


def check_not_void(review: ReviewRecord | None) -> None:
    """Make sure that nothing took the plan's place.

    Raises:
        PlanVoid: something did, or it was rejected.
    """
    if review is None or review.closed_because in {None, "executed"}:
        return
    raise PlanVoid(f"the plan is void: {review.closed_because}", hint="plan the bundle again")


def to_grant(
    review: ReviewRecord, plan: PlanRecord, catalog: JobCatalog, jti: UUID, actor: Actor
) -> PendingGrant:
    """A grant for exactly this plan, without an end yet: it ends when it begins.

    Raises:
        InvalidInput: what an action would change is not known.
    """
    permission = permission_for(plan.requests, json.loads(plan.effects), catalog)
    return PendingGrant(
        jti=str(jti),
        token_hash=None,
        actor=actor.name,
        project_id=review.project_id,
        plan_digest=review.digest,
        effects_digest=review.effects_digest,
        scopes=permission.scopes,
        job_types=permission.job_types,
        expires_at=review.opened_at,
        granted_at=review.opened_at,
        granted_for=f"plan:{review.digest}",
    )


async def write_grant(
    unit: TenantUnit, review: ReviewRecord, grant: PendingGrant, issuers: Sequence[str]
) -> None:
    """Put the grant aside for the plan's one execution, and note who stands behind it."""
    await unit.grants.put_aside(grant)
    await unit.reviews.note_grant(review, grant.jti)
    await unit.reviews.note_issuers(grant.jti, issuers, grant.granted_at)


def entry_of(
    unit: TenantUnit,
    event: str,
    digest: str,
    actor: Actor,
    at: datetime,
    **details: Any,  # noqa: ANN401 (any JSON)
) -> AuditEntry:
    """An audit entry about a plan; the details are what they are called."""
    return AuditEntry(
        tenant_id=unit.tenant_id,
        at=at,
        actor=actor.name,
        event=event,
        subject=f"plan:{digest}",
        details=details,
    )
