"""Count what an action may change against its tenant's caps, before it changes anything."""

from __future__ import annotations

from dataclasses import dataclass

from jobforge.core.effects import PlannedEffect
from jobforge.core.stop import too_many_targets
from jobforge.ports.engine import Attempt
from jobforge.ports.storage import Storage
from jobforge.ports.system import Clock


@dataclass(frozen=True, slots=True)
class ClaimTargets:
    """Claims targets. Those of one UTC day count once each, whatever attempt or job claims them."""

    storage: Storage
    clock: Clock

    async def __call__(self, attempt: Attempt, effects: tuple[PlannedEffect, ...]) -> None:
        """Claim the targets of the effects, all or none.

        Raises:
            BlastRadiusExceeded: one action, or the day, may not have as many.
        """
        targets = sorted({effect.target for effect in effects})
        if not targets:
            return
        async with self.storage.transaction(attempt.ref.tenant_id) as unit:
            limits = await unit.controls.limits()
            most = limits.targets_per_action
            if most is not None and len(targets) > most:
                raise too_many_targets(
                    f"it would change {len(targets)} targets; one action may change {most} at most"
                )
            today = self.clock.now().date()
            count = await unit.controls.touch(targets, attempt.ref.job_id, today)
            if limits.targets_per_day is not None and count > limits.targets_per_day:
                raise too_many_targets(
                    f"actions of today would change {count} targets, and may change "
                    f"{limits.targets_per_day} at most"
                )
