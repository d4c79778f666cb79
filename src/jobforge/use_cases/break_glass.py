"""Permit a plan alone, in an emergency: for one execution, for 15 minutes, loud in the log."""

from __future__ import annotations

from dataclasses import dataclass, replace

from jobforge.core.actor import Actor
from jobforge.core.authorization import Command
from jobforge.core.catalog import JobCatalog
from jobforge.core.names import check_name
from jobforge.core.review import BREAK_GLASS_LIFETIME
from jobforge.ports.records import PendingGrant, TenantRecord
from jobforge.ports.storage import Storage
from jobforge.ports.system import Clock, IdSource
from jobforge.steps.reviewing import check_open, entry_of, find_plan, to_grant, write_grant


@dataclass(frozen=True, slots=True)
class BreakGlass:
    """Writes a grant without anybody's approval."""

    storage: Storage
    catalog: JobCatalog
    clock: Clock
    ids: IdSource

    async def __call__(
        self, digest: str, reason: str, tenant: TenantRecord, actor: Actor
    ) -> PendingGrant:
        """Permit the plan.

        Raises:
            Missing: there is no such plan.
            PlanVoid: a newer plan took its place, or it was rejected.
            Conflict: it needs no permission, or was executed.
            InvalidInput: there is no reason, or the effects are not known.
        """
        check_name(reason, "reason")
        at = self.clock.now()
        async with self.storage.transaction(tenant.tenant_id) as unit:
            plan, found = await find_plan(unit, digest, actor, Command.PLAN_BREAK_GLASS)
            review = check_open(found)
            if review.grant_jti is not None:
                await unit.grants.revoke(review.grant_jti, actor.name, at)
            wanted = to_grant(review, plan, self.catalog, self.ids.uuid(), actor)
            grant = replace(
                wanted,
                granted_at=at,
                expires_at=at + BREAK_GLASS_LIFETIME,
                granted_for=f"break-glass:{digest}",
            )
            # Nobody stands behind it: whoever breaks the glass may also execute.
            await write_grant(unit, review, grant, [])
            entry = entry_of(
                unit,
                "break_glass.granted",
                digest,
                actor,
                at,
                reason=reason,
                grant=grant.jti,
                effects_digest=grant.effects_digest,
                job_types=list(grant.job_types),
                expires_at=grant.expires_at.isoformat(),
            )
            await unit.audit.append([entry])
        return grant
