"""The folder of an embedded server: what lies where, whose it is, and who may see it."""

from __future__ import annotations

import hashlib
import os
import stat
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from jobforge.adapters.embedded.account import Account, user_name
from jobforge.core.errors import SettingInvalid, Unavailable

PORT = 5432
"""Only a part of the socket's name: the server listens on no network address."""

MAX_SOCKET_PATH_BYTES = 103 if sys.platform == "darwin" else 107
"""The room for a path in `sockaddr_un`, less the closing zero. Source: unix(7), unix(4)."""

_OPEN_FILES = Path("/proc/self/fd")
_PRIVATE = 0o700
_PASSABLE = 0o711
_RUNTIME_ROOT = Path("/tmp")  # noqa: S108 (a folder of our own in it, checked before each use)


@dataclass(frozen=True, slots=True)
class Home:
    """The paths of one embedded server."""

    root: Path
    account: Account

    @property
    def clients_lock(self) -> Path:
        """Held shared by every client."""
        return self.root / "clients.lock"

    @property
    def start_lock(self) -> Path:
        """Held exclusively by whoever starts or stops the server."""
        return self.root / "start.lock"

    @property
    def supervisor_lock(self) -> Path:
        """Held exclusively by the supervisor as long as it lives."""
        return self.root / "supervisor.lock"

    @property
    def cluster(self) -> Path:
        """The server's own data folder."""
        return self.root / "cluster"

    @property
    def credentials(self) -> Path:
        """The roles' passwords, for the clients' eyes only."""
        return self.root / "credentials.json"

    @property
    def log(self) -> Path:
        """What the server and its supervisor say."""
        return self.root / "server.log"

    @property
    def socket_folder(self) -> Path:
        """Where the server listens: below the home, or in a short folder if that cannot be.

        A socket's path has little room, and to a driver a comma separates one host from the next.
        """
        inside = self.root / "socket"
        fits = len(os.fsencode(_socket_in(inside))) <= MAX_SOCKET_PATH_BYTES
        if fits and "," not in str(inside):
            return inside
        name = hashlib.sha256(os.fsencode(self.root)).hexdigest()[:16]
        return _RUNTIME_ROOT / f"jobforge-{self.account.user_id}-{name}"

    @property
    def socket(self) -> Path:
        """The server's socket."""
        return _socket_in(self.socket_folder)

    def make_socket_folder(self) -> None:
        """Make the socket's folder, for the server's account alone.

        Raises:
            Unavailable: somebody else has put something in its place.
        """
        folder = self.socket_folder
        if make_folder(folder, _PRIVATE):
            self.account.give(folder)
        status = folder.lstat()
        is_ours = stat.S_ISDIR(status.st_mode) and status.st_uid == self.account.user_id
        if not is_ours or stat.S_IMODE(status.st_mode) != _PRIVATE:
            raise Unavailable(
                f"{folder} is not a private folder of {user_name(self.account.user_id)}",
                hint="Remove it, or set JOBFORGE_HOME to a shorter path.",
            )


@contextmanager
def seen_by_server(account: Account, *folders: Path) -> Iterator[tuple[list[Path], list[int]]]:
    """The account's own folders as it can reach them, and descriptors to hand down with them.

    Below folders that `nobody` may not enter (`/root`, a `mktemp -d`) the server gets its own as
    open descriptors: no mode above them is changed, and nobody else gains anything.

    Raises:
        SettingInvalid: they are out of reach and this system has no `/proc/self/fd`.
    """
    if account.is_own or all(account.reaches(folder) for folder in folders):
        yield list(folders), []
        return
    if not _OPEN_FILES.is_dir():
        raise SettingInvalid(
            f"{user_name(account.user_id)} cannot reach {folders[0]}, and the database must not "
            "run as root",
            hint="Set JOBFORGE_HOME to a folder below ones that everybody may enter.",
        )
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC | os.O_NOFOLLOW
    with ExitStack() as stack:
        descriptors = []
        for folder in folders:
            descriptors.append(os.open(folder, flags))
            stack.callback(os.close, descriptors[-1])
        yield [_OPEN_FILES / str(descriptor) for descriptor in descriptors], descriptors


def open_home(path: Path, account: Account) -> Home:
    """Make the folder if there is none, and check that it is the caller's own.

    Folders above it are made where they are missing; those that exist keep their modes.

    Raises:
        SettingInvalid: it is not a folder, belongs to another user, or everybody may write to it.
        Unavailable: it cannot be made.
    """
    root = path.expanduser().resolve()
    try:
        root.parent.mkdir(parents=True, exist_ok=True)
        make_folder(root, _PRIVATE if account.is_own else _PASSABLE)
        status = root.stat()
    except OSError as error:
        raise Unavailable(f"cannot make {root}: {error.strerror}") from error
    if not stat.S_ISDIR(status.st_mode):
        raise SettingInvalid(f"{root} is not a folder")
    if status.st_uid != os.geteuid():
        raise SettingInvalid(
            f"{root} belongs to {user_name(status.st_uid)}, not to {user_name(os.geteuid())}",
            hint="Set JOBFORGE_HOME to a folder of your own.",
        )
    if status.st_mode & stat.S_IWOTH:
        raise SettingInvalid(
            f"everybody may write to {root}", hint="Set JOBFORGE_HOME to a folder of your own."
        )
    return Home(root, account)


def make_folder(folder: Path, mode: int) -> bool:
    """Make a folder of exactly this mode, whatever the umask; whether it was missing."""
    try:
        folder.mkdir(mode=_PRIVATE)
    except FileExistsError:
        return False
    folder.chmod(mode)
    return True


def open_log(home: Home) -> BinaryIO:
    """Open the log for appending; only the caller may read it, for it may quote data."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
    return os.fdopen(os.open(home.log, flags, 0o600), "ab")


def _socket_in(folder: Path) -> Path:
    return folder / f".s.PGSQL.{PORT}"
