"""Find out who comes with an API key."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from jobforge.core.actor import Actor, oidc_actor_name
from jobforge.core.api_key import USE_IS_NOTED_EVERY, is_key, key_hash
from jobforge.core.errors import Unauthenticated
from jobforge.core.scopes import READ_SCOPES
from jobforge.ports.identity import IdentityProvider
from jobforge.ports.keys import FoundKey
from jobforge.ports.records import TenantRecord
from jobforge.ports.storage import KeyStorage
from jobforge.ports.system import Clock
from jobforge.steps.key_holder import holder_of


@dataclass(frozen=True, slots=True)
class Authenticate:
    """Turns keys into actors. Every way of being wrong gets one and the same answer."""

    storage: KeyStorage
    clock: Clock
    provider: IdentityProvider | None = None

    async def __call__(self, credential: str) -> tuple[Actor, TenantRecord]:
        """Who it is, and of which tenant.

        Raises:
            Unauthenticated: it is no key of ours, or one that was revoked or has expired, and no
                valid token of the identity provider.
            Unavailable: the identity provider does not answer.
        """
        if not is_key(credential):
            return await self._by_token(credential)
        at = self.clock.now()
        found = await self.storage.find_key(key_hash(credential))
        if found is None or found.revoked_at is not None or at >= found.expires_at:
            raise Unauthenticated
        await self._note_use(found, at)
        return holder_of(found, found.tenant_id), TenantRecord(found.tenant_id, found.slug)

    async def _by_token(self, token: str) -> tuple[Actor, TenantRecord]:
        identity = None if self.provider is None else await self.provider.identify(token)
        tenant = None if identity is None else await self.storage.find_tenant(identity.tenant)
        if identity is None or tenant is None:
            raise Unauthenticated
        actor = Actor(
            name=oidc_actor_name(identity.subject),
            scopes=READ_SCOPES,
            is_local=False,
            roles=identity.roles,
            tenant_id=tenant.tenant_id,
        )
        return actor, tenant

    async def _note_use(self, found: FoundKey, at: datetime) -> None:
        if found.last_used_at is not None and at - found.last_used_at < USE_IS_NOTED_EVERY:
            return
        async with self.storage.transaction(found.tenant_id) as unit:
            await unit.keys.note_use(found.key_id, at)
