"""Policy tokens: a signed, single-use permission for one plan of one tenant."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal
from uuid import UUID

from pydantic import Field, ValidationError

from jobforge.contract.canonical import checksum_of
from jobforge.contract.codes import ChildCode
from jobforge.core.errors import SettingInvalid
from jobforge.core.model import Model
from jobforge.core.signing import Keyring, open_signed, parse_claims, sign

TOKEN_TYPE = "jobforge-policy+jwt"  # noqa: S105 (a media type, not a secret)
LEEWAY = timedelta(seconds=5)
"""How far `nbf` and `iat` may lie ahead of our clock; `exp` has no leeway."""

_DIGEST = r"^sha256:[0-9a-f]{64}$"
_LAST_SECOND = 253_402_300_799
"""The last second of the year 9999; later instants have no datetime."""

Seconds = int


class TokenClaims(Model):
    """What a token says. Instants are whole seconds since 1970 (RFC 7519 NumericDate)."""

    iss: Literal["jobforge"]
    aud: Literal["jobforge"]
    tid: UUID
    pid: UUID | None
    sub: str = Field(min_length=1, max_length=256)
    scopes: tuple[str, ...]
    job_types: tuple[str, ...] = Field(min_length=1)
    plan: str = Field(pattern=_DIGEST)
    effects: str = Field(pattern=_DIGEST)
    jti: UUID
    iat: Seconds = Field(ge=0, le=_LAST_SECOND)
    nbf: Seconds = Field(ge=0, le=_LAST_SECOND)
    exp: Seconds = Field(ge=0, le=_LAST_SECOND)

    @property
    def expires_at(self) -> datetime:
        """When it ends; that second is already too late."""
        return datetime.fromtimestamp(self.exp, UTC)

    def covers(self, job_type: str, scopes: Iterable[str]) -> bool:
        """Whether it permits this job type with these scopes."""
        return job_type in self.job_types and set(scopes) <= set(self.scopes)


@dataclass(frozen=True, slots=True)
class TokenBinding:
    """What a token must have been signed for. `job_types` and `scopes` are those it must cover."""

    tenant_id: UUID
    project_id: UUID | None
    plan_digest: str
    effects_digest: str
    job_types: frozenset[str]
    scopes: frozenset[str]


@dataclass(frozen=True, slots=True)
class TokenVerdict:
    """What became of a token: accepted claims, or a code and a reason; never the token itself.

    `jti` is that of any token we signed, accepted or not, so that its history can be looked up;
    `token_hash` is what may be stored of the token.
    """

    claims: TokenClaims | None
    code: ChildCode | None
    reason: str
    jti: UUID | None = None
    token_hash: str | None = None

    @property
    def is_accepted(self) -> bool:
        """Whether it permits something."""
        return self.claims is not None and self.code is None


NO_TOKEN = TokenVerdict(None, ChildCode.POLICY_TOKEN_REQUIRED, "no policy token was given")


def claims_for(
    binding: TokenBinding, *, actor: str, jti: UUID, now: datetime, lifetime: timedelta
) -> TokenClaims:
    """The claims of a token for exactly this binding, valid from `now` for `lifetime`.

    Instants are cut to the second, so a token never lives longer than `lifetime`.
    """
    issued = int(now.timestamp())
    return TokenClaims(
        iss="jobforge",
        aud="jobforge",
        tid=binding.tenant_id,
        pid=binding.project_id,
        sub=actor,
        scopes=tuple(sorted(binding.scopes)),
        job_types=tuple(sorted(binding.job_types)),
        plan=binding.plan_digest,
        effects=binding.effects_digest,
        jti=jti,
        iat=issued,
        nbf=issued,
        exp=issued + int(lifetime.total_seconds()),
    )


def sign_token(claims: TokenClaims, *, keyring: Keyring) -> str:
    """Sign the claims with the ring's current key.

    Raises:
        SettingInvalid: there is no secret to sign with.
    """
    if not keyring.keys:
        raise SettingInvalid("there is no policy token secret", hint=_SECRET_HINT)
    return sign(claims.model_dump(mode="json"), typ=TOKEN_TYPE, key=keyring.keys[0])


def read_token(token: str, *, keyring: Keyring) -> TokenClaims | None:
    """The claims of a token that we signed, whatever its time and purpose; else None."""
    payload = open_signed(token, typ=TOKEN_TYPE, keyring=keyring)
    if payload is None or parse_claims(payload) is None:
        return None
    try:
        return TokenClaims.model_validate_json(payload)
    except ValidationError:
        return None


def verify_token(
    token: str, *, keyring: Keyring, now: datetime, binding: TokenBinding
) -> TokenVerdict:
    """Judge a token that may be hostile; never raises.

    Nothing in it is believed before its signature holds. Whether it was used or revoked is
    known to the database: see `with_history`.
    """
    claims = read_token(token, keyring=keyring)
    if claims is None:
        reason = "it is not a policy token signed with one of our secrets"
        return TokenVerdict(None, ChildCode.POLICY_TOKEN_INVALID, reason)
    return judge_claims(claims, now=now, binding=binding)


def judge_claims(claims: TokenClaims, *, now: datetime, binding: TokenBinding) -> TokenVerdict:
    """Judge claims whose signature holds, or held when they were put aside."""
    if now >= claims.expires_at:
        return _refuse(claims.jti, ChildCode.POLICY_TOKEN_EXPIRED, "the policy token has expired")
    if now + LEEWAY < datetime.fromtimestamp(max(claims.nbf, claims.iat), UTC):
        return _refuse(claims.jti, ChildCode.POLICY_TOKEN_INVALID, "it is not valid yet")
    fault = next((reason for breaks, reason in _BINDINGS if breaks(claims, binding)), None)
    if fault is not None:
        return _refuse(claims.jti, ChildCode.POLICY_TOKEN_INVALID, fault)
    return TokenVerdict(claims, None, "accepted", claims.jti)


def with_history(verdict: TokenVerdict, *, is_used: bool, is_revoked: bool) -> TokenVerdict:
    """The verdict, once the database has told whether the token was used or revoked.

    That comes before every other reason but a bad signature: whoever comes again with a used
    token and another bundle is told that it was used.
    """
    if verdict.jti is None:
        return verdict
    if is_revoked:
        code, reason = ChildCode.POLICY_TOKEN_REVOKED, "the policy token was revoked"
        return _refuse(verdict.jti, code, reason)
    if is_used:
        code, reason = ChildCode.POLICY_TOKEN_USED, "the policy token was used before"
        return _refuse(verdict.jti, code, reason)
    return verdict


def token_hash(token: str) -> str:
    """`sha256:` and the hex digest of the token: what may be stored of it."""
    return checksum_of(token.encode())


_SECRET_HINT = "set JOBFORGE_POLICY_TOKEN_SECRET to at least 32 random bytes"  # noqa: S105 (help)

_BINDINGS: tuple[tuple[Callable[[TokenClaims, TokenBinding], bool], str], ...] = (
    (lambda claims, binding: claims.tid != binding.tenant_id, "it is for another tenant"),
    (lambda claims, binding: claims.pid != binding.project_id, "it is for another project"),
    (lambda claims, binding: claims.plan != binding.plan_digest, "it is for another plan"),
    (
        lambda claims, binding: claims.effects != binding.effects_digest,
        "the predicted effects are not those it was issued for",
    ),
    (
        lambda claims, binding: not binding.job_types <= set(claims.job_types),
        "it does not cover every job type that needs it",
    ),
    (
        lambda claims, binding: not binding.scopes <= set(claims.scopes),
        "it does not give every write scope that is needed",
    ),
)
"""Every way a sound token can be one for something else, in the order they are looked at."""


def _refuse(jti: UUID, code: ChildCode, reason: str) -> TokenVerdict:
    return TokenVerdict(None, code, reason, jti)
