"""Read an artifact, or a part of it, by its checksum."""

from __future__ import annotations

from dataclasses import dataclass

from jobforge.core.errors import Missing
from jobforge.ports.records import ArtifactRecord, TenantRecord
from jobforge.ports.storage import Storage


@dataclass(frozen=True, slots=True)
class ReadArtifact:
    """Reads artifacts."""

    storage: Storage

    async def describe(self, checksum: str, tenant: TenantRecord) -> ArtifactRecord:
        """What the artifact is.

        Raises:
            Missing: the tenant has none of this checksum.
        """
        async with self.storage.transaction(tenant.tenant_id) as unit:
            record = await unit.artifacts.find(checksum)
        if record is None:
            raise Missing(f"there is no artifact {checksum}")
        return record

    async def part(self, checksum: str, start: int, end: int, tenant: TenantRecord) -> bytes:
        """Its bytes from `start` to `end`, the latter exclusive."""
        async with self.storage.transaction(tenant.tenant_id) as unit:
            return await unit.artifacts.part(checksum, start, end)
