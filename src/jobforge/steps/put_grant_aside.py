"""Verify a policy token now, for work that starts later: what stays is a grant, not the token."""

from __future__ import annotations

from dataclasses import dataclass

from jobforge.contract.codes import ChildCode
from jobforge.core.audit import AuditEntry
from jobforge.core.errors import PolicyTokenRefused
from jobforge.core.policy_token import TokenClaims, read_token
from jobforge.ports.records import PendingGrant
from jobforge.ports.storage import TenantUnit
from jobforge.ports.system import Clock
from jobforge.steps.intake import Intake, Submission
from jobforge.steps.judge_people import judge_people
from jobforge.steps.judge_token import JudgeToken

_UNSIGNED = "it is not a policy token signed with one of our secrets"
_USED = "the policy token was put aside for other work before"


@dataclass(frozen=True, slots=True)
class PutGrantAside:
    """Turns a policy token into a grant that queued work can carry."""

    judge_token: JudgeToken
    clock: Clock

    def claims_of(self, token: str) -> TokenClaims:
        """What the token says; the grant will have its `jti` for a number.

        Raises:
            PolicyTokenRefused: it is not one of ours.
        """
        claims = read_token(token, keyring=self.judge_token.keyring)
        if claims is None:
            raise PolicyTokenRefused(str(ChildCode.POLICY_TOKEN_INVALID), _UNSIGNED)
        return claims

    async def __call__(
        self, unit: TenantUnit, intake: Intake, submission: Submission, token: str, granted_for: str
    ) -> AuditEntry:
        """Write the grant; it is judged again, and used once, when the work is carried out.

        The entry that says so is given back, to be appended last.

        Raises:
            PolicyTokenRefused: the token is not one for exactly this plan, was used, or was issued
                by whoever asks.
        """
        verdict = await self.judge_token(unit, intake, token)
        # Whoever fires it later is nobody: the second person is asked for now.
        verdict = await judge_people(unit, submission.actor, verdict)
        if verdict.claims is None:
            raise PolicyTokenRefused(
                str(verdict.code or ChildCode.POLICY_TOKEN_INVALID), verdict.reason
            )
        grant = self._to_grant(verdict.claims, verdict.token_hash, granted_for)
        if not await unit.grants.put_aside(grant):
            raise PolicyTokenRefused(str(ChildCode.POLICY_TOKEN_USED), _USED)
        return AuditEntry(
            tenant_id=unit.tenant_id,
            at=grant.granted_at,
            actor=submission.actor.name,
            event="grant.put_aside",
            subject=f"token:{grant.jti}",
            details={
                "for": granted_for,
                "by": grant.actor,
                "plan_digest": grant.plan_digest,
                "effects_digest": grant.effects_digest,
                "expires_at": grant.expires_at.isoformat(),
            },
        )

    def _to_grant(
        self, claims: TokenClaims, token_hash: str | None, granted_for: str
    ) -> PendingGrant:
        return PendingGrant(
            jti=str(claims.jti),
            token_hash=token_hash,
            actor=claims.sub,
            project_id=claims.pid,
            plan_digest=claims.plan,
            effects_digest=claims.effects,
            scopes=claims.scopes,
            job_types=claims.job_types,
            expires_at=claims.expires_at,
            granted_at=self.clock.now(),
            granted_for=granted_for,
        )
