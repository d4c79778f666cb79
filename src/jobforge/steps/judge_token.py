"""Judge a policy token against a plan: signature, purpose, drift, earlier use."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace

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
        binding = binding_for(intake.plan, intake.candidates, intake.facts)
        claims = read_token(token, keyring=self.keyring)
        is_stale = claims is not None and claims.effects != binding.effects_digest
        if claims is not None and is_stale:
            # Judge everything else first: a token that is wrong anyway is not called stale.
            binding = replace(binding, effects_digest=claims.effects)
        verdict = verify_token(token, keyring=self.keyring, now=self.clock.now(), binding=binding)
        verdict = await _with_history(unit, verdict)
        if claims is not None and is_stale and verdict.is_accepted:
            return await _stale(unit, claims, intake.plan)
        return verdict


async def _with_history(unit: TenantUnit, verdict: TokenVerdict) -> TokenVerdict:
    history = None if verdict.jti is None else await unit.grants.find(str(verdict.jti))
    if history is None:
        return verdict
    return with_history(
        verdict,
        is_used=history.consumed_at is not None,
        is_revoked=history.revoked_at is not None,
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
