"""What an action may change, asked for over the line to the worker."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Protocol, cast

from jobforge.core.targets import (
    CommitDraft,
    EndpointAnswer,
    EndpointCall,
    GitCommit,
    JournalEntry,
    JournalState,
)


class Ask(Protocol):
    """Calls a method of the worker's context and waits for the answer."""

    def __call__(self, method: str, *args: object, **named: object) -> Awaitable[Any]:
        """Ask."""
        ...


@dataclass(frozen=True, slots=True)
class RemoteRepositories:
    """Git repositories, through the worker."""

    ask: Ask

    async def find(self, repository: str, branch: str) -> str | None:
        """The commit a branch is at."""
        return cast("str | None", await self.ask("repositories.find", repository, branch))

    async def describe(self, repository: str, commit: str) -> GitCommit:
        """What a commit holds."""
        return cast("GitCommit", await self.ask("repositories.describe", repository, commit))

    async def read(self, repository: str, commit: str, path: str) -> bytes:
        """A file's bytes in a commit."""
        return cast("bytes", await self.ask("repositories.read", repository, commit, path))

    async def tree_with(self, repository: str, parent: str, files: Mapping[str, bytes]) -> str:
        """The tree that a commit with these files would have."""
        found = await self.ask("repositories.tree_with", repository, parent, dict(files))
        return cast("str", found)

    async def commit(self, repository: str, draft: CommitDraft) -> str:
        """Make the commit."""
        return cast("str", await self.ask("repositories.commit", repository, draft))

    async def move(self, repository: str, branch: str, *, old: str | None, new: str | None) -> None:
        """Move a branch."""
        await self.ask("repositories.move", repository, branch, old=old, new=new)

    async def find_remote(self, repository: str, connection: str, branch: str) -> str | None:
        """The commit that the remote's branch is at."""
        found = await self.ask("repositories.find_remote", repository, connection, branch)
        return cast("str | None", found)

    async def push(
        self, repository: str, connection: str, branch: str, *, old: str | None, new: str | None
    ) -> None:
        """Move the remote's branch."""
        await self.ask("repositories.push", repository, connection, branch, old=old, new=new)


@dataclass(frozen=True, slots=True)
class RemoteDatabases:
    """PostgreSQL servers, through the worker."""

    ask: Ask

    async def execute(self, connection: str, statement: str, *, timeout: timedelta) -> None:
        """Run one statement."""
        await self.ask("databases.execute", connection, statement, timeout=timeout)


@dataclass(frozen=True, slots=True)
class RemoteEndpoints:
    """HTTP endpoints, through the worker."""

    ask: Ask

    async def check(self, connection: str, method: str, path: str) -> bool:
        """Whether the endpoint honours idempotency keys."""
        return cast("bool", await self.ask("endpoints.check", connection, method, path))

    async def call(self, connection: str, call: EndpointCall) -> EndpointAnswer:
        """Send the call."""
        return cast("EndpointAnswer", await self.ask("endpoints.call", connection, call))


@dataclass(frozen=True, slots=True)
class RemoteJournal:
    """The job's journal, through the worker."""

    ask: Ask

    async def entries(self) -> tuple[JournalEntry, ...]:
        """Every line of this job."""
        return cast("tuple[JournalEntry, ...]", await self.ask("journal.entries"))

    async def write(self, step: int | None, state: JournalState, note: str = "") -> None:
        """Add a line."""
        await self.ask("journal.write", step, state, note)
