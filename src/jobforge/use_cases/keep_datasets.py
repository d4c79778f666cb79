"""Register a dataset, list them, forget one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

from jobforge.core.actor import Actor
from jobforge.core.audit import AuditEntry
from jobforge.core.errors import DatasetMissing
from jobforge.ports.data import DatasetStore
from jobforge.ports.records import DatasetRecord, TenantRecord
from jobforge.ports.storage import Storage
from jobforge.ports.system import Clock
from jobforge.steps.register_dataset import RegisterDataset


@dataclass(frozen=True, slots=True)
class Datasets:
    """Keeps the register of datasets."""

    storage: Storage
    store: DatasetStore
    clock: Clock
    register: RegisterDataset

    async def add(
        self, name: str, path: Path, tenant: TenantRecord, project_id: UUID | None, actor: Actor
    ) -> DatasetRecord:
        """Keep a copy of the file and register it under `name`.

        Raises:
            DatasetMissing, SourceMalformed: see `DatasetStore.add`.
            AlreadyExists: the name is taken.
        """
        return await self.register(name, path, tenant, project_id, actor)

    async def all(self, tenant: TenantRecord) -> tuple[DatasetRecord, ...]:
        """The tenant's datasets, by name."""
        async with self.storage.transaction(tenant.tenant_id) as unit:
            return await unit.datasets.all()

    async def remove(
        self, name: str, tenant: TenantRecord, project_id: UUID | None, actor: Actor
    ) -> None:
        """Forget the dataset; results made from it stay.

        Raises:
            DatasetMissing: there is none of that name.
        """
        async with self.storage.transaction(tenant.tenant_id) as unit:
            before = {dataset.checksum for dataset in await unit.datasets.all()}
            if not await unit.datasets.remove(name, project_id):
                raise DatasetMissing(
                    f"there is no dataset {name}", hint=f"jobforge data list --tenant {tenant.slug}"
                )
            unnamed = before - {dataset.checksum for dataset in await unit.datasets.all()}
            await unit.audit.append([self._entry("dataset.removed", name, tenant, actor, {})])
        for checksum in unnamed:
            await self.store.remove(tenant.tenant_id, checksum)

    def _entry(
        self, event: str, name: str, tenant: TenantRecord, actor: Actor, details: dict[str, Any]
    ) -> AuditEntry:
        return AuditEntry(
            tenant_id=tenant.tenant_id,
            at=self.clock.now(),
            actor=actor.name,
            event=event,
            subject=f"dataset:{name}",
            details=details,
        )
