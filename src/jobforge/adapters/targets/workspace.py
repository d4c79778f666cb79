"""The tenant's folder: reads, lists and atomic writes that cannot leave it."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import secrets
import stat
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import BinaryIO

from jobforge.adapters.targets.confined import (
    TEMPORARY_PREFIX,
    Walk,
    is_encodable,
    open_regular,
    parse_path,
    walk_to,
)
from jobforge.adapters.targets.helm import render_chart
from jobforge.contract.canonical import checksum_of
from jobforge.core.errors import (
    DatasetMissing,
    PayloadInvalid,
    PlanStale,
    SourceMalformed,
    TargetUnavailable,
)

DEFAULT_MAX_BYTES = 64 * 1024 * 1024
MAX_LISTED_FILES = 100_000
MAX_DEPTH = 64
_LOCK_PAUSE_SECONDS = 0.01
_NEW_FILE_MODE = 0o640


class TenantWorkspace:
    """Implements `core.context.Workspace` on one folder; needs a POSIX system.

    Writers of all processes take turns by a lock on the folder itself, so that the comparison with
    the expected checksum and the replacement are one step. Who writes without that lock (an
    editor, a deployment) can still come between; the window is one rename.
    """

    def __init__(
        self,
        root: Path,
        *,
        max_bytes: int = DEFAULT_MAX_BYTES,
        lock_patience: timedelta = timedelta(seconds=10),
    ) -> None:
        self._root = root.absolute()
        self._max_bytes = max_bytes
        self._lock_patience = lock_patience

    async def read(self, path: str) -> bytes:
        """The file's bytes.

        Raises:
            DatasetMissing: there is no such file.
            PathDenied: the path leaves the folder, or is no regular file.
            SourceMalformed: the file is larger than the limit.
        """
        return await asyncio.to_thread(self._read, path)

    async def check(self, path: str) -> None:
        """Look whether there is such a file or folder, without reading it.

        Raises:
            DatasetMissing: there is none.
            PathDenied: the path leaves the folder, or is neither a regular file nor a folder.
        """
        await asyncio.to_thread(self._check, path)

    async def list(self, path: str, *, suffixes: Sequence[str] = ()) -> tuple[str, ...]:
        """Relative paths of the regular files below the folder `path`, sorted; links are left out.

        Raises:
            DatasetMissing: there is no such folder.
            PathDenied: the path leaves the folder.
            SourceMalformed: there are more than 100,000 files or 64 levels, or a name is not UTF-8.
        """
        return await asyncio.to_thread(self._list, path, tuple(suffixes))

    async def render_chart(self, path: str) -> str | None:
        """A Helm chart's manifests with its default values; None where helm is not installed.

        Raises:
            SourceMalformed: helm refuses the chart.
        """
        return await render_chart(self, path)

    async def replace(self, path: str, content: bytes, *, expected_checksum: str | None) -> None:
        """Write atomically if the file still has the checksum (None: does not exist yet).

        The file's mode and owner stay; missing folders are made.

        Raises:
            PlanStale: the file is not the expected one.
            PathDenied: the path leaves the folder, or is no regular file.
            PayloadInvalid: `content` is larger than the limit.
            TargetUnavailable: the disk is full or fails, or another writer holds the lock.
        """
        if len(content) > self._max_bytes:
            raise PayloadInvalid(f"{path}: more than {self._max_bytes:,} bytes")
        await asyncio.to_thread(self._replace, path, content, expected_checksum)

    async def remove(self, path: str, *, expected_checksum: str) -> None:
        """Delete the file if it still has the checksum.

        Raises:
            PlanStale: the file is not the expected one, or is gone.
            PathDenied: the path leaves the folder, or is no regular file.
        """
        await asyncio.to_thread(self._remove, path, expected_checksum)

    @contextmanager
    def open(self, path: str) -> Iterator[BinaryIO]:
        """Open a regular file for reading, whatever its size; for adapters that stream.

        Raises:
            DatasetMissing: there is no such file.
            PathDenied: the path leaves the folder, or is no regular file.
        """
        with walk_to(self._root, path) as (walk, name):
            descriptor = open_regular(walk.folder, name)
        with os.fdopen(descriptor, "rb") as stream:
            yield stream

    def _check(self, path: str) -> None:
        with walk_to(self._root, path) as (walk, name):
            found = os.stat(name, dir_fd=walk.folder, follow_symlinks=False)
            if not stat.S_ISDIR(found.st_mode):
                os.close(open_regular(walk.folder, name))

    def _read(self, path: str) -> bytes:
        with self.open(path) as stream:
            return self._read_bounded(path, stream)

    def _read_bounded(self, path: str, stream: BinaryIO) -> bytes:
        content = stream.read(self._max_bytes + 1)
        if len(content) > self._max_bytes:
            raise SourceMalformed(f"{path}: more than {self._max_bytes:,} bytes")
        return content

    def _list(self, path: str, suffixes: tuple[str, ...]) -> tuple[str, ...]:
        base = "".join(part + "/" for part in parse_path(path))
        found: list[str] = []
        with walk_to(self._root, path) as (walk, name):
            for inside in _regular_files(walk.enter(name)):
                if not suffixes or inside.endswith(suffixes):
                    found.append(base + inside)
                if len(found) > MAX_LISTED_FILES:
                    raise SourceMalformed(f"{path}: more than {MAX_LISTED_FILES:,} files")
        return tuple(sorted(found))

    def _replace(self, path: str, content: bytes, expected: str | None) -> None:
        with self._expected(path, expected) as (walk, name):
            _write(walk.folder, name, content)

    def _remove(self, path: str, expected: str) -> None:
        with self._expected(path, expected) as (walk, name):
            os.unlink(name, dir_fd=walk.folder)
            os.fsync(walk.folder)

    @contextmanager
    def _expected(self, path: str, expected: str | None) -> Iterator[tuple[Walk, str]]:
        try:
            with (
                walk_to(self._root, path, create=expected is None) as (walk, name),
                _locked(walk, self._lock_patience),
            ):
                current = self._checksum(path, walk, name)
                if current != expected:
                    raise PlanStale(f"{path} changed: {expected} -> {current}")
                yield walk, name
        except DatasetMissing:
            raise PlanStale(f"{path} changed: {expected} -> None") from None

    def _checksum(self, path: str, walk: Walk, name: str) -> str | None:
        try:
            descriptor = open_regular(walk.folder, name)
        except FileNotFoundError:
            return None
        with os.fdopen(descriptor, "rb") as stream:
            return checksum_of(self._read_bounded(path, stream))


def _regular_files(top: int) -> Iterator[str]:
    for folder, _, names, descriptor in os.fwalk(".", dir_fd=top, onerror=_raise):
        inside = folder.removeprefix(".").lstrip("/")
        if inside.count("/") >= MAX_DEPTH:
            raise SourceMalformed(f"{inside[:80]}… is nested deeper than {MAX_DEPTH} folders")
        for found in names:
            if not found.startswith(TEMPORARY_PREFIX) and _is_regular(found, descriptor):
                yield f"{inside}/{found}" if inside else found


def _is_regular(name: str, folder: int) -> bool:
    if not name.isascii() and not is_encodable(name):
        raise SourceMalformed(f"{name!r}: the file's name is not UTF-8")
    try:
        mode = os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode
    except FileNotFoundError:
        return False
    return stat.S_ISREG(mode)


def _raise(error: OSError) -> None:
    raise error


@contextmanager
def _locked(walk: Walk, patience: timedelta) -> Iterator[None]:
    give_up = time.monotonic() + patience.total_seconds()
    while True:
        try:
            fcntl.flock(walk.root, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except BlockingIOError:
            if time.monotonic() > give_up:
                raise TargetUnavailable("another writer holds the tenant's folder") from None
            time.sleep(_LOCK_PAUSE_SECONDS)
    try:
        yield
    finally:
        fcntl.flock(walk.root, fcntl.LOCK_UN)


def _write(folder: int, name: str, content: bytes) -> None:
    temporary = TEMPORARY_PREFIX + secrets.token_hex(8)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(temporary, flags, 0o600, dir_fd=folder)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(content)
            stream.flush()
            _keep_mode_and_owner(folder, name, descriptor)
            os.fsync(descriptor)
        os.rename(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary, dir_fd=folder)
        raise
    os.fsync(folder)


def _keep_mode_and_owner(folder: int, name: str, descriptor: int) -> None:
    try:
        before = os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        os.fchmod(descriptor, _NEW_FILE_MODE)
        return
    # Only root may give a file away; whoever else writes becomes its owner, as with any editor.
    with contextlib.suppress(PermissionError):
        os.fchown(descriptor, before.st_uid, before.st_gid)
    os.fchmod(descriptor, stat.S_IMODE(before.st_mode) & 0o777)
