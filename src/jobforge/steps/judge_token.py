"""Judge a policy token against a plan: signature, purpose, drift, earlier use."""

from __future__ import annotations

import json
from dataclasses import dataclass

from jobforge.contract.codes import ChildCode
from jobforge.core.admission import binding_for
from jobforge.core.plan import Drift, Plan, diff_effects, effects_from_json
from jobforge.core.policy_token import (
    NO_TOKEN,
    TokenClaims,
    TokenVerdict,
    read_token,
    verify_token,
    with_history,
)
from jobforge.core.signing import Keyring
from jobforge.ports.storage import TenantUnit
from jobforge.ports.system import Clock
from jobforge.steps.intake import Intake


@dataclass(frozen=True, slots=True)
class JudgeToken:
    """Gives the verdict that admission needs."""

    keyring: Keyring
    clock: Clock

    async def __call__(self, unit: TenantUnit, intake: Intake, token: str | None) -> TokenVerdict:
        """Judge the token; None where the caller gave none."""
        if token is None:
            return NO_TOKEN
        claims = read_token(token, keyring=self.keyring)
        if claims is not None and _is_stale(claims, intake.plan):
            return await _stale(unit, claims, intake.plan)
        binding = binding_for(intake.plan, intake.candidates, intake.facts)
        verdict = verify_token(token, keyring=self.keyring, now=self.clock.now(), binding=binding)
        if claims is None or not verdict.is_accepted:
            return verdict
        history = await unit.grants.find(str(claims.jti))
        if history is None:
            return verdict
        return with_history(
            verdict,
            is_used=history.consumed_at is not None,
            is_revoked=history.revoked_at is not None,
        )


def _is_stale(claims: TokenClaims, plan: Plan) -> bool:
    """The same work for the same tenant, but the world is no longer as it was planned for."""
    return (
        claims.tid == plan.tenant_id
        and claims.plan == plan.digest
        and claims.effects != plan.effects_digest
    )


async def _stale(unit: TenantUnit, claims: TokenClaims, plan: Plan) -> TokenVerdict:
    stored = await unit.plans.find(claims.plan, claims.effects)
    drifts = (
        ()
        if stored is None
        else diff_effects(effects_from_json(json.loads(stored.effects)), plan.effects)
    )
    said = "; ".join(_say(drift) for drift in drifts) or "the plan it was issued for is not stored"
    return TokenVerdict(None, ChildCode.PLAN_STALE, f"the world changed since the plan: {said}")


def _say(drift: Drift) -> str:
    return f"{drift.subject}: {drift.planned or 'absent'} -> {drift.current or 'absent'}"
