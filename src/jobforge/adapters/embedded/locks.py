"""Locks between processes that the kernel frees when their holder dies, however it dies."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import Literal

LOCK_MODE = 0o600

_FLAGS = {"exclusive": fcntl.LOCK_EX, "shared": fcntl.LOCK_SH}


class FileLock:
    """An advisory lock on a file; two instances exclude each other even within one process.

    The file stays: its content means nothing, and removing it would split the lock in two.
    The descriptor is not inherited, so a child process never holds on to its parent's lock.
    """

    def __init__(self, path: Path) -> None:
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        self._descriptor = os.open(path, flags, LOCK_MODE)

    def try_lock(self, kind: Literal["exclusive", "shared"]) -> bool:
        """Take the lock if it is free; a lock held already changes its kind."""
        try:
            fcntl.flock(self._descriptor, _FLAGS[kind] | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def wait(self, kind: Literal["exclusive", "shared"]) -> None:
        """Take the lock, however long that takes."""
        fcntl.flock(self._descriptor, _FLAGS[kind])

    def unlock(self) -> None:
        """Let others have it."""
        fcntl.flock(self._descriptor, fcntl.LOCK_UN)

    def close(self) -> None:
        """Let others have it, and close the file; closing twice is fine."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
