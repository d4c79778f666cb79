"""The process that keeps an embedded server running while it has clients, and then stops it.

Run as `python -m jobforge.adapters.embedded.supervisor SPECIFICATION`. It leaves its starter's
session, so that neither a Ctrl-C nor the starter's end takes the database from the other clients.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Self

from jobforge.adapters.embedded.account import server_account
from jobforge.adapters.embedded.binaries import Binaries
from jobforge.adapters.embedded.home import Home
from jobforge.adapters.embedded.locks import FileLock
from jobforge.adapters.embedded.postmaster import Postmaster, StartFailed, start
from jobforge.contract.errors import JobForgeError

READY = "ready"
BUSY = "busy"
_YIELD_SECONDS = 0.05
_IDLE, _TERMINATE = b"i", b"t"


@dataclass(frozen=True, slots=True)
class Specification:
    """What to supervise."""

    home: Path
    binaries: Path
    settings: Mapping[str, str]

    def to_argument(self) -> str:
        """As one word of a command line."""
        paths = {"home": str(self.home), "binaries": str(self.binaries)}
        return json.dumps({**paths, "settings": dict(self.settings)})

    @classmethod
    def from_argument(cls, word: str) -> Self:
        """Read it back."""
        fields = json.loads(word)
        return cls(Path(fields["home"]), Path(fields["binaries"]), fields["settings"])


class ClientWatch:
    """Waits in a thread of its own until no client holds the lock, then writes to a pipe."""

    def __init__(self, lock: FileLock, pipe: int) -> None:
        self._lock = lock
        self._pipe = pipe
        self.renew()

    def renew(self) -> None:
        """Let clients in again, and wait for the last of them to leave."""
        self._lock.unlock()
        threading.Thread(target=self._wait, daemon=True).start()

    def _wait(self) -> None:
        self._lock.wait("exclusive")
        os.write(self._pipe, _IDLE)


class Supervisor:
    """Owns the server from its first answer to its end."""

    def __init__(self, specification: Specification) -> None:
        self._specification = specification
        self._home = Home(specification.home, server_account())
        self._start_lock = FileLock(self._home.start_lock)
        self._events, self._pipe = os.pipe()

    def run(self) -> None:
        """Start the server, tell the starter, and stay until nobody needs it."""
        lock = FileLock(self._home.supervisor_lock)
        if not lock.try_lock("exclusive"):
            _report(BUSY)
            return
        signal.signal(signal.SIGTERM, self._on_terminate)
        try:
            postmaster = self._start()
        except (StartFailed, JobForgeError) as error:
            _report(f"the database server did not start: {error}")
            return
        _report(READY)
        self._supervise(postmaster)

    def _supervise(self, postmaster: Postmaster) -> None:
        clients = ClientWatch(FileLock(self._home.clients_lock), self._pipe)
        running: Postmaster | None = postmaster
        while running is not None:
            if running.wait_for_death(None, wake=self._events):
                running.close()
                running = self._restart()
            elif self._may_stop(clients):
                running.stop()
                running = None
        with contextlib.suppress(OSError):
            self._home.socket_folder.rmdir()

    def _may_stop(self, clients: ClientWatch) -> bool:
        """Whether to stop; from then on the start lock is held, until this process is gone."""
        event = os.read(self._events, 1)
        if event == _TERMINATE or self._start_lock.try_lock("exclusive"):
            return True
        # Somebody is starting: he will hold the clients' lock in a moment, so let him.
        clients.renew()
        time.sleep(_YIELD_SECONDS)
        return False

    def _restart(self) -> Postmaster | None:
        """Start the server again after it died, unless there is nobody to need it."""
        self._start_lock.wait("exclusive")
        if self._has_event():
            return None
        _note("the server died; starting it again")
        try:
            return self._start()
        except (StartFailed, JobForgeError) as error:
            _note(f"the server did not start again: {error}")
            return None
        finally:
            self._start_lock.unlock()

    def _start(self) -> Postmaster:
        binaries = Binaries(self._specification.binaries)
        return start(self._home, binaries, self._specification.settings)

    def _has_event(self) -> bool:
        os.set_blocking(self._events, False)
        try:
            return bool(os.read(self._events, 1))
        except BlockingIOError:
            return False
        finally:
            os.set_blocking(self._events, True)

    def _on_terminate(self, _number: int, _frame: FrameType | None) -> None:
        os.write(self._pipe, _TERMINATE)


def main() -> None:
    """Leave the starter's process tree, then supervise."""
    if os.fork() > 0:
        os._exit(0)
    os.setsid()
    Supervisor(Specification.from_argument(sys.argv[1])).run()


def _report(words: str) -> None:
    """Tell the starter, who may be gone, and close the line: he reads until its end."""
    with contextlib.suppress(BrokenPipeError):
        os.write(sys.stdout.fileno(), words.encode())
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


def _note(words: str) -> None:
    sys.stderr.write(f"jobforge supervisor: {words}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    main()
