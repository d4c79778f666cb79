"""Reads what a payload names: a registered dataset, a file of the tenant's folder, inline rows."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import shlex
import tempfile
from collections.abc import Awaitable, Callable
from decimal import Decimal
from pathlib import Path
from typing import Any, BinaryIO, assert_never

from jobforge.adapters.datasets.rows import read_rows
from jobforge.adapters.datasets.source import ReadLimits, detect_format, is_gzip, plain_stream
from jobforge.adapters.datasets.store import open_stored
from jobforge.adapters.targets.workspace import TenantWorkspace
from jobforge.contract.canonical import checksum_of
from jobforge.core.context import DatasetFile, Row
from jobforge.core.data_source import DataFormat, DataSource, FileSource, InlineRows, NamedDataset
from jobforge.core.errors import DatasetMissing
from jobforge.ports.records import DatasetRecord

FindDataset = Callable[[str], Awaitable[DatasetRecord | None]]
"""The job's dataset of a name: the project's, else the tenant's."""

_CHUNK_BYTES = 1024 * 1024


class DatasetReader:
    """Implements `core.context.DataReader` for one job.

    `scratch` is an existing folder of the job's own, outside the tenant's reach; whoever made it
    removes it with what `file` left there.
    """

    def __init__(
        self,
        *,
        workspace: TenantWorkspace,
        find: FindDataset,
        scratch: Path,
        limits: ReadLimits | None = None,
    ) -> None:
        self._workspace = workspace
        self._find = find
        self._scratch = scratch
        self._limits = limits or ReadLimits()

    async def check(self, source: DataSource) -> None:
        """Look whether it is there, without reading it; a file source may be a folder, too.

        Raises:
            DatasetMissing: there is no such dataset or file.
            PathDenied: a file path leaves the tenant's folder.
        """
        match source:
            case InlineRows():
                return
            case NamedDataset():
                await self._record(source.name)
            case FileSource():
                await self._workspace.check(source.path)
            case _:
                assert_never(source)

    async def rows(self, source: DataSource) -> list[Row]:
        """All rows. CSV values stay text; JSON numbers with a fraction come as Decimal.

        Raises:
            DatasetMissing: there is no such dataset or file.
            PathDenied: a file path leaves the tenant's folder.
            SourceMalformed: the content is not of its format, or exceeds the limits.
        """
        match source:
            case InlineRows():
                return [_exact(row) for row in source.rows]
            case NamedDataset():
                record = await self._record(source.name)
                return await asyncio.to_thread(self._stored_rows, record)
            case FileSource():
                return await asyncio.to_thread(self._file_rows, source)
        assert_never(source)

    async def file(self, source: DataSource) -> DatasetFile:
        """The rows as a local file, unzipped; the checksum is of that file.

        Raises:
            As `rows`.
        """
        match source:
            case InlineRows():
                return await asyncio.to_thread(self._written, source)
            case NamedDataset():
                record = await self._record(source.name)
                return await asyncio.to_thread(self._stored_file, record)
            case FileSource():
                return await asyncio.to_thread(self._copied_file, source)
        assert_never(source)

    async def _record(self, name: str) -> DatasetRecord:
        record = await self._find(name)
        if record is None:
            command = f"jobforge data add {shlex.quote(name)} PATH --tenant TENANT"
            raise DatasetMissing(f"there is no dataset {name}; add it: {command}", hint=command)
        return record

    def _stored_rows(self, record: DatasetRecord) -> list[Row]:
        with open_stored(Path(record.path), record.name, record.checksum) as raw:
            return read_rows(raw, record.name, record.format, self._limits, self._scratch)

    def _file_rows(self, source: FileSource) -> list[Row]:
        with self._workspace.open(source.path) as raw:
            return read_rows(raw, source.path, source.format, self._limits, self._scratch)

    def _stored_file(self, record: DatasetRecord) -> DatasetFile:
        path = Path(record.path)
        with open_stored(path, record.name, record.checksum) as raw:
            if is_gzip(raw):
                return self._copy(raw, record.name, record.format)
        return DatasetFile(path=path, format=record.format, checksum=record.checksum)

    def _copied_file(self, source: FileSource) -> DatasetFile:
        with self._workspace.open(source.path) as raw:
            return self._copy(raw, source.path, source.format)

    def _written(self, source: InlineRows) -> DatasetFile:
        content = "".join(
            json.dumps(row, ensure_ascii=False) + "\n" for row in source.rows
        ).encode()
        checksum = checksum_of(content)
        path = self._path(checksum, "ndjson")
        path.write_bytes(content)
        return DatasetFile(path=path, format="ndjson", checksum=checksum)

    def _copy(self, raw: BinaryIO, name: str, data_format: DataFormat | None) -> DatasetFile:
        digest = hashlib.sha256()
        descriptor, temporary = tempfile.mkstemp(dir=self._scratch)
        with (
            os.fdopen(descriptor, "wb") as copy,
            plain_stream(raw, name, self._limits.max_file_bytes) as stream,
        ):
            chosen = data_format or detect_format(name, stream)
            while chunk := stream.read(_CHUNK_BYTES):
                digest.update(chunk)
                copy.write(chunk)
        checksum = "sha256:" + digest.hexdigest()
        path = Path(temporary).replace(self._path(checksum, chosen))
        return DatasetFile(path=path, format=chosen, checksum=checksum)

    def _path(self, checksum: str, data_format: DataFormat) -> Path:
        return self._scratch / f"{checksum.removeprefix('sha256:')}.{data_format}"


def _exact(value: Any) -> Any:  # noqa: ANN401 (any JSON value)
    """Floats become the Decimal that their JSON text says; its shortest spelling is that text."""
    if isinstance(value, float):
        return Decimal(repr(value))
    if isinstance(value, dict):
        return {key: _exact(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_exact(item) for item in value]
    return value
