"""Where datasets and credentials are kept outside the database's rows."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol
from uuid import UUID

from jobforge.core.data_source import DataFormat


@dataclass(frozen=True, slots=True)
class StoredDataset:
    """A dataset's content-addressed copy and what was found in it."""

    path: Path
    format: DataFormat
    size: int
    checksum: str
    row_count: int
    columns: tuple[str, ...]


class DatasetStore(Protocol):
    """Keeps copies of dataset files."""

    async def add(self, tenant_id: UUID, source: Path) -> StoredDataset:
        """Inspect the file and keep a copy.

        Raises:
            DatasetMissing: there is no such file.
            SourceMalformed: it is not of its format; the message names line and column.
        """
        ...

    async def append(self, tenant_id: UUID, base: Path | None, line: str) -> StoredDataset:
        """Keep a copy of an NDJSON dataset with one more line; without a base, of that line."""
        ...

    async def remove(self, tenant_id: UUID, checksum: str) -> None:
        """Delete the copy; no dataset of the tenant may name it any more."""
        ...


class SecretsBox(Protocol):
    """Seals credentials, each for one tenant and name."""

    def seal(self, settings: dict[str, Any], *, tenant_id: UUID, name: str) -> bytes:
        """Encrypt."""
        ...

    def open(self, sealed: bytes, *, tenant_id: UUID, name: str) -> dict[str, Any]:
        """Decrypt; SettingInvalid where it is not of this tenant, name and key."""
        ...
