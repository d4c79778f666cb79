"""Check a stored plan against today's rules and today's world, and change nothing."""

from __future__ import annotations

from dataclasses import dataclass

from jobforge.core.actor import Actor
from jobforge.core.authorization import Command
from jobforge.ports.records import TenantRecord
from jobforge.ports.storage import Storage
from jobforge.steps.replan import Replan, Replanned
from jobforge.steps.reviewing import find_plan


@dataclass(frozen=True, slots=True)
class CheckPlan:
    """Checks stored plans."""

    storage: Storage
    replan: Replan

    async def __call__(self, digest: str, tenant: TenantRecord, actor: Actor) -> Replanned:
        """What the plan would be if it were made now.

        Raises:
            Missing: there is no such plan, or not for this actor.
        """
        async with self.storage.transaction(tenant.tenant_id) as unit:
            plan, _ = await find_plan(unit, digest, actor, Command.PLAN_READ)
        return await self.replan(plan, tenant, actor)
