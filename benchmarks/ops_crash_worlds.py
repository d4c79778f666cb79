"""What `ops_apply_crash` changes: files, git branches, and targets that cannot be undone exactly.

A world lies in a folder and is opened anew by each process, so a kill leaves what a kill leaves.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any, Protocol

from typing_extensions import override

from jobforge.adapters.http.address_guard import AddressGuard
from jobforge.adapters.targets.git import GitRepositories
from jobforge.adapters.targets.git_command import GitRepository
from jobforge.adapters.targets.workspace import TenantWorkspace
from jobforge.contract.canonical import checksum_of
from jobforge.core.effects import PlannedEffect
from jobforge.core.egress import EgressPolicy
from jobforge.core.errors import ConnectionMissing, TargetUnavailable
from jobforge.core.targets import JournalEntry, JournalState
from jobforge.testing.context import MemoryContext

Json = dict[str, Any]
GIT = shutil.which("git") or "git"
BRANCH = "jobforge/change"
AT = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)


@dataclass
class Faults:
    """At one operation the process is killed before or after it, or the operation fails."""

    kill_before: int = -1
    kill_after: int = -1
    fail_at: int = -1
    count: int = 0

    def before(self) -> None:
        """Called before an operation."""
        if self.count == self.kill_before:
            os.kill(os.getpid(), signal.SIGKILL)
        if self.count == self.fail_at:
            self.count += 1
            raise TargetUnavailable("it fails")

    def after(self) -> None:
        """Called after an operation."""
        if self.count == self.kill_after:
            os.kill(os.getpid(), signal.SIGKILL)
        self.count += 1


class Faulty:
    """Any part of a context, whose every method may be the one that kills or fails."""

    def __init__(self, inner: object, faults: Faults) -> None:
        self._inner = inner
        self._faults = faults

    def __getattr__(self, name: str) -> Callable[..., Awaitable[Any]]:
        method = getattr(self._inner, name)

        async def call(*args: object, **named: object) -> Any:  # noqa: ANN401 (the method's own)
            self._faults.before()
            answer = await method(*args, **named)
            self._faults.after()
            return answer

        return call


@dataclass
class FileJournal:
    """The journal as lines of a file, each on the disk before `write` returns."""

    path: Path

    async def entries(self) -> tuple[JournalEntry, ...]:
        """Every line, oldest first."""
        if not self.path.exists():
            return ()
        lines = self.path.read_text().splitlines()
        return tuple(JournalEntry.model_validate_json(line) for line in lines)

    async def write(self, step: int | None, state: JournalState, note: str = "") -> None:
        """Add a line."""
        entry = JournalEntry(step=step, state=state, note=note, attempt=1, at=AT)
        descriptor = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        os.write(descriptor, (entry.model_dump_json() + "\n").encode())
        os.fsync(descriptor)
        os.close(descriptor)


class World(Protocol):
    """One schedule's targets."""

    folder: Path

    def changes(self, random: Random) -> list[Json]:
        """What the schedule changes."""
        ...

    def context(self, faults: Faults) -> MemoryContext:
        """The targets as a process sees them."""
        ...

    def edit(self, random: Random) -> None:
        """Somebody else changes a target."""
        ...

    def judge(
        self, effects: tuple[PlannedEffect, ...], ended: str, journal: tuple[JournalEntry, ...]
    ) -> str | None:
        """What is wrong at the end, where `ended` is applied, failed or needs_person."""
        ...

    @property
    def is_applied_twice(self) -> bool:
        """Whether a change was made twice."""
        ...


def _mixed(states: set[str]) -> str | None:
    return f"mixed: {sorted(states)}" if "?" in states or len(states) > 1 else None


@dataclass
class _LoggedWorkspace:
    """The real workspace, which logs each write of a target."""

    inner: TenantWorkspace
    log: Path

    async def read(self, path: str) -> bytes:
        return await self.inner.read(path)

    async def replace(self, path: str, content: bytes, *, expected_checksum: str | None) -> None:
        self._note("begin", path, content)
        await self.inner.replace(path, content, expected_checksum=expected_checksum)
        self._note("end", path, content)

    def _note(self, word: str, path: str, content: bytes) -> None:
        if not path.startswith("."):
            with self.log.open("a") as stream:
                stream.write(f"{word} {path} {checksum_of(content)}\n")


class FilesWorld:
    """One to four files of JSON, YAML and HCL."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._root = folder / "files"
        self._root.mkdir()
        self._before: dict[str, bytes] = {}
        self._edited: str | None = None
        self._planned: dict[str, str | None] = {}

    def changes(self, random: Random) -> list[Json]:
        """Set one number in each file."""
        suffixes = (".yaml", ".json", ".tf")
        changes = []
        for number in range(random.randint(1, 4)):
            name = f"{number}{random.choice(suffixes)}"
            (self._root / name).write_bytes(_content(name, number))
            way = "/resource/a/b/n" if name.endswith(".tf") else "/n"
            patch = [{"op": "replace", "path": way, "value": 2}]
            changes.append({"adapter": "file", "path": name, "patch": patch})
            self._before[name] = (self._root / name).read_bytes()
        return changes

    def context(self, faults: Faults) -> MemoryContext:
        """The real workspace."""
        logged = _LoggedWorkspace(TenantWorkspace(self._root), self.folder / "log")
        return MemoryContext(workspace=Faulty(logged, faults))  # type: ignore[arg-type]  # duck-typed

    def edit(self, random: Random) -> None:
        """Append a line to one of the files."""
        if self._edited is None:
            self._edited = random.choice(list(self._before))
            path = self._root / self._edited
            path.write_bytes(path.read_bytes() + b"\n")

    def judge(
        self,
        effects: tuple[PlannedEffect, ...],
        ended: str,
        journal: tuple[JournalEntry, ...],  # noqa: ARG002 (files need none)
    ) -> str | None:
        """All written or none, a foreign edit survives, nothing is left over."""
        states = set()
        self._planned = {effect.target: effect.after for effect in effects}
        for effect in effects:
            found = checksum_of((self._root / effect.target).read_bytes())
            if effect.target != self._edited:
                known = {effect.after: "after", effect.before: "before"}
                states.add(known.get(found, "?"))
        if self._edited and not (self._root / self._edited).read_bytes().endswith(b"\n\n"):
            return f"the foreign edit of {self._edited} is lost"
        visible = [p.name for p in self._root.iterdir() if not p.name.startswith(".")]
        if sorted(visible) != sorted(self._before):
            return f"left over: {visible}"
        if ended == "needs_person":
            return "a person is asked about files"
        return _mixed(states)

    @property
    def is_applied_twice(self) -> bool:
        """Whether a file got its planned bytes twice without being put back in between."""
        log = self.folder / "log"
        applied: dict[str, bool] = {}
        # A kill may come between a write and its note, so putting back counts from its beginning.
        for line in log.read_text().splitlines() if log.exists() else ():
            word, target, checksum = line.split(" ")
            is_after = checksum == self._planned.get(target)
            if word == "end" and is_after:
                if applied.get(target):
                    return True
                applied[target] = True
            elif word == "begin" and not is_after:
                applied[target] = False
        return False


def _content(name: str, number: int) -> bytes:
    if name.endswith(".json"):
        return f'{{"n": 1, "id": {number}}}\n'.encode()
    if name.endswith(".tf"):
        return f'resource "a" "b" {{\n  n  = 1 # keep\n  id = {number}\n}}\n'.encode()
    return f"# keep {number}\nn: 1   # here\nid: {number}\n".encode()


def run_git(folder: Path, *words: str) -> str:
    """Run git as somebody would."""
    settings = ("-c", "user.name=A", "-c", "user.email=a@b", "-c", "init.defaultBranch=main")
    done = subprocess.run(  # noqa: S603 (git, with words of ours)
        [GIT, *settings, *words],
        cwd=folder,
        env={"PATH": os.defpath, "HOME": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


class LocalGit(GitRepositories):
    """Git whose remote is a folder: what a push does to a remote is the same over any transport."""

    def __init__(self, root: Path, remote: Path) -> None:
        async def find(name: str) -> Mapping[str, Any]:
            raise ConnectionMissing(name)

        guard = AddressGuard(EgressPolicy.parse(""))
        super().__init__(root, guard, find, stale_lock=timedelta(0))
        self._remote_place = remote

    @override
    async def _remote(self, repository: str, connection: str) -> tuple[GitRepository, str]:
        opened = await self._open(repository)
        allowed = {"GIT_ALLOW_PROTOCOL": "file"}
        over = GitRepository(opened.place, opened.is_bare, opened.timeout, {}, allowed)
        return over, str(self._remote_place)


class GitWorld:
    """One to three branches of a repository whose `main` is checked out."""

    def __init__(self, folder: Path, template: Path) -> None:
        self.folder = folder
        self._root = folder / "files"
        self._repository = self._root / "shop"
        shutil.copytree(template, self._repository)
        self._edited: str | None = None
        self._branches: list[str] = []
        self._before = self._refs()

    def changes(self, random: Random) -> list[Json]:
        """A commit on each of some branches, of which some exist already."""
        for number in range(random.randint(1, 3)):
            branch = f"{BRANCH}-{number}"
            self._branches.append(branch)
            if random.random() < 0.5:  # noqa: PLR2004 (half)
                run_git(self._repository, "branch", branch)
        self._before = self._refs()
        patch = [{"op": "replace", "path": "/n", "value": 2}]
        return [
            {"adapter": "git", "repository": "shop", "branch": branch, "message": "change",
             "files": [{"path": "a.yaml", "patch": patch}]}
            for branch in self._branches
        ]  # fmt: skip

    def context(self, faults: Faults) -> MemoryContext:
        """The real repository."""
        git = Faulty(LocalGit(self._root, self.folder / "none"), faults)
        return MemoryContext(repositories=git)  # type: ignore[arg-type]  # duck-typed

    def edit(self, random: Random) -> None:
        """Commit something on one of the branches, or make it."""
        if self._edited is None:
            self._edited = random.choice(self._branches)
            tree = run_git(self._repository, "rev-parse", "main^{tree}")
            parents = ["-p", self._refs().get(self._edited, "main")]
            commit = run_git(self._repository, "commit-tree", *parents, "-m", "theirs", tree)
            run_git(self._repository, "update-ref", f"refs/heads/{self._edited}", commit)

    def _refs(self) -> dict[str, str]:
        words = ("for-each-ref", "--format=%(refname:lstrip=2) %(objectname)", "refs/heads")
        return dict(line.split(" ") for line in run_git(self._repository, *words).splitlines())

    def judge(
        self,
        effects: tuple[PlannedEffect, ...],
        ended: str,
        journal: tuple[JournalEntry, ...],  # noqa: ARG002 (branches need none)
    ) -> str | None:
        """All branches moved or none, theirs kept, and nothing else changed."""
        refs = self._refs()
        states = set()
        for effect in effects:
            branch = effect.target.partition("#")[2]
            if branch == self._edited:
                continue
            head = refs.get(branch)
            if head == self._before.get(branch):
                states.add("before")
            else:
                tree = run_git(self._repository, "rev-parse", f"{head}^{{tree}}") if head else ""
                states.add("after" if f"tree:{tree}" == effect.after else "?")
        others = {name for name in {*refs, *self._before} if name not in self._branches}
        if any(refs.get(name) != self._before.get(name) for name in others):
            return f"other branches moved: {others}"
        if self._edited and "theirs" not in run_git(self._repository, "log", "--format=%s",
                                                 self._edited):  # fmt: skip
            return f"their commit on {self._edited} is lost"
        if run_git(self._repository, "status", "--porcelain"):
            return "the working tree changed"
        return "a person is asked about git" if ended == "needs_person" else _mixed(states)

    @property
    def is_applied_twice(self) -> bool:
        """Whether a branch has our commit twice, one on the other."""
        return any(
            run_git(self._repository, "log", "--format=%s", branch).split("\n").count("change") > 1
            for branch in self._branches
            if branch in self._refs()
        )


def run_alone(work: Any) -> Any:  # noqa: ANN401 (any coroutine)
    """Run a coroutine and leave no thread behind, which a fork must not copy."""
    loop = asyncio.new_event_loop()
    try:
        answer = loop.run_until_complete(work)
        loop.run_until_complete(loop.shutdown_default_executor())
        return answer
    finally:
        loop.close()


def make_template() -> Path:
    """A repository with one commit, to copy."""
    folder = Path(tempfile.mkdtemp(prefix="apply-crash-template-")) / "shop"
    folder.mkdir()
    run_git(folder, "init", "--quiet")
    (folder / "a.yaml").write_text("# keep\nn: 1   # here\n")
    run_git(folder, "add", ".")
    run_git(folder, "commit", "--quiet", "-m", "first")
    for hook in (folder / ".git/hooks").glob("*"):
        hook.unlink()
    return folder
