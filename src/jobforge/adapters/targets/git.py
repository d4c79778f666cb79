"""Commits, branches and pushes of repositories below the tenant's folder."""

from __future__ import annotations

import base64
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import SplitResult, unquote, urlsplit

from jobforge.adapters.http.address_guard import AddressGuard
from jobforge.adapters.http.transport import to_host
from jobforge.adapters.targets.git_command import GitFailed, GitRepository, open_repository
from jobforge.core.errors import (
    DatasetMissing,
    PathDenied,
    PlanStale,
    SettingInvalid,
    SourceMalformed,
    TargetUnavailable,
)
from jobforge.core.targets import CommitDraft, GitCommit

Answer = TypeVar("Answer")
FindConnection = Callable[[str], Awaitable[Mapping[str, Any]]]

MAX_FILE_BYTES = 4 * 2**20
COMMAND_TIMEOUT = timedelta(seconds=120)
STALE_LOCK = timedelta(seconds=60)
"""A ref's lock is held for milliseconds; one that old was left by a process that was killed."""

_HEADS = "refs/heads/"
_NOBODY = "0" * 40
_PORTS = {"https": 443, "http": 80}
_NAME, _EMAIL = "JobForge", "jobforge@localhost"


class GitRepositories:
    """Implements `core.targets.Repositories` with the git program."""

    def __init__(
        self,
        root: Path,
        guard: AddressGuard,
        find_connection: FindConnection,
        *,
        stale_lock: timedelta = STALE_LOCK,
    ) -> None:
        self._root = root
        self._guard = guard
        self._find_connection = find_connection
        self._stale_lock = stale_lock
        self._opened: dict[str, GitRepository] = {}

    async def find(self, repository: str, branch: str) -> str | None:
        """The commit a branch is at; `HEAD` is the current one."""
        opened = await self._open(repository)
        name = branch if branch == "HEAD" else _HEADS + branch
        try:
            return await opened.text("rev-parse", "--verify", "--quiet", f"{name}^{{commit}}")
        except GitFailed:
            return None

    async def describe(self, repository: str, commit: str) -> GitCommit:
        """What a commit holds."""
        opened = await self._open(repository)
        text = await _tried(opened.text("cat-file", "commit", commit), repository)
        head, _, message = text.partition("\n\n")
        fields = [line.partition(" ") for line in head.splitlines()]
        return GitCommit(
            tree=next(value for key, _, value in fields if key == "tree"),
            parents=tuple(value for key, _, value in fields if key == "parent"),
            message=message,
        )

    async def read(self, repository: str, commit: str, path: str) -> bytes:
        """A file's bytes in a commit."""
        opened = await self._open(repository)
        _, blob = await _entry(opened, repository, commit, path)
        size = int(await _tried(opened.text("cat-file", "-s", blob), repository))
        if size > MAX_FILE_BYTES:
            raise SourceMalformed(f"{path} has {size:,} bytes, over {MAX_FILE_BYTES:,}")
        return await _tried(opened.run("cat-file", "blob", blob), repository)

    async def tree_with(self, repository: str, parent: str, files: Mapping[str, bytes]) -> str:
        """The tree that a commit with these files would have; nothing is written."""
        opened = await self._open(repository)
        with opened.scratch(keeps_objects=False) as scratch:
            return await _write_tree(scratch, repository, parent, files)

    async def commit(self, repository: str, draft: CommitDraft) -> str:
        """Make the commit; no branch moves, so nobody sees it yet."""
        opened = await self._open(repository)
        with opened.scratch(keeps_objects=True) as scratch:
            tree = await _write_tree(scratch, repository, draft.parent, dict(draft.files))
        at = f"{int(draft.at.timestamp())} +0000"
        signed = {"user.name": _NAME, "user.email": _EMAIL}
        author = opened.with_settings(signed)
        dated = GitRepository(
            author.place, author.is_bare, author.timeout, signed,
            {"GIT_AUTHOR_DATE": at, "GIT_COMMITTER_DATE": at},
        )  # fmt: skip
        words = ("commit-tree", "--no-gpg-sign", "-p", draft.parent, "-F", "-", tree)
        return await _tried(dated.text(*words, stdin=draft.message.encode()), repository)

    async def move(self, repository: str, branch: str, *, old: str | None, new: str | None) -> None:
        """Move a branch if it still is at `old` (None: not there); to None deletes it."""
        opened = await self._open(repository)
        _refuse_checked_out(opened, repository, branch)
        self._clear_stale_locks(opened, branch)
        name = _HEADS + branch
        words = ("-d", name, old or _NOBODY) if new is None else (name, new, old or _NOBODY)
        try:
            await opened.run("update-ref", "-m", "jobforge", *words)
        except GitFailed as failure:
            found = await self.find(repository, branch)
            if found == new:
                return
            if found == old:
                raise TargetUnavailable(f"{repository}: {failure.said}") from None
            raise PlanStale(f"{repository} {branch} changed: {old} -> {found}") from None

    async def find_remote(self, repository: str, connection: str, branch: str) -> str | None:
        """The commit that the remote's branch is at."""
        remote, url = await self._remote(repository, connection)
        try:
            listed = await remote.text("ls-remote", "--quiet", url, _HEADS + branch)
        except GitFailed as failure:
            raise TargetUnavailable(f"{connection}: {failure.said}") from None
        return listed.partition("\t")[0] or None

    async def push(
        self, repository: str, connection: str, branch: str, *, old: str | None, new: str | None
    ) -> None:
        """Move the remote's branch, if it still is at `old`; to None deletes it."""
        remote, url = await self._remote(repository, connection)
        name = _HEADS + branch
        lease = f"--force-with-lease={name}:{old or ''}"
        words = ("push", "--quiet", "--no-verify", "--no-signed", "--atomic", lease, url)
        try:
            await remote.run(*words, f"{new or ''}:{name}")
        except GitFailed as failure:
            found = await self.find_remote(repository, connection, branch)
            if found == new:
                return
            if found != old or "rejected" in failure.said:
                raise PlanStale(
                    f"{connection} {branch}: {old} -> {found}; {failure.said}"
                ) from None
            raise TargetUnavailable(f"{connection}: {failure.said}") from None

    async def _open(self, repository: str) -> GitRepository:
        """The repository, looked at once for this job."""
        if repository not in self._opened:
            self._opened[repository] = await open_repository(
                self._root, repository, COMMAND_TIMEOUT
            )
        return self._opened[repository]

    async def _remote(self, repository: str, connection: str) -> tuple[GitRepository, str]:
        """The repository set up for the remote's address, as it was checked, and its URL."""
        opened = await self._open(repository)
        url = _parse(connection, await self._find_connection(connection))
        assert url.hostname is not None  # noqa: S101 (checked in _parse)
        port = url.port or _PORTS[url.scheme]
        addresses = await self._guard.admit(url.hostname, port)
        settings = {}
        if not _is_address(url.hostname):
            pinned = ",".join(to_host(address) for address in addresses)
            settings["http.curloptResolve"] = f"{url.hostname}:{port}:{pinned}"
        if url.username:
            pair = f"{unquote(url.username)}:{unquote(url.password or '')}".encode()
            header = f"Authorization: Basic {base64.b64encode(pair).decode()}"
            settings["http.extraHeader"] = header
        place = url.netloc.rpartition("@")[2]
        return opened.with_settings(settings), f"{url.scheme}://{place}{url.path}"

    def _clear_stale_locks(self, opened: GitRepository, branch: str) -> None:
        for name in (f"{_HEADS}{branch}.lock", "packed-refs.lock"):
            lock = opened.place / name
            with suppress(FileNotFoundError):
                age = time.time() - lock.stat().st_mtime  # noqa: TID251 (against a file's own time)
                if age >= self._stale_lock.total_seconds():
                    lock.unlink()


def _parse(connection: str, settings: Mapping[str, Any]) -> SplitResult:
    try:
        url = urlsplit(str(settings.get("url", "")))
        is_usable = url.scheme in _PORTS and url.hostname and (url.port is None or url.port > 0)
    except ValueError:
        is_usable = False
        url = urlsplit("")
    if not is_usable:
        raise SettingInvalid(
            f"the connection {connection} needs a url like https://user:token@host/repository.git"
        )
    return url


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


async def _tried(work: Awaitable[Answer], repository: str) -> Answer:
    try:
        return await work
    except GitFailed as failure:
        raise SourceMalformed(f"{repository}: {failure.said}") from None


async def _entry(opened: GitRepository, repository: str, commit: str, path: str) -> tuple[str, str]:
    """The mode and blob of a regular file in a commit."""
    listed = await _tried(
        opened.text("--literal-pathspecs", "ls-tree", "-z", "--full-tree", commit, path), repository
    )
    head, _, found = listed.rstrip("\0").partition("\t")
    if found != path:
        raise DatasetMissing(f"{repository} has no file {path} at {commit[:12]}")
    mode, kind, blob = head.split(" ")
    if kind != "blob" or mode not in {"100644", "100755"}:
        raise PathDenied(f"{path} of {repository} is no regular file")
    return mode, blob


async def _write_tree(
    scratch: GitRepository, repository: str, parent: str, files: Mapping[str, bytes]
) -> str:
    await _tried(scratch.run("read-tree", parent), repository)
    lines = []
    for path, content in files.items():
        mode, _ = await _entry(scratch, repository, parent, path)
        blob = await _tried(
            scratch.text("hash-object", "-w", "--no-filters", "--stdin", stdin=content), repository
        )
        lines.append(f"{mode} {blob}\t{path}\0")
    await _tried(
        scratch.run("update-index", "-z", "--index-info", stdin="".join(lines).encode()), repository
    )
    return await _tried(scratch.text("write-tree"), repository)


def _refuse_checked_out(opened: GitRepository, repository: str, branch: str) -> None:
    heads = [] if opened.is_bare else [opened.place / "HEAD"]
    heads += sorted((opened.place / "worktrees").glob("*/HEAD"))
    for head in heads:
        if head.read_text().strip() == f"ref: {_HEADS}{branch}":
            raise PathDenied(
                f"{branch} is checked out in {repository}; its files would no longer match",
                hint="change a branch of its own and merge it",
            )
