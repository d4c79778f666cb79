"""API keys: who holds them, and until when."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol
from uuid import UUID


@dataclass(frozen=True, slots=True)
class NewKey:
    """An API key to store: its hash, never itself."""

    key_id: str
    key_hash: bytes = field(repr=False)
    owner: str
    roles: tuple[str, ...]
    project_id: UUID | None
    created_by: str
    created_at: datetime
    expires_at: datetime
    replaces: str | None = None


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """An API key as its tenant's admins see it."""

    key_id: str
    owner: str
    roles: tuple[str, ...]
    project_id: UUID | None
    created_by: str
    created_at: datetime
    expires_at: datetime
    last_used_at: datetime | None
    revoked_at: datetime | None
    replaces: str | None


@dataclass(frozen=True, slots=True)
class FoundKey:
    """Whose key a hash is, and what it may do."""

    tenant_id: UUID
    slug: str
    key_id: str
    owner: str
    roles: tuple[str, ...]
    project_id: UUID | None
    created_by: str
    expires_at: datetime
    last_used_at: datetime | None
    revoked_at: datetime | None


class KeyTable(Protocol):
    """API keys."""

    async def insert(self, key: NewKey) -> None:
        """Store one."""
        ...

    async def find(self, key_id: str) -> KeyRecord | None:
        """The key of this public id."""
        ...

    async def all(self) -> tuple[KeyRecord, ...]:
        """Every key, the newest first."""
        ...

    async def note_use(self, key_id: str, at: datetime) -> None:
        """Note that it was used."""
        ...

    async def revoke(self, key_id: str, at: datetime) -> bool:
        """Revoke it; False where it was revoked before, or there is none."""
        ...

    async def shorten(self, key_id: str, until: datetime) -> None:
        """Let it end at this moment, if it would live longer."""
        ...
