"""Targets of actions in memory: what a handler may change, and what it wrote down first."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import PurePosixPath

from jobforge.contract.canonical import checksum_of
from jobforge.core.errors import (
    ConnectionMissing,
    DatasetMissing,
    PathDenied,
    PlanStale,
)
from jobforge.core.targets import (
    CommitDraft,
    EndpointAnswer,
    EndpointCall,
    GitCommit,
    JournalEntry,
    JournalState,
)

Respond = Callable[[EndpointCall], EndpointAnswer]


@dataclass
class MemoryWorkspace:
    """Files by relative path, and charts as helm would render them; none: there is no helm."""

    files: dict[str, bytes] = field(default_factory=dict)
    charts: dict[str, str] = field(default_factory=dict)

    async def render_chart(self, path: str) -> str | None:
        """The manifests given for this chart."""
        return self.charts.get(_confined(path))

    async def read(self, path: str) -> bytes:
        """The file's bytes."""
        key = _confined(path)
        if key not in self.files:
            raise DatasetMissing(f"no file {path} in the tenant's folder")
        return self.files[key]

    async def check(self, path: str) -> None:
        """Nothing, if there is such a file or folder."""
        if _confined(path) not in self.files and not await self.list(path):
            raise DatasetMissing(f"no file {path} in the tenant's folder")

    async def list(self, path: str, *, suffixes: Sequence[str] = ()) -> tuple[str, ...]:
        """The paths below `path`."""
        root = _confined(path)
        prefix = "" if root == "." else root + "/"
        found = (name for name in self.files if name.startswith(prefix))
        return tuple(sorted(n for n in found if not suffixes or n.endswith(tuple(suffixes))))

    async def replace(self, path: str, content: bytes, *, expected_checksum: str | None) -> None:
        """Write if the file is still the expected one."""
        key = _confined(path)
        self._expect(key, expected_checksum)
        self.files[key] = content

    async def remove(self, path: str, *, expected_checksum: str) -> None:
        """Delete if the file is still the expected one."""
        key = _confined(path)
        self._expect(key, expected_checksum)
        del self.files[key]

    def _expect(self, key: str, expected: str | None) -> None:
        current = checksum_of(self.files[key]) if key in self.files else None
        if current != expected:
            raise PlanStale(f"{key} changed: {expected} -> {current}")


@dataclass
class MemoryJournal:
    """Lines of one job; hand the same one to the next attempt's context."""

    lines: list[JournalEntry] = field(default_factory=list)

    async def entries(self) -> tuple[JournalEntry, ...]:
        """Every line, oldest first."""
        return tuple(self.lines)

    async def write(self, step: int | None, state: JournalState, note: str = "") -> None:
        """Add a line."""
        at = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)
        self.lines.append(JournalEntry(step=step, state=state, note=note, attempt=1, at=at))


@dataclass
class MemoryEndpoints:
    """Answers by connection; `calls` keeps what was sent."""

    answers: dict[str, Respond] = field(default_factory=dict)
    honouring: set[str] = field(default_factory=set)
    calls: list[EndpointCall] = field(default_factory=list)

    async def check(self, connection: str, method: str, path: str) -> bool:
        """Whether this one honours keys."""
        if connection not in self.answers:
            raise ConnectionMissing(f"no connection {connection} for {method} {path}")
        return connection in self.honouring

    async def call(self, connection: str, call: EndpointCall) -> EndpointAnswer:
        """The answer given for this connection."""
        await self.check(connection, call.method, call.path)
        self.calls.append(call)
        return self.answers[connection](call)


@dataclass
class MemoryDatabases:
    """Keeps what would be executed."""

    executed: list[tuple[str, str]] = field(default_factory=list)

    async def execute(self, connection: str, statement: str, *, timeout: timedelta) -> None:  # noqa: ARG002 (the port's signature)
        """Keep the statement."""
        self.executed.append((connection, statement))


class NoRepositories:
    """No repository: git is tested on real ones."""

    async def find(self, repository: str, branch: str) -> str | None:
        """Refuse."""
        raise self._missing(repository, branch)

    async def describe(self, repository: str, commit: str) -> GitCommit:
        """Refuse."""
        raise self._missing(repository, commit)

    async def read(self, repository: str, commit: str, path: str) -> bytes:
        """Refuse."""
        raise self._missing(repository, commit, path)

    async def tree_with(self, repository: str, parent: str, files: Mapping[str, bytes]) -> str:
        """Refuse."""
        raise self._missing(repository, parent, *files)

    async def commit(self, repository: str, draft: CommitDraft) -> str:
        """Refuse."""
        raise self._missing(repository, draft.parent)

    async def move(self, repository: str, branch: str, *, old: str | None, new: str | None) -> None:
        """Refuse."""
        raise self._missing(repository, branch, str(old), str(new))

    async def find_remote(self, repository: str, connection: str, branch: str) -> str | None:
        """Refuse."""
        raise self._missing(repository, connection, branch)

    async def push(
        self, repository: str, connection: str, branch: str, *, old: str | None, new: str | None
    ) -> None:
        """Refuse."""
        raise self._missing(repository, connection, branch, str(old), str(new))

    @staticmethod
    def _missing(repository: str, *rest: str) -> DatasetMissing:
        return DatasetMissing(f"there is no git repository {repository} ({', '.join(rest)})")


def _confined(path: str) -> str:
    pure = PurePosixPath(path)
    if pure.is_absolute() or ".." in pure.parts:
        raise PathDenied(f"{path} leaves the tenant's folder")
    return str(pure)
