"""Who the server runs as, and what he can reach."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from jobforge.adapters.embedded.account import Account, server_account, user_name

_STRANGER = Account(user_id=54_321, group_id=54_321, is_own=False)


@pytest.fixture
def file() -> Iterator[Path]:
    """A file that is everybody's, in a folder below ones that everybody may enter."""
    with tempfile.TemporaryDirectory(dir="/tmp") as name:
        program = Path(name) / "folder" / "program"
        program.parent.mkdir(mode=0o755)
        program.parent.parent.chmod(0o755)
        program.write_text("")
        yield program


def test_a_stranger_reaches_what_everybody_may_enter_and_read(file: Path) -> None:
    file.parent.chmod(0o711)
    file.chmod(0o644)

    assert _STRANGER.reaches(file)
    assert _STRANGER.reads([file])


@pytest.mark.parametrize("mode", [0o700, 0o750, 0o754])
def test_a_stranger_does_not_reach_below_a_folder_he_may_not_enter(file: Path, mode: int) -> None:
    file.parent.chmod(mode)

    assert not _STRANGER.reaches(file)
    assert not _STRANGER.reads([file])


def test_a_file_within_reach_may_still_be_unreadable(file: Path) -> None:
    file.parent.chmod(0o755)
    file.chmod(0o640)

    assert _STRANGER.reaches(file)
    assert not _STRANGER.reads([file])


def test_the_owner_is_judged_by_the_owners_rights_alone(file: Path) -> None:
    owner = Account(file.stat().st_uid, file.stat().st_gid, is_own=False)
    file.parent.chmod(0o077)
    inside = owner.reaches(file.parent)
    file.parent.chmod(0o755)

    assert not inside


def test_the_group_counts_before_everybody_else(file: Path) -> None:
    member = Account(user_id=54_321, group_id=file.stat().st_gid, is_own=False)
    file.parent.chmod(0o705)

    assert not member.reaches(file)


def test_a_link_is_followed_to_where_it_leads(file: Path) -> None:
    open_folder = file.parent / "open"
    open_folder.mkdir(mode=0o755)
    file.parent.chmod(0o700)
    link = file.parent.with_name("link")
    link.symlink_to(open_folder)

    assert not _STRANGER.reaches(link)


def test_the_server_runs_as_the_caller_or_for_root_as_nobody() -> None:
    account = server_account()

    if os.geteuid() == 0:
        assert (user_name(account.user_id), account.is_own) == ("nobody", False)
        assert account.popen_options()["user"] == account.user_id
    else:
        assert (account.user_id, account.is_own) == (os.geteuid(), True)
        assert account.popen_options() == {}


def test_a_user_without_a_name_goes_by_his_number() -> None:
    assert user_name(54_321) == "user 54321"
