"""The operating-system user the server runs as: never root."""

from __future__ import annotations

import os
import pwd
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

NOBODY_ID = 65534


@dataclass(frozen=True, slots=True)
class Account:
    """A user whose rights a process can have; `is_own` where it is the caller's own."""

    user_id: int
    group_id: int
    is_own: bool

    def popen_options(self) -> dict[str, Any]:
        """What `subprocess` needs so that the child runs as this user."""
        if self.is_own:
            return {}
        return {"user": self.user_id, "group": self.group_id, "extra_groups": []}

    def give(self, *paths: Path) -> None:
        """Make this user the owner of files the caller has just made."""
        if not self.is_own:
            for path in paths:
                os.chown(path, self.user_id, self.group_id, follow_symlinks=False)

    def reaches(self, path: Path) -> bool:
        """Whether every folder above `path`, and `path` if it is one, may be walked through."""
        resolved = path.resolve()
        folders = [*resolved.parents, *([resolved] if resolved.is_dir() else [])]
        return all(self._may(folder, stat.S_IXUSR) for folder in folders)

    def reads(self, paths: Iterable[Path]) -> bool:
        """Whether every one of the files may be reached and read."""
        return all(self.reaches(path) and self._may(path, stat.S_IRUSR) for path in paths)

    def _may(self, path: Path, owner_bit: int) -> bool:
        status = path.stat()
        if status.st_uid == self.user_id:
            return bool(status.st_mode & owner_bit)
        if status.st_gid == self.group_id:
            return bool(status.st_mode & owner_bit >> 3)
        return bool(status.st_mode & owner_bit >> 6)


def server_account() -> Account:
    """The caller himself; for root, `nobody`, because PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return Account(os.geteuid(), os.getegid(), is_own=True)
    try:
        entry = pwd.getpwnam("nobody")
    except KeyError:
        return Account(NOBODY_ID, NOBODY_ID, is_own=False)
    return Account(entry.pw_uid, entry.pw_gid, is_own=False)


def user_name(user_id: int) -> str:
    """The user's name, or its number where it has none."""
    try:
        return pwd.getpwuid(user_id).pw_name
    except KeyError:
        return f"user {user_id}"
