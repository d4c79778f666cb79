"""Uploads as files below the home: a folder each, with what it is and what has arrived."""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import BinaryIO, Final
from uuid import UUID

from jobforge.core.errors import Conflict, InvalidInput, Missing
from jobforge.ports.uploads import UploadRecord

MAX_OPEN: Final = 20
KEPT_FOR: Final = timedelta(hours=24)
_ABOUT: Final = "about.json"


class FileUploadStore:
    """Implements `ports.uploads.UploadStore`."""

    def __init__(self, home: Path) -> None:
        self._home = home

    async def begin(self, tenant_id: UUID, upload: UploadRecord) -> None:
        """Begin one, after forgetting what nobody finished within a day.

        Raises:
            Conflict: the tenant has too many.
        """
        await asyncio.to_thread(self._begin, tenant_id, upload)

    async def find(self, tenant_id: UUID, upload_id: UUID) -> tuple[UploadRecord, int] | None:
        """The upload, and how many bytes of it are there."""
        return await asyncio.to_thread(self._find, tenant_id, upload_id)

    async def append(
        self, tenant_id: UUID, upload_id: UUID, offset: int, content: AsyncIterator[bytes]
    ) -> int:
        """Append at exactly this offset; how many bytes are there then.

        Raises:
            Missing: there is no such upload.
            Conflict: the offset is another, or somebody else appends.
            InvalidInput: there is more than was announced.
        """
        found = await self.find(tenant_id, upload_id)
        if found is None:
            raise Missing(f"there is no upload {upload_id}")
        upload, _ = found
        with _locked(self.path(tenant_id, upload)) as file:
            there = file.seek(0, os.SEEK_END)
            if there != offset:
                raise Conflict(f"the upload is at {there}, not at {offset}")
            async for chunk in content:
                there += len(chunk)
                if there > upload.size:
                    raise InvalidInput(f"there is more than the {upload.size} bytes announced")
                await asyncio.to_thread(file.write, chunk)
        return there

    def path(self, tenant_id: UUID, upload: UploadRecord) -> Path:
        """Where its file lies."""
        return self._folder(tenant_id) / str(upload.upload_id) / upload.file_name

    async def remove(self, tenant_id: UUID, upload_id: UUID) -> None:
        """Forget it."""
        folder = self._folder(tenant_id) / str(upload_id)
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)

    def _folder(self, tenant_id: UUID) -> Path:
        return self._home / "uploads" / str(tenant_id)

    def _begin(self, tenant_id: UUID, upload: UploadRecord) -> None:
        folder = self._folder(tenant_id)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._prune(tenant_id, upload.begun_at)
        if len(list(folder.iterdir())) >= MAX_OPEN:
            raise Conflict(f"the tenant has {MAX_OPEN} uploads that are not finished")
        own = folder / str(upload.upload_id)
        own.mkdir(mode=0o700)
        (own / upload.file_name).touch(mode=0o600)
        (own / _ABOUT).write_text(
            json.dumps(
                {
                    "name": upload.name,
                    "file_name": upload.file_name,
                    "size": upload.size,
                    "project_id": None if upload.project_id is None else str(upload.project_id),
                    "begun_at": upload.begun_at.isoformat(),
                }
            ),
            encoding="utf-8",
        )

    def _find(self, tenant_id: UUID, upload_id: UUID) -> tuple[UploadRecord, int] | None:
        folder = self._folder(tenant_id) / str(upload_id)
        try:
            about = json.loads((folder / _ABOUT).read_text(encoding="utf-8"))
            there = (folder / about["file_name"]).stat().st_size
        except FileNotFoundError:
            return None
        project = about["project_id"]
        upload = UploadRecord(
            upload_id=upload_id,
            name=about["name"],
            file_name=about["file_name"],
            size=about["size"],
            project_id=None if project is None else UUID(project),
            begun_at=datetime.fromisoformat(about["begun_at"]),
        )
        return upload, there

    def _prune(self, tenant_id: UUID, now: datetime) -> None:
        for folder in self._folder(tenant_id).iterdir():
            found = self._find(tenant_id, UUID(folder.name))
            if found is None or now - found[0].begun_at > KEPT_FOR:
                shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _locked(path: Path) -> Iterator[BinaryIO]:
    with path.open("r+b", buffering=0) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Conflict("somebody else appends to this upload") from None
        yield file
