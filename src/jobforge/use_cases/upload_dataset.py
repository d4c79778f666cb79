"""Upload a dataset bit by bit, and register it once it is whole."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from jobforge.core.actor import Actor
from jobforge.core.authorization import Command, Target, authorize
from jobforge.core.errors import Conflict, InvalidInput, Missing
from jobforge.core.names import check_name
from jobforge.ports.records import DatasetRecord, TenantRecord
from jobforge.ports.system import Clock, IdSource
from jobforge.ports.uploads import UploadRecord, UploadStore
from jobforge.steps.register_dataset import RegisterDataset

MAX_BYTES: Final = 2_000_000_000
_FILE_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")


@dataclass(frozen=True, slots=True)
class UploadWish:
    """What shall be uploaded: the dataset's name, the file's (its ending is its format), bytes."""

    name: str
    file_name: str
    size: int
    project_id: UUID | None


@dataclass(frozen=True, slots=True)
class Uploads:
    """Takes uploads. What was interrupted goes on where it stopped, for a day."""

    store: UploadStore
    register: RegisterDataset
    clock: Clock
    ids: IdSource

    async def begin(self, wish: UploadWish, tenant: TenantRecord) -> UploadRecord:
        """Begin one.

        Raises:
            InvalidInput: a name or the size is not valid.
            Conflict: the tenant has too many that are not finished.
        """
        check_name(wish.name, "dataset name")
        if not _FILE_NAME.fullmatch(wish.file_name) or wish.file_name == "about.json":
            raise InvalidInput("a file name has letters, digits, dots, hyphens and underscores")
        if not 1 <= wish.size <= MAX_BYTES:
            raise InvalidInput(f"a dataset has 1 to {MAX_BYTES} bytes")
        upload = UploadRecord(
            upload_id=self.ids.uuid(),
            name=wish.name,
            file_name=wish.file_name,
            size=wish.size,
            project_id=wish.project_id,
            begun_at=self.clock.now(),
        )
        await self.store.begin(tenant.tenant_id, upload)
        return upload

    async def show(
        self, upload_id: UUID, tenant: TenantRecord, actor: Actor
    ) -> tuple[UploadRecord, int]:
        """The upload, and how many of its bytes are there.

        Raises:
            Missing: the tenant has no such upload, or not for this actor.
        """
        found = await self.store.find(tenant.tenant_id, upload_id)
        if found is None:
            raise Missing(f"there is no upload {upload_id}")
        target = Target(tenant.tenant_id, found[0].project_id, is_one_object=True)
        authorize(actor, Command.DATASET_CHANGE, target)
        return found

    async def append(
        self,
        upload_id: UUID,
        offset: int,
        content: AsyncIterator[bytes],
        tenant: TenantRecord,
        actor: Actor,
    ) -> int:
        """Append at exactly this offset; how many bytes are there then.

        Raises:
            Missing: as above.
            Conflict: the offset is another, or somebody else appends.
            InvalidInput: there is more than was announced.
        """
        await self.show(upload_id, tenant, actor)
        return await self.store.append(tenant.tenant_id, upload_id, offset, content)

    async def finish(self, upload_id: UUID, tenant: TenantRecord, actor: Actor) -> DatasetRecord:
        """Check the whole file and register it.

        Raises:
            Missing: as above.
            Conflict: some bytes are missing yet.
            SourceMalformed: it is not of its format; the message names the place.
            AlreadyExists: the dataset's name is taken.
        """
        upload, there = await self.show(upload_id, tenant, actor)
        if there != upload.size:
            raise Conflict(f"{upload.size - there} bytes are missing yet")
        path = self.store.path(tenant.tenant_id, upload)
        dataset = await self.register(upload.name, path, tenant, upload.project_id, actor)
        await self.store.remove(tenant.tenant_id, upload_id)
        return dataset

    async def cancel(self, upload_id: UUID, tenant: TenantRecord, actor: Actor) -> None:
        """Forget it.

        Raises:
            Missing: as above.
        """
        await self.show(upload_id, tenant, actor)
        await self.store.remove(tenant.tenant_id, upload_id)
