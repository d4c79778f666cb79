"""Tokens of an identity provider: only its own, for us, in time, with a group that leads here."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, OctKey

from jobforge.adapters.http.oidc import OidcProvider
from jobforge.core.actor import Role
from jobforge.core.context import HttpRequest, HttpResponse
from jobforge.core.errors import SettingInvalid, Unavailable
from jobforge.core.oidc import OidcRules, parse_grants

NOW = datetime(2026, 3, 1, tzinfo=UTC)
ISSUER = "https://login.example.org"
KEY = ECKey.generate_key("P-256", {"kid": "one"})
RULES = OidcRules(
    ISSUER, "jobforge", "email", "groups", parse_grants("ops=acme:operator, leads=acme:approver")
)


@dataclass
class Clock:
    at: datetime = NOW

    def now(self) -> datetime:
        return self.at


@dataclass
class Provider:
    """Answers discovery, and counts who asks."""

    keys: list[ECKey] = field(default_factory=lambda: [KEY])
    issuer: str = ISSUER
    asked: list[str] = field(default_factory=list)

    async def fetch(self, request: HttpRequest) -> HttpResponse:
        self.asked.append(request.url)
        is_about = request.url.endswith("/.well-known/openid-configuration")
        document: Any = (
            {"issuer": self.issuer, "jwks_uri": f"{ISSUER}/keys"}
            if is_about
            else KeySet(list(self.keys)).as_dict(private=False)
        )
        body = json.dumps(document).encode()
        return HttpResponse(
            url=request.url,
            status=200,
            headers=(),
            body=body,
            elapsed=timedelta(),
            is_truncated=False,
        )


def token(key: Any = KEY, header: dict[str, Any] | None = None, **changes: Any) -> str:  # noqa: ANN401 (any key and claim)
    claims = {
        "iss": ISSUER,
        "aud": "jobforge",
        "email": "ada@example.org",
        "groups": ["ops", "others"],
        "iat": int(NOW.timestamp()),
        "exp": int(NOW.timestamp()) + 600,
    }
    wanted = {name: value for name, value in (claims | changes).items() if value is not None}
    return jwt.encode(header or {"alg": "ES256", "kid": key.kid or "one"}, wanted, key)


async def test_a_sound_token_is_its_person_with_the_roles_of_its_groups() -> None:
    provider = OidcProvider(RULES, Provider(), Clock())

    found = await provider.identify(token(groups=["ops", "leads"]))

    assert found is not None
    assert (found.subject, found.tenant) == ("ada@example.org", "acme")
    assert found.roles == {Role.operator, Role.approver}


@pytest.mark.parametrize(
    "bad",
    [
        token(iss="https://evil.example.org"),
        token(aud="another"),
        token(aud=None),
        token(exp=int(NOW.timestamp())),
        token(exp=None),
        token(exp=float(NOW.timestamp()) + 600.5),
        token(nbf=int(NOW.timestamp()) + 60),
        token(groups=["nobody"]),
        token(groups=None),
        token(email=None),
        token(email=7),
        token(ECKey.generate_key("P-256", {"kid": "one"})),
        token(OctKey.import_key("x" * 32), {"alg": "HS256", "kid": "one"}),
        token()[:-4] + "AAAA",
        "a.b.c",
        "",
        "." * 20_000,
    ],
)
async def test_any_other_token_is_nobodys(bad: str) -> None:
    assert await OidcProvider(RULES, Provider(), Clock()).identify(bad) is None


async def test_groups_of_two_tenants_lead_to_none() -> None:
    grants = parse_grants("ops=acme:operator,leads=other:admin")
    rules = OidcRules(ISSUER, "jobforge", "email", "groups", grants)

    assert (
        await OidcProvider(rules, Provider(), Clock()).identify(token(groups=["ops", "leads"]))
        is None
    )


async def test_a_new_key_is_found_and_an_invented_one_asks_at_most_once_a_minute() -> None:
    new = ECKey.generate_key("P-256", {"kid": "two"})
    there, clock = Provider(), Clock()
    provider = OidcProvider(RULES, there, clock)
    assert await provider.identify(token()) is not None

    for _ in range(20):
        assert await provider.identify(token(new)) is None
    asked = len(there.asked)
    there.keys.append(new)
    clock.at += timedelta(minutes=2)

    assert asked == 2
    assert await provider.identify(token(new)) is not None


async def test_a_provider_that_describes_another_issuer_is_not_believed() -> None:
    provider = OidcProvider(RULES, Provider(issuer="https://evil.example.org"), Clock())

    with pytest.raises(Unavailable):
        await provider.identify(token())


@pytest.mark.parametrize(
    "text", ["ops", "ops=acme", "ops=acme:king", "=acme:viewer", "ops=:viewer"]
)
def test_a_mapping_that_cannot_be_read_is_named(text: str) -> None:
    with pytest.raises(SettingInvalid, match="JOBFORGE_OIDC_ROLES"):
        parse_grants(text)
