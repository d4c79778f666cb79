"""Makes a new cluster: complete, with its roles and passwords, or not at all."""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

from jobforge.adapters.embedded.account import Account
from jobforge.adapters.embedded.binaries import Binaries, server_environment
from jobforge.adapters.embedded.home import Home, seen_by_server
from jobforge.adapters.embedded.names import APP, DATABASE, OWNER, SUPERUSER
from jobforge.core.errors import Unavailable

_BIRTH_PREFIX = ".birth-"
_PASSWORD_BYTES = 32
_TIMEOUT_SECONDS = 300

# Sorted and folded alike on every system, whatever locales it has. Source: PostgreSQL 18, "Locale
# Support", the builtin provider.
_INITDB_OPTIONS = (
    "--encoding=UTF8",
    "--locale=C",
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",
    "--auth=scram-sha-256",
    "--no-instructions",
    "--no-sync",  # Written to disk once, after the roles are in it.
)


@dataclass(frozen=True, slots=True)
class Credentials:
    """A random password for each role."""

    superuser: str
    owner: str
    app: str

    @classmethod
    def random(cls) -> Self:
        """New ones."""
        return cls(*(secrets.token_urlsafe(_PASSWORD_BYTES) for _ in range(3)))

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read them back.

        Raises:
            Unavailable: the file is missing or damaged; nobody can log in without it.
        """
        try:
            return cls(**json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            raise Unavailable(f"{path} is missing or damaged") from None

    def write(self, path: Path) -> None:
        """Write them for the caller's eyes only; the file is there whole or not at all."""
        _write_private(path.with_suffix(".new"), json.dumps(asdict(self)))
        path.with_suffix(".new").replace(path)


def create_cluster(home: Home, binaries: Binaries, *, is_durable: bool = True) -> None:
    """Make the cluster in a new folder, then give that its name.

    The caller holds the start lock. What a caller who was killed left behind is removed first.
    Unless `is_durable`, it is left to the system when it all gets to the disk.

    Raises:
        Unavailable: `initdb` failed; the message is its own.
    """
    for leftover in home.root.glob(f"{_BIRTH_PREFIX}*"):
        shutil.rmtree(leftover)
    # Named so that only its owner can have made it; root's is given away once it is complete.
    birth = Path(tempfile.mkdtemp(prefix=_BIRTH_PREFIX, dir=home.root))
    try:
        credentials = Credentials.random()
        _write_private(birth / "password", credentials.superuser)
        home.account.give(birth / "password", birth)
        with seen_by_server(home.account, birth) as ((seen,), descriptors):
            programs = Programs(home.account, binaries, descriptors)
            _fill(programs, seen, credentials)
            if is_durable:
                programs.run(binaries.initdb, "--sync-only", f"--pgdata={seen / 'cluster'}")
        credentials.write(home.credentials)
        (birth / "cluster").rename(home.cluster)
        _sync_folder(home.root)
    finally:
        shutil.rmtree(birth, ignore_errors=True)


@dataclass(frozen=True, slots=True)
class Programs:
    """Runs the installation's programs as the account."""

    account: Account
    binaries: Binaries
    descriptors: Sequence[int]

    def run(self, program: Path, *arguments: str, words: str = "") -> str:
        """Run one with `words` as its input; what it said on stderr.

        Raises:
            Unavailable: it failed.
        """
        try:
            done = subprocess.run(  # noqa: S603 (a fixed program of the wheel)
                [str(program), *arguments],
                capture_output=True,
                input=words,
                text=True,
                cwd="/",
                env=server_environment(),
                pass_fds=self.descriptors,
                timeout=_TIMEOUT_SECONDS,
                check=False,
                **self.account.popen_options(),
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise Unavailable(f"{program.name} did not run: {error}") from error
        if done.returncode != 0:
            raise Unavailable(f"{program.name} failed: {done.stderr.strip()}")
        return str(done.stderr)


def _fill(programs: Programs, birth: Path, credentials: Credentials) -> None:
    """Make the cluster, and the two roles and the database in it.

    The owner is no superuser, so that what works here also works with a server of the user's. In
    single-user mode a statement ends with its line; passwords are letters, digits, - and _.
    """
    binaries = programs.binaries
    paths = (f"--pgdata={birth / 'cluster'}", f"--pwfile={birth / 'password'}")
    programs.run(binaries.initdb, f"--username={SUPERUSER}", *paths, *_INITDB_OPTIONS)
    statements = (
        f"CREATE ROLE {OWNER} LOGIN CREATEROLE CREATEDB PASSWORD '{credentials.owner}'",
        f"CREATE ROLE {APP} LOGIN NOINHERIT PASSWORD '{credentials.app}'",
        f"GRANT {APP} TO {OWNER} WITH ADMIN TRUE, INHERIT FALSE, SET TRUE",
        f"CREATE DATABASE {DATABASE} OWNER {OWNER}",
    )
    options = ("--single", "-D", str(birth / "cluster"), "-c", "fsync=off")
    lines = "".join(f"{statement}\n" for statement in statements)
    answer = programs.run(binaries.postgres, *options, SUPERUSER, words=lines)
    # Single-user mode exits with 0 whatever its statements did.
    if re.search(r"\b(ERROR|FATAL|PANIC): ", answer):
        raise Unavailable("the new database refused its roles")


def _write_private(path: Path, text: str) -> None:
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
