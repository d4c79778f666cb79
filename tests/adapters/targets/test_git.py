from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.adapters.targets.git_server import git, make_repository, serve

from jobforge.adapters.http.address_guard import AddressGuard
from jobforge.adapters.targets.git import GitRepositories
from jobforge.core.egress import EgressPolicy
from jobforge.core.errors import (
    ConnectionMissing,
    DatasetMissing,
    EgressDenied,
    PathDenied,
    PlanStale,
    TargetUnavailable,
)
from jobforge.core.targets import CommitDraft

AT = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)
FILES = {"deploy/web.yaml": b"replicas: 2\n", "keep.txt": b"kept\n"}


def repositories(
    root: Path, urls: dict[str, str] | None = None, *, allow: str = "127.0.0.1"
) -> GitRepositories:
    async def find(name: str) -> dict[str, Any]:
        if name not in (urls or {}):
            raise ConnectionMissing(f"there is no connection {name}")
        return {"url": (urls or {})[name]}

    return GitRepositories(root, AddressGuard(EgressPolicy.parse(allow)), find)


def draft(parent: str, content: bytes = b"replicas: 3\n") -> CommitDraft:
    files = (("deploy/web.yaml", content),)
    return CommitDraft(parent=parent, files=files, message="more\n\nFor: x\n", at=AT)


async def test_a_commit_replaces_a_file_and_a_branch_moves_to_it(tmp_path: Path) -> None:
    first = make_repository(tmp_path / "shop", FILES)
    repository = repositories(tmp_path)

    predicted = await repository.tree_with("shop", first, {"deploy/web.yaml": b"replicas: 3\n"})
    commit = await repository.commit("shop", draft(first))
    await repository.move("shop", "change", old=None, new=commit)

    found = await repository.describe("shop", commit)
    assert (found.tree, found.parents) == (predicted, (first,))
    assert found.message == "more\n\nFor: x"
    assert await repository.find("shop", "change") == commit
    assert await repository.read("shop", commit, "deploy/web.yaml") == b"replicas: 3\n"
    assert await repository.read("shop", commit, "keep.txt") == b"kept\n"
    assert git(tmp_path / "shop", "status", "--porcelain") == ""
    author = git(tmp_path / "shop", "log", "-1", "--format=%an %at", "change")
    assert author == "JobForge 1768478400"


async def test_predicting_a_tree_writes_nothing(tmp_path: Path) -> None:
    first = make_repository(tmp_path / "shop", FILES)
    before = sorted(path for path in (tmp_path / "shop").rglob("*"))

    await repositories(tmp_path).tree_with("shop", first, {"deploy/web.yaml": b"replicas: 9\n"})

    assert sorted(path for path in (tmp_path / "shop").rglob("*")) == before


async def test_a_branch_that_is_elsewhere_does_not_move(tmp_path: Path) -> None:
    first = make_repository(tmp_path / "shop", FILES)
    repository = repositories(tmp_path)
    commit = await repository.commit("shop", draft(first))
    other = await repository.commit("shop", draft(first, b"replicas: 4\n"))
    await repository.move("shop", "change", old=None, new=other)

    with pytest.raises(PlanStale, match="change changed"):
        await repository.move("shop", "change", old=None, new=commit)
    with pytest.raises(PlanStale):
        await repository.move("shop", "change", old=first, new=commit)
    await repository.move("shop", "change", old=other, new=None)

    assert await repository.find("shop", "change") is None


async def test_a_branch_that_is_checked_out_is_refused(tmp_path: Path) -> None:
    first = make_repository(tmp_path / "shop", FILES)
    repository = repositories(tmp_path)
    commit = await repository.commit("shop", draft(first))
    git(tmp_path / "shop", "worktree", "add", "--quiet", "../side", "-b", "side")

    for branch in ("main", "side"):
        with pytest.raises(PathDenied, match="checked out"):
            await repository.move("shop", branch, old=first, new=commit)


async def test_a_lock_left_by_a_killed_process_is_cleared_and_a_fresh_one_is_not(
    tmp_path: Path,
) -> None:
    first = make_repository(tmp_path / "shop", FILES)
    repository = repositories(tmp_path)
    commit = await repository.commit("shop", draft(first))
    lock = tmp_path / "shop/.git/refs/heads/change.lock"
    lock.touch()

    with pytest.raises(TargetUnavailable):
        await repository.move("shop", "change", old=None, new=commit)
    old = (datetime.now(UTC) - timedelta(minutes=5)).timestamp()  # noqa: TID251 (a file's own time)
    os.utime(lock, (old, old))
    await repository.move("shop", "change", old=None, new=commit)

    assert await repository.find("shop", "change") == commit


async def test_hooks_do_not_run(tmp_path: Path) -> None:
    first = make_repository(tmp_path / "shop", FILES)
    for name in ("reference-transaction", "pre-commit", "post-update"):
        hook = tmp_path / "shop/.git/hooks" / name
        hook.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n")
        hook.chmod(0o755)
    repository = repositories(tmp_path)

    commit = await repository.commit("shop", draft(first))
    await repository.move("shop", "change", old=None, new=commit)

    assert not (tmp_path / "ran").exists()


def _set_up(key: str, value: str) -> Callable[[Path], None]:
    def spoil(folder: Path) -> None:
        git(folder, "config", key, value)

    return spoil


def _borrow(folder: Path) -> None:
    (folder / ".git/objects/info/alternates").write_text("/elsewhere\n")


def _link_refs(folder: Path) -> None:
    (folder / ".git/refs/heads/out").symlink_to("/etc/hostname")


def _link_head(folder: Path) -> None:
    target = folder / ".git/real-head"
    (folder / ".git/HEAD").rename(target)
    (folder / ".git/HEAD").symlink_to(target)


@pytest.mark.parametrize(
    "spoil",
    [
        _set_up("core.sshCommand", "touch x"),
        _set_up("core.fsmonitor", "/elsewhere/x"),
        _set_up("filter.x.clean", "/elsewhere/x"),
        _set_up("include.path", "/elsewhere/x"),
        _set_up("remote.origin.uploadpack", "/elsewhere/x"),
        _set_up("url.ext::sh.insteadOf", "https://"),
        _borrow,
        _link_refs,
        _link_head,
    ],
)
async def test_a_repository_that_could_run_or_read_something_else_is_refused(
    tmp_path: Path, spoil: Callable[[Path], None]
) -> None:
    make_repository(tmp_path / "shop", FILES)
    spoil(tmp_path / "shop")

    with pytest.raises(PathDenied):
        await repositories(tmp_path).find("shop", "main")


async def test_a_repository_outside_the_folder_is_refused(tmp_path: Path) -> None:
    make_repository(tmp_path / "other/shop", FILES)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/link").symlink_to(tmp_path / "other/shop")
    repository = repositories(tmp_path / "mine")

    for name in ("../other/shop", "link", str(tmp_path / "other/shop")):
        with pytest.raises(PathDenied):
            await repository.find(name, "main")
    with pytest.raises(DatasetMissing):
        await repository.find("absent", "main")


async def test_links_and_missing_files_are_not_read(tmp_path: Path) -> None:
    make_repository(tmp_path / "shop", FILES)
    (tmp_path / "shop/link.yaml").symlink_to("/etc/passwd")
    git(tmp_path / "shop", "add", ".")
    git(tmp_path / "shop", "commit", "--quiet", "-m", "link")
    commit = git(tmp_path / "shop", "rev-parse", "HEAD")
    repository = repositories(tmp_path)

    with pytest.raises(PathDenied):
        await repository.read("shop", commit, "link.yaml")
    with pytest.raises(DatasetMissing):
        await repository.read("shop", commit, "absent.yaml")


@pytest.fixture
def pushed(tmp_path: Path) -> tuple[Path, str]:
    first = make_repository(tmp_path / "tenant/shop", FILES)
    git(tmp_path, "clone", "--quiet", "--bare", "tenant/shop", "remotes/shop.git")
    git(tmp_path / "remotes/shop.git", "config", "http.receivepack", "true")
    return tmp_path, first


async def test_a_push_moves_the_remotes_branch_with_a_lease(pushed: tuple[Path, str]) -> None:
    root, first = pushed
    with serve(root / "remotes") as (url, seen):
        place = url.replace("//", "//ann:to%6ben@")
        repository = repositories(root / "tenant", {"origin": f"{place}/shop.git"})
        commit = await repository.commit("shop", draft(first))
        await repository.push("shop", "origin", "change", old=None, new=commit)

        assert await repository.find_remote("shop", "origin", "change") == commit
        assert git(root / "remotes/shop.git", "rev-parse", "change") == commit
        assert seen[-1] == "Basic YW5uOnRva2Vu"
        with pytest.raises(PlanStale):
            await repository.push("shop", "origin", "main", old=None, new=commit)
        await repository.push("shop", "origin", "change", old=commit, new=None)
        assert await repository.find_remote("shop", "origin", "change") is None


async def test_a_push_goes_through_the_egress_check_and_says_who_is_away(
    pushed: tuple[Path, str],
) -> None:
    root, first = pushed
    denied = repositories(root / "tenant", {"origin": "http://127.0.0.1:9/shop.git"}, allow="")
    away = repositories(root / "tenant", {"origin": "http://127.0.0.1:9/shop.git"})

    with pytest.raises(EgressDenied):
        await denied.push("shop", "origin", "change", old=None, new=first)
    with pytest.raises(TargetUnavailable):
        await away.find_remote("shop", "origin", "change")
    with pytest.raises(ConnectionMissing):
        await away.find_remote("shop", "absent", "change")
