"""Show stored plans: what they would do, and who has permitted them."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from jobforge.core.actor import Actor
from jobforge.core.authorization import Command
from jobforge.ports.records import GrantRecord, PendingGrant, PlanRecord, TenantRecord
from jobforge.ports.reviews import ApprovalRecord, ReviewRecord
from jobforge.ports.storage import Storage
from jobforge.steps.reviewing import find_plan


@dataclass(frozen=True, slots=True)
class ShownPlan:
    """A plan, its review where it needs a permission, all approvals of that, and its grant.

    `used` says what is known of the grant's one use, or of its revocation.
    """

    plan: PlanRecord
    review: ReviewRecord | None
    approvals: tuple[ApprovalRecord, ...]
    grant: PendingGrant | None = None
    used: GrantRecord | None = None


@dataclass(frozen=True, slots=True)
class ShowPlan:
    """Reads plans."""

    storage: Storage

    async def __call__(self, digest: str, tenant: TenantRecord, actor: Actor) -> ShownPlan:
        """The plan of this digest that counts now.

        Raises:
            Missing: there is none, or not for this actor.
        """
        async with self.storage.transaction(tenant.tenant_id) as unit:
            plan, review = await find_plan(unit, digest, actor, Command.PLAN_READ)
            if review is None:
                return ShownPlan(plan, None, ())
            approvals = await unit.reviews.approvals(review)
            if review.grant_jti is None:
                return ShownPlan(plan, review, approvals)
            grant = await unit.grants.find_pending(review.grant_jti)
            used = await unit.grants.find(review.grant_jti)
        return ShownPlan(plan, review, approvals, grant, used)

    async def waiting(
        self, tenant: TenantRecord, project_id: UUID | None, limit: int
    ) -> tuple[ReviewRecord, ...]:
        """The plans that wait for people, the newest first."""
        async with self.storage.transaction(tenant.tenant_id) as unit:
            return await unit.reviews.waiting(project_id, limit)
