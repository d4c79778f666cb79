"""Issue a policy token for exactly one plan."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from jobforge.contract.codes import ChildCode
from jobforge.contract.dialects import TranslatedBundle
from jobforge.core.actor import Actor
from jobforge.core.admission import PreparedRequest, admit
from jobforge.core.audit import AuditEntry
from jobforge.core.authorization import require_four_eyes
from jobforge.core.errors import InvalidInput
from jobforge.core.names import check_name
from jobforge.core.plan import Effects
from jobforge.core.policy_token import TokenBinding, TokenClaims, claims_for, sign_token, token_hash
from jobforge.core.scopes import unknown_scopes, write_scopes
from jobforge.core.signing import Keyring
from jobforge.ports.storage import Storage, TenantUnit
from jobforge.ports.system import Clock
from jobforge.steps.intake import Intake, Submission, TakeIn
from jobforge.steps.store_plan import store_plan

MAX_LIFETIME = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class TokenWish:
    """What the token shall be: for whom, how long, and for less than the whole bundle if wanted.

    No job types means every type of the bundle that needs a token; no scopes means theirs.
    """

    jti: UUID
    actor: str
    lifetime: timedelta
    job_types: frozenset[str] = frozenset()
    scopes: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class IssuedToken:
    """A signed token, shown once; only its jti and hash are kept."""

    token: str
    jti: UUID
    plan_digest: str
    effects_digest: str
    job_types: tuple[str, ...]
    scopes: tuple[str, ...]
    expires_at: datetime
    effects: Effects
    """What the plan said it would change: what whoever approves it is to look at."""


@dataclass(frozen=True, slots=True)
class IssueToken:
    """Signs tokens and records that it did."""

    storage: Storage
    take_in: TakeIn
    keyring: Keyring
    clock: Clock

    async def __call__(
        self, bundle: TranslatedBundle, submission: Submission, wish: TokenWish
    ) -> IssuedToken:
        """Issue one for the plan that this bundle makes now.

        Raises:
            ContractViolation: one of its names holds a secret.
            FourEyes: he submitted the plan himself.
        InvalidInput: nothing in the bundle needs a token, a type is not in it, a scope is
                unknown, the effects of an action cannot be told, or the lifetime is not between a
            second and a day.
            SettingInvalid: there is no secret to sign with.
        """
        if not timedelta(seconds=1) <= wish.lifetime <= MAX_LIFETIME:
            raise InvalidInput("a policy token lives between one second and 24 hours")
        check_name(wish.actor, "actor's name")
        intake = await self.take_in(bundle, submission)
        now = self.clock.now()
        claims = claims_for(
            _binding(intake, wish), actor=wish.actor, jti=wish.jti, now=now, lifetime=wish.lifetime
        )
        token = sign_token(claims, keyring=self.keyring)
        async with self.storage.transaction(submission.tenant.tenant_id) as unit:
            four_eyes = await _require_four_eyes(unit, claims, submission.actor)
            await store_plan(unit, intake.plan, bundle, submission.actor, now)
            await unit.reviews.note_issuers(str(claims.jti), [submission.actor.name], now)
            await unit.audit.append([_entry(claims, token, submission, now, four_eyes)])
        return IssuedToken(
            token=token,
            jti=wish.jti,
            plan_digest=claims.plan,
            effects_digest=claims.effects,
            job_types=claims.job_types,
            scopes=claims.scopes,
            expires_at=claims.expires_at,
            effects=intake.plan.effects,
        )


async def _require_four_eyes(unit: TenantUnit, claims: TokenClaims, actor: Actor) -> str:
    """Who submitted the plan may not issue its token; what the audit entry says of it."""
    review = await unit.reviews.find(claims.plan)
    submitters = frozenset({review.opened_by}) if review is not None else frozenset[str]()
    is_required = await unit.tenants.requires_four_eyes()
    return require_four_eyes(actor, "submitted this plan", submitters, is_required=is_required)


def _entry(
    claims: TokenClaims, token: str, submission: Submission, at: datetime, four_eyes: str
) -> AuditEntry:
    return AuditEntry(
        tenant_id=submission.tenant.tenant_id,
        at=at,
        actor=submission.actor.name,
        event="policy_token.issued",
        subject=f"token:{claims.jti}",
        details={
            "for": claims.sub,
            "plan_digest": claims.plan,
            "effects_digest": claims.effects,
            "job_types": list(claims.job_types),
            "scopes": list(claims.scopes),
            "token_hash": token_hash(token),
            "expires_at": claims.expires_at.isoformat(),
            "four_eyes": four_eyes,
        },
    )


def _binding(intake: Intake, wish: TokenWish) -> TokenBinding:
    needing = [request for request in intake.candidates if request.needs_token]
    if not needing:
        _refuse_what_cannot_run(intake)
    chosen = _choose(needing, wish.job_types)
    _refuse_blind_approval(chosen, intake)
    if unknown := unknown_scopes(wish.scopes):
        raise InvalidInput(f"there is no scope {', '.join(unknown)}")
    needed = write_scopes(scope for request in chosen for scope in request.required_scopes)
    return TokenBinding(
        tenant_id=intake.plan.tenant_id,
        project_id=intake.plan.project_id,
        plan_digest=intake.plan.digest,
        effects_digest=intake.plan.effects_digest,
        job_types=frozenset(request.source.job_type for request in chosen),
        scopes=wish.scopes or needed,
    )


def _refuse_what_cannot_run(intake: Intake) -> None:
    """Say why a bundle that is refused or denied before any token is asked for gets none."""
    admission = admit(intake.prepared, intake.facts)
    if admission.refusal is not None:
        raise InvalidInput(admission.refusal.message, hint=admission.refusal.hint)
    denied = [d for d in admission.decisions if d.status == "denied"]
    if denied and denied[0].code is not ChildCode.DENIED_WITH_BUNDLE:
        raise InvalidInput(
            f"no token would let this bundle's requests run: {denied[0].reason}",
            hint="jobforge bundle plan FILE --tenant T shows every request",
        )


def _refuse_blind_approval(chosen: list[PreparedRequest], intake: Intake) -> None:
    """Nobody can approve what cannot be said; carried out, it would fail."""
    for request in chosen:
        findings = intake.facts.findings.get(request.index, ())
        if request.is_action and findings:
            name = request.source.request_id
            raise InvalidInput(
                f"what {name} would change cannot be told: {findings[0].message}",
                hint=findings[0].hint,
            )


def _choose(needing: list[PreparedRequest], wanted: frozenset[str]) -> list[PreparedRequest]:
    there = {request.source.job_type for request in needing}
    if not there:
        raise InvalidInput("nothing in this bundle needs a policy token")
    if missing := sorted(wanted - there):
        raise InvalidInput(
            f"the bundle has no request of type {', '.join(missing)} that needs a token",
            hint=f"it has {', '.join(sorted(there))}",
        )
    return [request for request in needing if not wanted or request.source.job_type in wanted]
