"""One process's hold on the server, taken and let go with blocking calls."""

from __future__ import annotations

import os
import select
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from jobforge.adapters.embedded.account import server_account
from jobforge.adapters.embedded.binaries import Binaries, find_binaries
from jobforge.adapters.embedded.cluster import Credentials, create_cluster
from jobforge.adapters.embedded.home import Home, open_home, open_log
from jobforge.adapters.embedded.locks import FileLock
from jobforge.adapters.embedded.postmaster import has_processes
from jobforge.adapters.embedded.probe import postmaster_of
from jobforge.adapters.embedded.supervisor import BUSY, READY, Specification
from jobforge.contract.errors import JobForgeError
from jobforge.core.errors import SettingInvalid, Unavailable

_POLL_SECONDS = 0.02
_LAST_PROCESSES_SECONDS = 10
_REPORT_BYTES = 65_536


class Hold:
    """A shared lock on the clients' file; while anybody has one, the server runs."""

    def __init__(self, path: Path, copies: Path, settings: Mapping[str, str]) -> None:
        self._home = open_home(path, server_account())
        self._copies = copies
        self._settings = settings
        with _told_as_unavailable():
            self._clients = FileLock(self._home.clients_lock)

    def start(self, timeout_seconds: float) -> None:
        """Take hold, and start the server unless it runs.

        Raises:
            Unavailable: it does not start, or not in time.
            SettingInvalid: its data are of another version than the installed programs.
        """
        with _told_as_unavailable(), closing(FileLock(self._home.start_lock)) as lock:
            _retry(lambda: self._try_start(lock, timeout_seconds), timeout_seconds, self._home)

    def close(self) -> None:
        """Let go. If the supervisor died meanwhile, another sees to it that the server stops."""
        self._clients.close()
        # As far as that can be done: whoever lets go has no use for an error.
        with (
            suppress(OSError, JobForgeError),
            closing(FileLock(self._home.start_lock)) as lock,
        ):
            if lock.try_lock("exclusive") and not self._has_supervisor() and self._answers():
                self._supervise(timeout_seconds=_POLL_SECONDS)

    def credentials(self) -> Credentials:
        """The roles' passwords.

        Raises:
            Unavailable: their file is missing or damaged.
        """
        return Credentials.read(self._home.credentials)

    @property
    def socket_folder(self) -> Path:
        """Where the server listens."""
        return self._home.socket_folder

    def wait_until_stopped(self) -> None:
        """Wait until the server and its supervisor are gone.

        A server that is shutting down has stopped to answer long before its last process ends.
        Those are waited for, too, but not for ever: a backend whose server was killed may be busy.
        """
        while self._has_supervisor() or self._answers():
            time.sleep(_POLL_SECONDS)
        deadline = time.monotonic() + _LAST_PROCESSES_SECONDS
        while has_processes(self._home) and time.monotonic() < deadline:
            time.sleep(_POLL_SECONDS)

    def _try_start(self, lock: FileLock, timeout_seconds: float) -> bool:
        """One attempt; False where somebody else is at it and a later one will tell."""
        if not lock.try_lock("exclusive"):
            return False
        try:
            if not self._clients.try_lock("shared"):
                return False
            if self._has_supervisor():
                # It may need the start lock to bring the server back: so let go of that.
                return self._answers()
            if not self._home.cluster.exists():
                is_durable = self._settings.get("fsync") != "off"
                create_cluster(self._home, self._binaries(), is_durable=is_durable)
            return self._supervise(timeout_seconds)
        finally:
            lock.unlock()

    def _supervise(self, timeout_seconds: float) -> bool:
        binaries = self._binaries()
        _check_version(self._home, binaries)
        specification = Specification(self._home.root, binaries.root, self._settings)
        report = _start_supervisor(specification, self._home, timeout_seconds)
        if report not in (READY, BUSY, None):
            words = report or "the database's supervisor died"
            raise Unavailable(words, hint=f"See {self._home.log}.")
        return report == READY

    def _binaries(self) -> Binaries:
        return find_binaries(self._home.account, self._copies)

    def _has_supervisor(self) -> bool:
        with closing(FileLock(self._home.supervisor_lock)) as lock:
            return not lock.try_lock("exclusive")

    def _answers(self) -> bool:
        return postmaster_of(self._home.socket) is not None


@contextmanager
def _told_as_unavailable() -> Iterator[None]:
    """A full or read-only disk, a file system without locks: say what, and where."""
    try:
        yield
    except OSError as error:
        where = f" ({error.filename})" if error.filename else ""
        raise Unavailable(f"the database cannot start: {error.strerror}{where}") from error


def _retry(attempt: Callable[[], bool], timeout_seconds: float, home: Home) -> None:
    deadline = time.monotonic() + timeout_seconds
    while not attempt():
        if time.monotonic() > deadline:
            raise Unavailable(
                f"the database server was not ready within {timeout_seconds:g} s",
                hint=f"See {home.log}; trying again may help.",
            )
        time.sleep(_POLL_SECONDS)


def _start_supervisor(
    specification: Specification, home: Home, timeout_seconds: float
) -> str | None:
    """Start one and wait for its report; None if that takes too long."""
    module = "jobforge.adapters.embedded.supervisor"
    command = [sys.executable, "-P", "-m", module, specification.to_argument()]
    with (
        open_log(home) as log,
        subprocess.Popen(  # noqa: S603 (this very interpreter, a module of ours)
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            cwd="/",
            # Its own environment: nothing secret of the starter's lives on in it.
            env={"PATH": "/usr/bin:/bin", "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        ) as starter,
    ):
        return _read_report(starter, timeout_seconds)


def _read_report(starter: subprocess.Popen[bytes], timeout_seconds: float) -> str | None:
    assert starter.stdout is not None  # noqa: S101 (it was opened with a pipe)
    deadline = time.monotonic() + timeout_seconds
    report = b""
    while True:
        left = max(0.0, deadline - time.monotonic())
        if not select.select([starter.stdout], [], [], left)[0]:
            return None
        chunk = os.read(starter.stdout.fileno(), _REPORT_BYTES)
        if not chunk:
            return report.decode(errors="replace")
        report += chunk


def _check_version(home: Home, binaries: Binaries) -> None:
    of_data = int((home.cluster / "PG_VERSION").read_text(encoding="ascii"))
    of_programs = binaries.major_version(home.account)
    if of_data != of_programs:
        raise SettingInvalid(
            f"{home.cluster} is of PostgreSQL {of_data}, the installed programs are of "
            f"{of_programs}",
            hint="Install the earlier JobForge, export with pg_dump, and import here.",
        )
