"""Keep a copy of a file and register it as a dataset."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from jobforge.core.actor import Actor
from jobforge.core.audit import AuditEntry
from jobforge.core.names import check_name
from jobforge.ports.data import DatasetStore
from jobforge.ports.records import DatasetRecord, TenantRecord
from jobforge.ports.storage import Storage
from jobforge.ports.system import Clock


@dataclass(frozen=True, slots=True)
class RegisterDataset:
    """Registers datasets."""

    storage: Storage
    store: DatasetStore
    clock: Clock

    async def __call__(
        self, name: str, path: Path, tenant: TenantRecord, project_id: UUID | None, actor: Actor
    ) -> DatasetRecord:
        """Keep a copy of the file and register it under `name`.

        Raises:
            DatasetMissing, SourceMalformed: see `DatasetStore.add`.
            AlreadyExists: the name is taken.
        """
        check_name(name, "dataset name")
        stored = await self.store.add(tenant.tenant_id, path)
        dataset = DatasetRecord(
            project_id=project_id,
            name=name,
            path=str(stored.path),
            format=stored.format,
            size=stored.size,
            checksum=stored.checksum,
            row_count=stored.row_count,
            columns=stored.columns,
            created_at=self.clock.now(),
        )
        entry = AuditEntry(
            tenant_id=tenant.tenant_id,
            at=dataset.created_at,
            actor=actor.name,
            event="dataset.added",
            subject=f"dataset:{name}",
            details={
                "checksum": dataset.checksum,
                "size": dataset.size,
                "rows": dataset.row_count,
            },
        )
        async with self.storage.transaction(tenant.tenant_id) as unit:
            await unit.datasets.insert(dataset)
            await unit.audit.append([entry])
        return dataset
