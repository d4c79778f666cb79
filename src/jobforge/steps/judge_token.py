"""Judge a policy token, or a grant that was put aside, against a plan: purpose, drift, use."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from uuid import UUID

from jobforge.contract.codes import ChildCode
from jobforge.core.admission import binding_for
from jobforge.core.plan import Drift, Plan, diff_effects, effects_from_json
from jobforge.core.policy_token import (
    NO_TOKEN,
    TokenClaims,
    TokenVerdict,
    judge_claims,
    read_token,
    token_hash,
    verify_token,
    with_history,
)
from jobforge.core.signing import Keyring
from jobforge.ports.records import PendingGrant
from jobforge.ports.storage import TenantUnit
from jobforge.ports.system import Clock
from jobforge.steps.intake import Intake


@dataclass(frozen=True, slots=True)
class JudgeToken:
    """Gives the verdict that admission needs."""

    keyring: Keyring
    clock: Clock

    async def __call__(
        self, unit: TenantUnit, intake: Intake, token: str | None, grant_id: UUID | None = None
    ) -> TokenVerdict:
        """Judge the token, or the grant; none where the caller gave neither."""
        if token is not None:
            return await self._judge_token(unit, intake, token)
        if grant_id is not None:
            return await self._judge_grant(unit, intake, grant_id)
        return NO_TOKEN

    async def _judge_token(self, unit: TenantUnit, intake: Intake, token: str) -> TokenVerdict:
        claims = read_token(token, keyring=self.keyring)
        if claims is None:
            # The very words for what was not signed here, and no history to look up.
            binding = binding_for(intake.plan, intake.candidates, intake.facts)
            now = self.clock.now()
            return verify_token(token, keyring=self.keyring, now=now, binding=binding)
        is_put_aside = await unit.grants.find_pending(str(claims.jti)) is not None
        verdict = await self._judge(unit, intake, claims, is_put_aside=is_put_aside)
        return replace(verdict, token_hash=token_hash(token))

    async def _judge_grant(self, unit: TenantUnit, intake: Intake, grant_id: UUID) -> TokenVerdict:
        pending = await unit.grants.find_pending(str(grant_id))
        if pending is None:
            reason = f"there is no grant {grant_id}"
            return TokenVerdict(None, ChildCode.POLICY_TOKEN_INVALID, reason)
        claims = _to_claims(pending, unit.tenant_id)
        verdict = await self._judge(unit, intake, claims, is_put_aside=False)
        return replace(verdict, token_hash=pending.token_hash)

    async def _judge(
        self, unit: TenantUnit, intake: Intake, claims: TokenClaims, *, is_put_aside: bool
    ) -> TokenVerdict:
        binding = binding_for(intake.plan, intake.candidates, intake.facts)
        is_stale = claims.effects != binding.effects_digest
        if is_stale:
            # Judge everything else first: a token that is wrong anyway is not called stale.
            binding = replace(binding, effects_digest=claims.effects)
        verdict = judge_claims(claims, now=self.clock.now(), binding=binding)
        history = await unit.grants.find(str(claims.jti))
        verdict = with_history(
            verdict,
            is_used=is_put_aside or (history is not None and history.consumed_at is not None),
            is_revoked=history is not None and history.revoked_at is not None,
        )
        if is_stale and verdict.is_accepted:
            return await _stale(unit, claims, intake.plan)
        return verdict


def _to_claims(pending: PendingGrant, tenant_id: UUID) -> TokenClaims:
    """What the token said that the grant was written for."""
    granted = int(pending.granted_at.timestamp())
    return TokenClaims(
        iss="jobforge",
        aud="jobforge",
        tid=tenant_id,
        pid=pending.project_id,
        sub=pending.actor,
        scopes=pending.scopes,
        job_types=pending.job_types,
        plan=pending.plan_digest,
        effects=pending.effects_digest,
        jti=UUID(pending.jti),
        iat=granted,
        nbf=granted,
        exp=int(pending.expires_at.timestamp()),
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
