"""Folders that jobs keep from one attempt to the next, below one root on this machine."""

from __future__ import annotations

import os
import shutil
from datetime import datetime, timedelta
from pathlib import Path

from jobforge.core.context import JobIdentity

KEPT = timedelta(days=1)
"""How long a folder waits for another attempt after the last one opened it."""


class ScratchFolders:
    """One folder a job, readable by this user alone.

    A job that was given up leaves one behind; those are cleared when another job asks for its own.
    """

    def __init__(self, root: Path) -> None:
        self._root = root

    def open(self, job: JobIdentity, now: datetime) -> Path:
        """The job's folder, with whatever an earlier attempt left in it."""
        self._clear_before(now - KEPT)
        folder = self._path(job)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        seconds = now.timestamp()
        os.utime(folder, (seconds, seconds))
        return folder

    def has(self, job: JobIdentity) -> bool:
        """Whether the job ever asked for one; cheap enough to ask on the way."""
        return os.path.lexists(f"{self._root}/{job.tenant_id}/{job.job_id}")

    def remove(self, job: JobIdentity) -> None:
        """Delete the job's folder, if it has one."""
        shutil.rmtree(self._path(job), ignore_errors=True)

    def _path(self, job: JobIdentity) -> Path:
        return self._root / str(job.tenant_id) / str(job.job_id)

    def _clear_before(self, limit: datetime) -> None:
        for folder in self._root.glob("*/*"):
            try:
                opened = folder.stat().st_mtime
            except FileNotFoundError:
                continue
            if opened < limit.timestamp():
                shutil.rmtree(folder, ignore_errors=True)
