"""Take an approval back, and with it the grant, as long as that was not used."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from jobforge.core.actor import Actor, Role, person_of
from jobforge.core.authorization import Command
from jobforge.core.errors import Conflict, Missing, NotPermitted
from jobforge.ports.records import TenantRecord
from jobforge.ports.reviews import ApprovalRecord, ReviewRecord
from jobforge.ports.storage import Storage, TenantUnit
from jobforge.ports.system import Clock
from jobforge.steps.reviewing import check_open, entry_of, find_plan


@dataclass(frozen=True, slots=True)
class WithdrawApproval:
    """Withdraws approvals: each person his own, an admin anybody's."""

    storage: Storage
    clock: Clock

    async def __call__(
        self, digest: str, approval_id: UUID, tenant: TenantRecord, actor: Actor
    ) -> None:
        """Withdraw it.

        Raises:
            Missing: there is no such plan or approval.
            NotPermitted: it is somebody else's.
            Conflict: it was withdrawn before, or the plan was executed already.
        """
        at = self.clock.now()
        async with self.storage.transaction(tenant.tenant_id) as unit:
            _, found = await find_plan(unit, digest, actor, Command.PLAN_APPROVE)
            review = check_open(found)
            approval = await _find(unit, review, approval_id)
            _check(approval, actor)
            await unit.reviews.withdraw(approval_id, at)
            if review.grant_jti is not None:
                await unit.grants.revoke(review.grant_jti, actor.name, at)
                await unit.reviews.note_grant(review, None)
            entry = entry_of(
                unit,
                "approval.withdrawn",
                digest,
                actor,
                at,
                approval_id=str(approval_id),
                was_by=approval.actor,
                grant=review.grant_jti,
            )
            await unit.audit.append([entry])


async def _find(unit: TenantUnit, review: ReviewRecord, approval_id: UUID) -> ApprovalRecord:
    for approval in await unit.reviews.approvals(review):
        if approval.approval_id == approval_id:
            return approval
    raise Missing(f"the plan has no approval {approval_id}")


def _check(approval: ApprovalRecord, actor: Actor) -> None:
    is_own = person_of(approval.actor) == actor.person
    if not (is_own or actor.is_local or Role.admin in actor.roles):
        raise NotPermitted("an approval is withdrawn by its own person, or by an admin")
    if approval.withdrawn_at is not None:
        raise Conflict("the approval was withdrawn before")
