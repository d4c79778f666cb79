"""What remembers the audit chains outside the database."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID


@dataclass(frozen=True, slots=True)
class SignedHead:
    """A signed line about where a tenant's chain ended; `is_due` when its file became long."""

    tenant_id: UUID
    seq: int
    signed: str
    is_due: bool


class Checkpoints(Protocol):
    """Signed lines per tenant; who reads them verifies their signatures."""

    async def flush(self) -> tuple[SignedHead, ...]:
        """Sign and write what was noted since the last flush; what was written."""
        ...

    def read(self, tenant_id: UUID) -> tuple[str, ...]:
        """The signed lines of a tenant, oldest first."""
        ...

    async def replace(self, tenant_id: UUID, dropped: Collection[str], added: str) -> None:
        """Put one line in the place of others; what else was written meanwhile stays."""
        ...

    def tenants(self) -> tuple[UUID, ...]:
        """Every tenant that has lines, sorted."""
        ...
