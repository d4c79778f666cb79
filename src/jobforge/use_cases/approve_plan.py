"""Approve a stored plan, or reject it; the last approval writes the grant for exactly this plan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol

from jobforge.core.actor import Actor, person_of
from jobforge.core.audit import AuditEntry
from jobforge.core.authorization import Command, require_four_eyes
from jobforge.core.catalog import JobCatalog
from jobforge.core.errors import AlreadyExists, Conflict, InvalidInput
from jobforge.core.names import check_name
from jobforge.core.review import APPROVAL_LIFETIME, counting
from jobforge.ports.records import PendingGrant, PlanRecord, TenantRecord
from jobforge.ports.reviews import ApprovalRecord, ReviewRecord
from jobforge.ports.storage import Storage, TenantUnit
from jobforge.ports.system import Clock, IdSource
from jobforge.steps.reviewing import check_open, entry_of, find_plan, to_grant, write_grant


@dataclass(frozen=True, slots=True)
class ApprovalWish:
    """Why and how long; and for which effects, where the approver says what he looked at."""

    reason: str
    lifetime: timedelta = APPROVAL_LIFETIME
    effects_digest: str | None = None


class _Ends(Protocol):
    @property
    def actor(self) -> str: ...

    @property
    def expires_at(self) -> datetime: ...


@dataclass(frozen=True, slots=True)
class ApprovePlan:
    """Takes approvals and rejections."""

    storage: Storage
    catalog: JobCatalog
    clock: Clock
    ids: IdSource

    async def __call__(
        self, digest: str, wish: ApprovalWish, tenant: TenantRecord, actor: Actor
    ) -> ApprovalRecord:
        """Approve the plan.

        Raises:
            Missing: there is no plan of this digest, or not for this actor.
            PlanVoid: a newer plan took its place, or it was rejected.
            Conflict: it has other effects than the approver looked at, or needs no approval more.
            AlreadyExists: this person approved it already.
            FourEyes: he submitted it himself.
            InvalidInput: the reason or the lifetime is not valid, or the effects are not known.
        """
        approval = self._to_approval(wish, actor)
        async with self.storage.transaction(tenant.tenant_id) as unit:
            plan, found = await find_plan(unit, digest, actor, Command.PLAN_APPROVE)
            review = check_open(found)
            _check_same(review, wish.effects_digest)
            approvals = await unit.reviews.approvals(review)
            given = counting(approvals, review.opened_at, approval.approved_at)
            four_eyes = await _check_people(unit, review, approvals, given, actor)
            await unit.reviews.approve(review, approval)
            entries = [_entry(unit, review, approval, actor, four_eyes, len(given) + 1)]
            if len(given) + 1 >= review.approvals_needed:
                grant = self._to_grant(review, plan, approval, given)
                people = [*(other.actor for other in given.values()), actor.name]
                await write_grant(unit, review, grant, people)
                entries.append(_grant_entry(unit, grant, actor, people))
            else:
                # What cannot be approved shall not be found out by the last one.
                to_grant(review, plan, self.catalog, approval.approval_id, actor)
            await unit.audit.append(entries)
        return approval

    async def check(self, digest: str, tenant: TenantRecord, actor: Actor) -> None:
        """Make sure that this actor could approve the plan now; nothing is written.

        Raises:
            Missing, PlanVoid, Conflict, AlreadyExists, FourEyes, InvalidInput: as above.
        """
        async with self.storage.transaction(tenant.tenant_id) as unit:
            plan, found = await find_plan(unit, digest, actor, Command.PLAN_APPROVE)
            review = check_open(found)
            approvals = await unit.reviews.approvals(review)
            given = counting(approvals, review.opened_at, self.clock.now())
            await _check_people(unit, review, approvals, given, actor)
            to_grant(review, plan, self.catalog, self.ids.uuid(), actor)

    async def reject(self, digest: str, reason: str, tenant: TenantRecord, actor: Actor) -> None:
        """Reject the plan: it is void from now on, with its approvals and its grant.

        Raises:
            Missing, PlanVoid, Conflict, InvalidInput: as above.
        """
        check_name(reason, "reason")
        at = self.clock.now()
        async with self.storage.transaction(tenant.tenant_id) as unit:
            _, found = await find_plan(unit, digest, actor, Command.PLAN_APPROVE)
            review = check_open(found)
            because = f"rejected by {actor.person}"
            await unit.reviews.close(review.digest, review.effects_digest, because, at)
            if review.grant_jti is not None:
                await unit.grants.revoke(review.grant_jti, actor.name, at)
            entry = entry_of(
                unit, "approval.denied", digest, actor, at, reason=reason, grant=review.grant_jti
            )
            await unit.audit.append([entry])

    def _to_approval(self, wish: ApprovalWish, actor: Actor) -> ApprovalRecord:
        check_name(wish.reason, "reason")
        if not timedelta(minutes=1) <= wish.lifetime <= APPROVAL_LIFETIME:
            raise InvalidInput("an approval lives between a minute and 24 hours")
        at = self.clock.now()
        return ApprovalRecord(
            approval_id=self.ids.uuid(),
            actor=actor.name,
            vouched_by=actor.vouched_by,
            reason=wish.reason,
            approved_at=at,
            expires_at=at + wish.lifetime,
            withdrawn_at=None,
        )

    def _to_grant(
        self,
        review: ReviewRecord,
        plan: PlanRecord,
        approval: ApprovalRecord,
        given: Mapping[str, _Ends],
    ) -> PendingGrant:
        """The grant; it ends with the first of the approvals that carry it."""
        actor = Actor(approval.actor, frozenset(), is_local=False)
        grant = to_grant(review, plan, self.catalog, self.ids.uuid(), actor)
        ends = min([approval.expires_at, *(other.expires_at for other in given.values())])
        return replace(grant, granted_at=approval.approved_at, expires_at=ends)


def _check_same(review: ReviewRecord, effects_digest: str | None) -> None:
    if effects_digest is not None and effects_digest != review.effects_digest:
        raise Conflict(
            f"the plan has other effects by now: {effects_digest} -> {review.effects_digest}",
            hint="look at the plan again",
        )


async def _check_people(
    unit: TenantUnit,
    review: ReviewRecord,
    approvals: tuple[ApprovalRecord, ...],
    given: Mapping[str, _Ends],
    actor: Actor,
) -> str:
    """Nobody approves his own plan, nobody approves twice, nor through somebody he made up."""
    if len(given) >= review.approvals_needed:
        raise Conflict("the plan has every approval it needs: execute it")
    if actor.person in given:
        raise AlreadyExists(f"{actor.person} approved this plan already")
    is_required = await unit.tenants.requires_four_eyes()
    submitter = frozenset({review.opened_by})
    said = require_four_eyes(actor, "submitted this plan", submitter, is_required=is_required)
    vouchers = {a.vouched_by for a in approvals if person_of(a.actor) in given} - {None}
    if is_required and actor.person in vouchers | set(given) and not actor.is_local:
        raise AlreadyExists(f"{actor.person} vouched for somebody who approved this plan")
    if is_required and actor.vouched_by in given and not actor.is_local:
        raise AlreadyExists(f"{actor.vouched_by}, who vouched for you, approved this plan already")
    return said


def _entry(
    unit: TenantUnit,
    review: ReviewRecord,
    approval: ApprovalRecord,
    actor: Actor,
    four_eyes: str,
    number: int,
) -> AuditEntry:
    return entry_of(
        unit,
        "approval.granted",
        review.digest,
        actor,
        approval.approved_at,
        approval_id=str(approval.approval_id),
        effects_digest=review.effects_digest,
        reason=approval.reason,
        expires_at=approval.expires_at.isoformat(),
        four_eyes=four_eyes,
        number=number,
        needed=review.approvals_needed,
    )


def _grant_entry(
    unit: TenantUnit, grant: PendingGrant, actor: Actor, people: list[str]
) -> AuditEntry:
    return entry_of(
        unit,
        "grant.written",
        grant.plan_digest,
        actor,
        grant.granted_at,
        grant=grant.jti,
        effects_digest=grant.effects_digest,
        approved_by=people,
        job_types=list(grant.job_types),
        scopes=list(grant.scopes),
        expires_at=grant.expires_at.isoformat(),
    )
