"""Walks below one folder by file descriptor, so that neither a path nor a link leaves it."""

from __future__ import annotations

import errno
import os
import stat
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from jobforge.core.errors import DatasetMissing, PathDenied, TargetUnavailable

TEMPORARY_PREFIX = ".jobforge-tmp-"
MAX_LINKS = 40
"""Source: MAXSYMLINKS of Linux, path_resolution(7)."""

_WHERE_FILES_LIE = (
    "files that payloads name lie below JOBFORGE_DATA_ROOT/<tenant slug>/; "
    "`jobforge data add NAME PATH` registers one from anywhere"
)
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_MISSING = frozenset({errno.ENOENT, errno.ENOTDIR})
_REFUSED = frozenset({errno.ELOOP, errno.ENAMETOOLONG, errno.EACCES, errno.EPERM, errno.ENXIO})


def parse_path(path: str) -> tuple[str, ...]:
    """The path's parts, without `.`; the folder itself has none.

    Raises:
        PathDenied: it is empty, absolute, has a `..`, a NUL byte or what UTF-8 cannot spell, or
            names one of our temporary files.
    """
    pure = PurePosixPath(path)
    if not path or pure.is_absolute() or ".." in pure.parts:
        raise PathDenied(f"{path!r} leaves the tenant's folder")
    if "\0" in path or not is_encodable(path):
        raise PathDenied(f"{path!r} is not the name of a file")
    if any(part.startswith(TEMPORARY_PREFIX) for part in pure.parts):
        raise PathDenied(f"{path!r} names a temporary file of JobForge")
    return pure.parts


def is_encodable(path: str) -> bool:
    """Whether UTF-8 can spell it; names on a disk are bytes and need not be text."""
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True


class Walk:
    """A position below `root`: the open folders from it down, and never anything above.

    Links are followed by hand, one component at a time, because the kernel would follow them out.
    A component swapped for a link between the look and the opening fails on O_NOFOLLOW.
    """

    def __init__(self, root: Path, *, create: bool = False) -> None:
        self._root = root
        self._create = create
        self._links = MAX_LINKS
        if create:
            root.mkdir(mode=0o700, parents=True, exist_ok=True)
        # The operator may have put the root itself behind a link; a tenant cannot.
        self._folders = [os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)]

    @property
    def root(self) -> int:
        """The descriptor of the root."""
        return self._folders[0]

    @property
    def folder(self) -> int:
        """The descriptor of the folder reached."""
        return self._folders[-1]

    def close(self) -> None:
        """Close every folder."""
        while self._folders:
            os.close(self._folders.pop())

    def descend(self, parts: tuple[str, ...]) -> str:
        """Go to the folder that holds the last part and give its name, `.` for the folder itself.

        Raises:
            PathDenied: a link leads out of the root, or links lead in a circle.
        """
        todo = deque(parts)
        while todo:
            part = todo.popleft()
            target = None if part == ".." else self._link_target(part)
            if target is not None:
                todo.extendleft(reversed(self._follow(target)))
            elif part == "..":
                self._go_up()
            elif todo:
                self.enter(part)
            else:
                return part
        return "."

    def _link_target(self, part: str) -> str | None:
        try:
            return os.readlink(part, dir_fd=self.folder)
        except OSError as error:
            if error.errno == errno.EINVAL or (self._create and error.errno == errno.ENOENT):
                return None
            if error.errno == errno.ENOENT:
                raise FileNotFoundError(errno.ENOENT, "no such file", part) from None
            raise

    def _follow(self, target: str) -> tuple[str, ...]:
        self._links -= 1
        if self._links < 0:
            raise PathDenied("links lead in a circle")
        pure = PurePosixPath(target)
        if not pure.is_absolute():
            return pure.parts
        if not pure.is_relative_to(self._root.resolve()):
            raise PathDenied("a link leaves the tenant's folder")
        while len(self._folders) > 1:
            os.close(self._folders.pop())
        return pure.relative_to(self._root.resolve()).parts

    def _go_up(self) -> None:
        if len(self._folders) == 1:
            raise PathDenied("a link leaves the tenant's folder")
        os.close(self._folders.pop())

    def enter(self, part: str) -> int:
        """Open this folder of the folder reached, and be there."""
        if self._create:
            self._make(part)
        self._folders.append(os.open(part, _FOLDER, dir_fd=self.folder))
        return self.folder

    def _make(self, part: str) -> None:
        try:
            os.mkdir(part, 0o750, dir_fd=self.folder)
        except FileExistsError:
            return
        os.fsync(self.folder)


@contextmanager
def walk_to(root: Path, path: str, *, create: bool = False) -> Iterator[tuple[Walk, str]]:
    """The folder that holds `path`, open, and the name in it; `create` makes missing folders.

    Raises:
        PathDenied: the path leaves `root`, or the system refuses it.
        DatasetMissing: there is no such file or folder.
        TargetUnavailable: the disk fails or is full.
    """
    parts = parse_path(path)
    try:
        walk = Walk(root, create=create)
        try:
            yield walk, walk.descend(parts)
        finally:
            walk.close()
    except PathDenied as error:
        raise PathDenied(f"{path}: {error.message}") from None
    except OSError as error:
        raise _plainly(path, error) from None


def _plainly(path: str, error: OSError) -> DatasetMissing | PathDenied | TargetUnavailable:
    if error.errno in _MISSING:
        return DatasetMissing(f"no file {path} in the tenant's folder", hint=_WHERE_FILES_LIE)
    if error.errno in _REFUSED:
        return PathDenied(f"{path} may not be used: {error.strerror}")
    return TargetUnavailable(f"{path}: {error.strerror}")


def open_no_link(folder: int, name: str) -> int:
    """Open for reading; OSError for a link, and no waiting for a pipe's other end."""
    return os.open(name, _FILE, dir_fd=folder)


def open_regular(folder: int, name: str) -> int:
    """Open a regular file for reading, without following a link.

    Raises:
        PathDenied: it is a folder, a device, a pipe, a socket or a link.
        OSError: as the system says.
    """
    # Looked at before opening, because opening a device can have an effect, and again afterwards.
    _check_regular(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode)
    descriptor = open_no_link(folder, name)
    try:
        _check_regular(os.fstat(descriptor).st_mode)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _check_regular(mode: int) -> None:
    if stat.S_ISDIR(mode):
        raise PathDenied("it is a folder")
    if not stat.S_ISREG(mode):
        raise PathDenied("it is not a regular file")
