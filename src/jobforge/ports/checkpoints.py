"""What remembers the audit chains outside the database."""

from __future__ import annotations

from typing import Protocol
from uuid import UUID


class Checkpoints(Protocol):
    """Signed lines per tenant; who reads them verifies their signatures."""

    def flush(self) -> None:
        """Write what was noted since the last flush."""
        ...

    def read(self, tenant_id: UUID) -> tuple[str, ...]:
        """The signed lines of a tenant, oldest first."""
        ...

    def tenants(self) -> tuple[UUID, ...]:
        """Every tenant that has lines, sorted."""
        ...
