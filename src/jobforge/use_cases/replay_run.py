"""Plan a past run anew from its stored inputs, and say what would be different today."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any
from uuid import UUID

from jobforge.core.actor import Actor
from jobforge.core.errors import Conflict, Missing
from jobforge.core.plan import Drift
from jobforge.core.replay import ChangedDecision, compare_decisions
from jobforge.ports.records import TenantRecord
from jobforge.ports.storage import Storage
from jobforge.steps.replan import Replan


@dataclass(frozen=True, slots=True)
class Replay:
    """What a past run would be today. Empty where nothing is different."""

    run_id: UUID
    plan_digest: str
    requests: int
    decisions: tuple[ChangedDecision, ...]
    effects: tuple[Drift, ...]

    @property
    def is_same(self) -> bool:
        """Whether it would be decided the same, and would change the same."""
        return not self.decisions and not self.effects

    def to_json(self) -> dict[str, Any]:
        """The same as a JSON object."""
        return {
            "run_id": str(self.run_id),
            "plan_digest": self.plan_digest,
            "requests": self.requests,
            "is_same": self.is_same,
            "decisions": [asdict(changed) for changed in self.decisions],
            "effects": [asdict(drift) for drift in self.effects],
        }


@dataclass(frozen=True, slots=True)
class ReplayRun:
    """Replays runs: rules, code and world are today's, the inputs those of then. Nothing runs."""

    storage: Storage
    replan: Replan

    async def __call__(self, run_id: UUID, tenant: TenantRecord, actor: Actor) -> Replay:
        """What the run would be today. Nothing is written, and no action is carried out.

        Raises:
            Missing: the tenant has no such run, or its plan is kept no more.
            Conflict: the bundle was refused as a whole: it has no inputs to plan.
        """
        async with self.storage.transaction(tenant.tenant_id) as unit:
            run = await unit.runs.find(run_id)
            if run is None:
                raise Missing(f"there is no run {run_id}", hint="jobforge run list --tenant T")
            if run.plan_digest is None or run.effects_digest is None:
                raise Conflict(f"run {run_id} was refused as a whole: there is nothing to replay")
            plan = await unit.plans.find(run.plan_digest, run.effects_digest)
        if plan is None:
            raise Missing(f"the plan of run {run_id} is kept no more")
        found = await self.replan(plan, tenant, actor)
        children = json.loads(run.decisions)
        return Replay(
            run_id=run_id,
            plan_digest=plan.digest,
            requests=len(children),
            decisions=compare_decisions(children, found.admission),
            effects=found.drifts,
        )
