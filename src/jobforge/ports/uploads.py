"""What uploading needs: files that grow bit by bit, each of one tenant."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol
from uuid import UUID


@dataclass(frozen=True, slots=True)
class UploadRecord:
    """An upload as it was begun."""

    upload_id: UUID
    name: str
    file_name: str
    size: int
    project_id: UUID | None
    begun_at: datetime


class UploadStore(Protocol):
    """Keeps uploads until they are finished."""

    async def begin(self, tenant_id: UUID, upload: UploadRecord) -> None:
        """Begin one; Conflict where the tenant has too many."""
        ...

    async def find(self, tenant_id: UUID, upload_id: UUID) -> tuple[UploadRecord, int] | None:
        """The upload, and how many bytes of it are there."""
        ...

    async def append(
        self, tenant_id: UUID, upload_id: UUID, offset: int, content: AsyncIterator[bytes]
    ) -> int:
        """Append at exactly this offset; how many bytes are there then.

        What arrived before the content broke off stays.

        Raises:
            Conflict: the offset is another, or somebody else appends.
            InvalidInput: there is more than was announced.
        """
        ...

    def path(self, tenant_id: UUID, upload: UploadRecord) -> Path:
        """Where its file lies."""
        ...

    async def remove(self, tenant_id: UUID, upload_id: UUID) -> None:
        """Forget it."""
        ...
