"""Tokens of an identity provider: what counts of their claims, and what their groups may."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from jobforge.core.actor import Role
from jobforge.core.errors import SettingInvalid

ALGORITHMS: Final = ("RS256", "PS256", "ES256", "EdDSA")
"""Signatures with a key pair alone. Source: RFC 8725 section 3.1, a fixed list of algorithms."""

LEEWAY: Final = timedelta(seconds=5)


@dataclass(frozen=True, slots=True)
class OidcRules:
    """Whom to believe, for whom its tokens must be, and what its groups may."""

    issuer: str
    audience: str
    subject_claim: str
    groups_claim: str
    grants: tuple[tuple[str, str, Role], ...]
    """Group, tenant's name, role."""


@dataclass(frozen=True, slots=True)
class OidcIdentity:
    """Who a token is of, and what he may in the one tenant that his groups lead to."""

    subject: str
    tenant: str
    roles: frozenset[Role]


def parse_grants(text: str) -> tuple[tuple[str, str, Role], ...]:
    """Read `GROUP=TENANT:ROLE`, several of them comma-separated.

    Raises:
        SettingInvalid: one of them is not of that form.
    """
    grants = []
    for part in filter(None, (part.strip() for part in text.split(","))):
        group, _, rest = part.rpartition("=")
        tenant, _, role = rest.rpartition(":")
        if not group or not tenant or role not in set(Role):
            raise SettingInvalid(
                f"JOBFORGE_OIDC_ROLES: {part!r} is not GROUP=TENANT:ROLE",
                hint=f"a role is one of {', '.join(Role)}",
            )
        grants.append((group, tenant, Role(role)))
    return tuple(grants)


def to_identity(claims: Mapping[str, Any], rules: OidcRules, now: datetime) -> OidcIdentity | None:
    """Who it is; None where any claim is wrong, or his groups lead to no tenant, or to several.

    Instants are whole seconds; the end has no leeway.
    """
    if claims.get("iss") != rules.issuer or rules.audience not in _texts(claims.get("aud")):
        return None
    ends, begins = claims.get("exp"), claims.get("nbf", claims.get("iat", 0))
    if type(ends) is not int or type(begins) is not int:
        return None
    moment = now.astimezone(UTC).timestamp()
    if moment >= ends or moment + LEEWAY.total_seconds() < begins:
        return None
    subject, groups = claims.get(rules.subject_claim), _texts(claims.get(rules.groups_claim))
    held = [(tenant, role) for group, tenant, role in rules.grants if group in groups]
    tenants = {tenant for tenant, _ in held}
    if not isinstance(subject, str) or not 1 <= len(subject) <= 256 or len(tenants) != 1:  # noqa: PLR2004 (as every name)
        return None
    return OidcIdentity(subject, tenants.pop(), frozenset(role for _, role in held))


def _texts(value: object) -> Collection[str]:
    """A claim that is one text or several."""
    if isinstance(value, str):
        return (value,)
    if isinstance(value, list):
        return [text for text in value if isinstance(text, str)]
    return ()
