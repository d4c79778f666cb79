"""Keeps registered datasets as files, by tenant and content."""

from __future__ import annotations

import asyncio
import hashlib
import io
import os
import stat
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO
from uuid import UUID

from jobforge.adapters.datasets.parquet import parquet_shape
from jobforge.adapters.datasets.rows import STREAM_READERS
from jobforge.adapters.datasets.source import ReadLimits, detect_format, plain_stream
from jobforge.adapters.datasets.text_rows import csv_table
from jobforge.core.context import Row
from jobforge.core.data_source import DataFormat
from jobforge.core.errors import DatasetMissing, SourceMalformed
from jobforge.ports.data import StoredDataset

_CHUNK_BYTES = 1024 * 1024


class FileDatasetStore:
    """Implements `ports.data.DatasetStore` below the home."""

    def __init__(self, home: Path) -> None:
        self._home = home

    async def add(self, tenant_id: UUID, source: Path) -> StoredDataset:
        """Inspect the file and keep a copy; see `store_dataset`.

        Raises:
            DatasetMissing: there is no such file.
            SourceMalformed: it is no regular file, larger than the limit or not of its format.
        """
        return await asyncio.to_thread(store_dataset, self._home, tenant_id, source)

    async def append(self, tenant_id: UUID, base: Path | None, line: str) -> StoredDataset:
        """Keep a copy of an NDJSON dataset with one more line; without a base, of that line.

        Raises:
            DatasetMissing: the base is gone.
            SourceMalformed: the two are no NDJSON, or larger than the limit.
        """
        return await asyncio.to_thread(_append, self._home, tenant_id, base, line)

    async def remove(self, tenant_id: UUID, checksum: str) -> None:
        """Delete the copy; no dataset of the tenant may name it any more."""
        await asyncio.to_thread(remove_stored_dataset, self._home, tenant_id, checksum)


def _append(home: Path, tenant_id: UUID, base: Path | None, line: str) -> StoredDataset:
    with tempfile.NamedTemporaryFile(suffix=".ndjson", dir=home) as new:
        if base is not None:
            with _open_regular(base) as raw, Path(new.name).open("wb") as copy:
                _copy_bounded(raw, copy, base.name)
            new.seek(0, io.SEEK_END)
        new.write(line.encode() + b"\n")
        new.flush()
        return store_dataset(home, tenant_id, Path(new.name), data_format="ndjson")


def inspect_dataset(
    path: Path, *, name: str | None = None, data_format: DataFormat | None = None
) -> StoredDataset:
    """Read the whole file and describe it; `name` is what errors and the format's ending go by.

    Size (in bytes) and checksum are of the file as it lies there. The columns of JSON, NDJSON
    and statements are all keys, in the order they first appear.

    Raises:
        DatasetMissing: there is no such file.
        SourceMalformed: it is no regular file, or its content is not of its format.
    """
    called = name or path.name
    with _open_regular(path) as raw:
        checksum = "sha256:" + hashlib.file_digest(raw, "sha256").hexdigest()
        size = raw.tell()
        raw.seek(0)
        with plain_stream(raw, called, ReadLimits().max_file_bytes) as stream:
            chosen = data_format or detect_format(called, stream)
            columns, row_count = _shape(path, stream, called, chosen)
    return StoredDataset(path, chosen, size, checksum, row_count, columns)


def _shape(
    path: Path, stream: io.BufferedReader, name: str, data_format: DataFormat
) -> tuple[tuple[str, ...], int]:
    if data_format == "parquet":
        return parquet_shape(path, name)
    if data_format == "csv":
        columns, rows = csv_table(stream, name)
        return columns, sum(1 for _ in rows)
    return _keys_and_count(STREAM_READERS[data_format](stream, name))


def _keys_and_count(rows: Iterable[Row]) -> tuple[tuple[str, ...], int]:
    columns: dict[str, None] = {}
    count = 0
    for row in rows:
        columns.update(dict.fromkeys(row))
        count += 1
    return tuple(columns), count


def store_dataset(
    home: Path, tenant_id: UUID, source: Path, *, data_format: DataFormat | None = None
) -> StoredDataset:
    """Copy the file to `home/datasets/<tenant>/<sha256>`, checked, readable for its owner only.

    What was described is the copy, so a source that changes meanwhile does no harm. The same
    content twice is one file.

    Raises:
        DatasetMissing: there is no such file.
        SourceMalformed: it is no regular file, larger than the limit or not of its format.
    """
    folder = home / "datasets" / str(tenant_id)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=folder, prefix=".new-")
    try:
        with os.fdopen(descriptor, "wb") as copy, _open_regular(source) as raw:
            _copy_bounded(raw, copy, source.name)
        facts = inspect_dataset(Path(temporary), name=source.name, data_format=data_format)
        final = folder / facts.checksum.removeprefix("sha256:")
        Path(temporary).chmod(0o400)
        Path(temporary).replace(final)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    _sync_folder(folder)
    return replace(facts, path=final)


def remove_stored_dataset(home: Path, tenant_id: UUID, checksum: str) -> None:
    """Delete the copy; nothing happens where there is none. No dataset may name it any more."""
    path = home / "datasets" / str(tenant_id) / checksum.removeprefix("sha256:")
    with suppress(FileNotFoundError):
        path.unlink()


def open_stored(path: Path, name: str, checksum: str) -> BinaryIO:
    """Open a stored copy whose content is still the registered one.

    Raises:
        DatasetMissing: the file is gone.
        SourceMalformed: its content is another.
    """
    raw = _open_regular(path, f"the file of dataset {name}")
    found = "sha256:" + hashlib.file_digest(raw, "sha256").hexdigest()
    if found != checksum:
        raw.close()
        raise SourceMalformed(f"dataset {name} was changed on the disk: {checksum} -> {found}")
    raw.seek(0)
    return raw


def _open_regular(path: Path, called: str | None = None) -> io.BufferedReader:
    try:
        # Opening a pipe would wait for its writer.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise DatasetMissing(f"cannot open {called or path}: {error.strerror}") from None
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return os.fdopen(descriptor, "rb")
    os.close(descriptor)
    raise SourceMalformed(f"{called or path} is not a regular file")


def _copy_bounded(raw: BinaryIO, copy: BinaryIO, name: str) -> None:
    left = ReadLimits().max_file_bytes
    while chunk := raw.read(_CHUNK_BYTES):
        left -= len(chunk)
        if left < 0:
            raise SourceMalformed(f"{name}: more than {ReadLimits().max_file_bytes:,} bytes")
        copy.write(chunk)
    copy.flush()
    os.fsync(copy.fileno())


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
