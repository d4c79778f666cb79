"""Create an API key, list them, rotate one, revoke one."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from jobforge.core.actor import Actor, Role
from jobforge.core.api_key import MAX_LIFETIME, SECRET_BYTES, key_hash, to_key
from jobforge.core.audit import AuditEntry
from jobforge.core.errors import Conflict, InvalidInput, Missing
from jobforge.core.names import check_name
from jobforge.ports.keys import KeyRecord, NewKey
from jobforge.ports.records import TenantRecord
from jobforge.ports.storage import Storage, TenantUnit
from jobforge.ports.system import Clock, IdSource, SecretSource


@dataclass(frozen=True, slots=True)
class KeyWish:
    """What a key shall be: whose, for what, how long."""

    owner: str
    roles: frozenset[Role]
    lifetime: timedelta
    project_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class CreatedKey:
    """A new key. The key itself is shown once; only its hash is kept."""

    key: str
    record: KeyRecord


@dataclass(frozen=True, slots=True)
class Keys:
    """Keeps the tenants' API keys."""

    storage: Storage
    clock: Clock
    ids: IdSource
    secrets: SecretSource

    async def create(self, wish: KeyWish, tenant: TenantRecord, actor: Actor) -> CreatedKey:
        """Make one.

        Raises:
            InvalidInput: the owner's name, the roles or the lifetime are not valid.
        """
        _check(wish)
        at = self.clock.now()
        key, new = self._make(wish, actor, at)
        async with self.storage.transaction(tenant.tenant_id) as unit:
            created = await _store(unit, new)
            await unit.audit.append([_entry("key.created", created, tenant, actor, at)])
        return CreatedKey(key, created)

    async def all(self, tenant: TenantRecord) -> tuple[KeyRecord, ...]:
        """The tenant's keys, the newest first."""
        async with self.storage.transaction(tenant.tenant_id) as unit:
            return await unit.keys.all()

    async def rotate(
        self, key_id: str, grace: timedelta, tenant: TenantRecord, actor: Actor
    ) -> CreatedKey:
        """Make a successor of the same owner, roles and lifetime; the old one lives on a while.

        Raises:
            Missing: the tenant has no such key.
            Conflict: it is not valid any more.
            InvalidInput: the grace is negative, or longer than a key may live.
        """
        if not timedelta(0) <= grace <= MAX_LIFETIME:
            raise InvalidInput("the grace is between nothing and 366 days")
        at = self.clock.now()
        async with self.storage.transaction(tenant.tenant_id) as unit:
            old = await _find(unit, key_id)
            if old.revoked_at is not None or at >= old.expires_at:
                raise Conflict(f"key {key_id} is not valid any more", hint="create a new one")
            wish = KeyWish(
                owner=old.owner,
                roles=frozenset(Role(role) for role in old.roles),
                lifetime=old.expires_at - old.created_at,
                project_id=old.project_id,
            )
            key, new = self._make(wish, actor, at)
            created = await _store(unit, replace(new, replaces=key_id))
            await unit.keys.shorten(key_id, at + grace)
            entry = _entry(
                "key.rotated", created, tenant, actor, at, grace_seconds=int(grace.total_seconds())
            )
            await unit.audit.append([entry])
        return CreatedKey(key, created)

    async def revoke(self, key_id: str, tenant: TenantRecord, actor: Actor) -> bool:
        """Revoke it; False where it was revoked before.

        Raises:
            Missing: the tenant has no such key.
        """
        at = self.clock.now()
        async with self.storage.transaction(tenant.tenant_id) as unit:
            record = await _find(unit, key_id)
            is_new = await unit.keys.revoke(key_id, at)
            if is_new:
                await unit.audit.append([_entry("key.revoked", record, tenant, actor, at)])
        return is_new

    def _make(self, wish: KeyWish, actor: Actor, at: datetime) -> tuple[str, NewKey]:
        key_id = self.ids.uuid().hex[-12:]
        key = to_key(key_id, self.secrets.secret(SECRET_BYTES))
        return key, NewKey(
            key_id=key_id,
            key_hash=key_hash(key),
            owner=wish.owner,
            roles=tuple(sorted(wish.roles)),
            project_id=wish.project_id,
            created_by=actor.name,
            created_at=at,
            expires_at=at + wish.lifetime,
        )


def _check(wish: KeyWish) -> None:
    check_name(wish.owner, "owner's name")
    if not wish.roles:
        raise InvalidInput("a key needs a role", hint=f"one of {', '.join(Role)}")
    if not timedelta(minutes=1) <= wish.lifetime <= MAX_LIFETIME:
        raise InvalidInput("a key lives between a minute and 366 days")


async def _find(unit: TenantUnit, key_id: str) -> KeyRecord:
    record = await unit.keys.find(key_id)
    if record is None:
        raise Missing(f"there is no key {key_id}", hint="jobforge key list --tenant T")
    return record


async def _store(unit: TenantUnit, new: NewKey) -> KeyRecord:
    await unit.keys.insert(new)
    return await _find(unit, new.key_id)


def _entry(
    event: str,
    key: KeyRecord,
    tenant: TenantRecord,
    actor: Actor,
    at: datetime,
    **more: Any,  # noqa: ANN401 (what an audit entry may hold)
) -> AuditEntry:
    return AuditEntry(
        tenant_id=tenant.tenant_id,
        at=at,
        actor=actor.name,
        event=event,
        subject=f"key:{key.key_id}",
        details={
            "owner": key.owner,
            "roles": list(key.roles),
            "project_id": None if key.project_id is None else str(key.project_id),
            "expires_at": key.expires_at.isoformat(),
            "replaces": key.replaces,
            **more,
        },
    )
