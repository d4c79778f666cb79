from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest

from jobforge.adapters.runtime.scratch import KEPT, ScratchFolders
from jobforge.core.context import JobIdentity

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def job(number: int, tenant: int = 1) -> JobIdentity:
    return JobIdentity(
        tenant_id=UUID(int=tenant),
        tenant_slug="acme",
        project_id=None,
        job_id=UUID(int=number),
        trace_id="t",
    )


def test_a_job_finds_what_it_left_and_nobody_elses(tmp_path: Path) -> None:
    folders = ScratchFolders(tmp_path)
    (folders.open(job(1), NOW) / "notes").write_text("here")

    assert (folders.open(job(1), NOW) / "notes").read_text() == "here"
    assert list(folders.open(job(2), NOW).iterdir()) == []
    assert list(folders.open(job(1, tenant=2), NOW).iterdir()) == []


def test_only_this_user_sees_into_it(tmp_path: Path) -> None:
    assert ScratchFolders(tmp_path).open(job(1), NOW).stat().st_mode & 0o777 == 0o700


def test_a_removed_folder_is_gone_with_all_in_it(tmp_path: Path) -> None:
    folders = ScratchFolders(tmp_path)
    (folders.open(job(1), NOW) / "deep" / "er").mkdir(parents=True)

    folders.remove(job(1))
    folders.remove(job(1))

    assert list(folders.open(job(1), NOW).iterdir()) == []


@pytest.mark.parametrize(("age", "is_kept"), [(KEPT, True), (KEPT + timedelta(seconds=1), False)])
def test_what_nobody_came_back_for_is_cleared(
    tmp_path: Path, age: timedelta, is_kept: bool
) -> None:
    folders = ScratchFolders(tmp_path)
    left = folders.open(job(1), NOW - age)
    (left / "notes").write_text("old")
    os.utime(left, ((NOW - age).timestamp(), (NOW - age).timestamp()))

    folders.open(job(2), NOW)

    assert left.exists() is is_kept
