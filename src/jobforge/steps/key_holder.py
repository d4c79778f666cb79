"""Who holds an API key, as an actor."""

from __future__ import annotations

from typing import Protocol
from uuid import UUID

from jobforge.core.actor import Actor, Role, key_actor_name, person_of
from jobforge.core.scopes import READ_SCOPES


class _Key(Protocol):
    """What a key says of its holder."""

    @property
    def key_id(self) -> str: ...

    @property
    def owner(self) -> str: ...

    @property
    def roles(self) -> tuple[str, ...]: ...

    @property
    def project_id(self) -> UUID | None: ...

    @property
    def created_by(self) -> str: ...


def holder_of(key: _Key, tenant_id: UUID) -> Actor:
    """The actor who holds this key of a tenant."""
    is_local = key.created_by.startswith("local:")
    return Actor(
        name=key_actor_name(key.key_id, key.owner),
        scopes=READ_SCOPES,
        is_local=False,
        roles=frozenset(Role(role) for role in key.roles),
        tenant_id=tenant_id,
        project_id=key.project_id,
        vouched_by=None if is_local else person_of(key.created_by),
    )
