"""Begin a console session with an API key, find out whose one is, end one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from jobforge.core.actor import Actor
from jobforge.core.api_key import is_key, key_hash
from jobforge.core.audit import AuditEntry
from jobforge.core.errors import Unauthenticated
from jobforge.core.session import SESSION_LIFETIME, SessionClaims, open_session, sign_session
from jobforge.core.signing import Keyring
from jobforge.ports.records import TenantRecord
from jobforge.ports.storage import KeyStorage, TenantUnit
from jobforge.ports.system import Clock
from jobforge.steps.key_holder import holder_of


@dataclass(frozen=True, slots=True)
class Session:
    """Somebody's session; `token` is what his browser keeps."""

    token: str
    actor: Actor
    tenant: TenantRecord
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class KeepSessions:
    """Keeps sessions: nothing is stored, and each request asks for the key again.

    A session is over with its time, and at once where its key is revoked or ends.
    """

    storage: KeyStorage
    keyring: Keyring
    clock: Clock

    async def begin(self, key: str) -> Session:
        """Begin one.

        Raises:
            Unauthenticated: it is no key of ours, or one that is not valid any more.
        """
        at = self.clock.now()
        found = await self.storage.find_key(key_hash(key)) if is_key(key) else None
        if found is None or found.revoked_at is not None or at >= found.expires_at:
            raise Unauthenticated("this is no valid API key", hint="jobforge key create")
        expires_at = min(found.expires_at, at + SESSION_LIFETIME)
        claims = SessionClaims(
            tenant_id=found.tenant_id,
            tenant_slug=found.slug,
            key_id=found.key_id,
            expires_at=expires_at,
        )
        actor = holder_of(found, found.tenant_id)
        async with self.storage.transaction(found.tenant_id) as unit:
            await unit.keys.note_use(found.key_id, at)
            await unit.audit.append([_entry(unit, "session.begun", actor, at)])
        token = sign_session(claims, keyring=self.keyring)
        return Session(token, actor, TenantRecord(found.tenant_id, found.slug), expires_at)

    async def find(self, token: str) -> tuple[Actor, TenantRecord]:
        """Whose session it is.

        Raises:
            Unauthenticated: it is none of ours, over, or its key is not valid any more.
        """
        at = self.clock.now()
        claims = open_session(token, at, keyring=self.keyring)
        if claims is None:
            raise Unauthenticated
        async with self.storage.transaction(claims.tenant_id) as unit:
            key = await unit.keys.find(claims.key_id)
        if key is None or key.revoked_at is not None or at >= key.expires_at:
            raise Unauthenticated
        tenant = TenantRecord(claims.tenant_id, claims.tenant_slug)
        return holder_of(key, claims.tenant_id), tenant

    async def end(self, actor: Actor, tenant: TenantRecord) -> None:
        """Note that somebody signed out; his browser forgets the session."""
        async with self.storage.transaction(tenant.tenant_id) as unit:
            entry = _entry(unit, "session.ended", actor, self.clock.now())
            await unit.audit.append([entry])


def _entry(unit: TenantUnit, event: str, actor: Actor, at: datetime) -> AuditEntry:
    return AuditEntry(
        tenant_id=unit.tenant_id,
        at=at,
        actor=actor.name,
        event=event,
        subject=f"person:{actor.person}",
        details={},
    )
