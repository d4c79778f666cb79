"""OpenID Connect: a provider's keys by discovery, over the guarded way out; joserfc verifies."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any, Final, cast

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from jobforge.core.context import HttpClient, HttpRequest
from jobforge.core.errors import Unavailable
from jobforge.core.oidc import ALGORITHMS, OidcIdentity, OidcRules, to_identity
from jobforge.ports.system import Clock

KEYS_ARE_KEPT: Final = timedelta(minutes=10)
ASKED_AGAIN_AFTER: Final = timedelta(minutes=1)
"""An unknown key may be a new one, or an invented one: nobody can make us ask more often."""

_MAX_TOKEN: Final = 16_384
_MAX_DOCUMENT: Final = 1_000_000
_OK: Final = 200


class OidcProvider:
    """Implements `ports.identity.IdentityProvider` for one issuer."""

    def __init__(self, rules: OidcRules, http: HttpClient, clock: Clock) -> None:
        self._rules = rules
        self._http = http
        self._clock = clock
        self._keys: KeySet | None = None
        self._asked_at: datetime | None = None

    async def identify(self, token: str) -> OidcIdentity | None:
        """Who the token is of; None where it is not valid.

        Raises:
            Unavailable: the provider's keys cannot be had.
        """
        if len(token) > _MAX_TOKEN or token.count(".") != 2:  # noqa: PLR2004 (a JWS has three parts)
            return None
        claims = self._verified(token, await self._known_keys())
        if claims is None and self._may_ask_again():
            claims = self._verified(token, await self._fetch_keys())
        return None if claims is None else to_identity(claims, self._rules, self._clock.now())

    def _verified(self, token: str, keys: KeySet) -> dict[str, Any] | None:
        try:
            found = jwt.decode(token, keys, algorithms=list(ALGORITHMS))
        except (JoseError, ValueError, TypeError, KeyError):
            return None
        return dict(found.claims)

    async def _known_keys(self) -> KeySet:
        is_old = self._asked_at is None or self._clock.now() - self._asked_at > KEYS_ARE_KEPT
        return await self._fetch_keys() if self._keys is None or is_old else self._keys

    def _may_ask_again(self) -> bool:
        return self._asked_at is None or self._clock.now() - self._asked_at > ASKED_AGAIN_AFTER

    async def _fetch_keys(self) -> KeySet:
        issuer = self._rules.issuer.rstrip("/")
        about = await self._get(f"{issuer}/.well-known/openid-configuration")
        if about.get("issuer") != self._rules.issuer or not isinstance(about.get("jwks_uri"), str):
            raise Unavailable("the identity provider describes another issuer")
        found = await self._get(about["jwks_uri"])
        try:
            self._keys = KeySet.import_key_set(cast("Any", found))
        except (JoseError, ValueError, TypeError, KeyError):
            raise Unavailable("the identity provider's keys cannot be read") from None
        self._asked_at = self._clock.now()
        return self._keys

    async def _get(self, url: str) -> dict[str, Any]:
        answer = await self._http.fetch(HttpRequest(url=url, max_bytes=_MAX_DOCUMENT))
        try:
            document = json.loads(answer.body) if answer.status == _OK else None
        except ValueError:
            document = None
        if not isinstance(document, dict):
            raise Unavailable("the identity provider gives no sound answer")
        return document


def find_provider(rules: OidcRules | None, http: HttpClient, clock: Clock) -> OidcProvider | None:
    """The provider whose tokens are accepted beside keys; None where none is set."""
    return None if rules is None else OidcProvider(rules, http, clock)
