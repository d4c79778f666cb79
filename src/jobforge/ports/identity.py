"""What authenticating needs of an identity provider."""

from __future__ import annotations

from typing import Protocol

from jobforge.core.oidc import OidcIdentity


class IdentityProvider(Protocol):
    """Verifies the tokens of an identity provider."""

    async def identify(self, token: str) -> OidcIdentity | None:
        """Who the token is of; None where it is not valid.

        Raises:
            Unavailable: the provider's keys cannot be had.
        """
        ...
