"""What lies beyond the workspace, with a gate before each effect."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from jobforge.adapters.runtime.gated import Gate
from jobforge.core.targets import (
    CommitDraft,
    Databases,
    EndpointAnswer,
    EndpointCall,
    Endpoints,
    GitCommit,
    Repositories,
)


@dataclass(frozen=True, slots=True)
class GatedRepositories:
    """`Repositories` whose branches move past the gate; a commit nobody points to needs none."""

    inner: Repositories
    gate: Gate

    async def find(self, repository: str, branch: str) -> str | None:
        """The commit a branch is at."""
        return await self.inner.find(repository, branch)

    async def describe(self, repository: str, commit: str) -> GitCommit:
        """What a commit holds."""
        return await self.inner.describe(repository, commit)

    async def read(self, repository: str, commit: str, path: str) -> bytes:
        """A file's bytes in a commit."""
        return await self.inner.read(repository, commit, path)

    async def tree_with(self, repository: str, parent: str, files: Mapping[str, bytes]) -> str:
        """The tree that a commit with these files would have."""
        return await self.inner.tree_with(repository, parent, files)

    async def commit(self, repository: str, draft: CommitDraft) -> str:
        """Make the commit."""
        return await self.inner.commit(repository, draft)

    async def move(self, repository: str, branch: str, *, old: str | None, new: str | None) -> None:
        """Move a branch."""
        await self.gate(f"git:{repository}#{branch}")
        await self.inner.move(repository, branch, old=old, new=new)

    async def find_remote(self, repository: str, connection: str, branch: str) -> str | None:
        """The commit that the remote's branch is at."""
        return await self.inner.find_remote(repository, connection, branch)

    async def push(
        self, repository: str, connection: str, branch: str, *, old: str | None, new: str | None
    ) -> None:
        """Move the remote's branch."""
        await self.gate(f"push:{connection}#{branch}")
        await self.inner.push(repository, connection, branch, old=old, new=new)


@dataclass(frozen=True, slots=True)
class GatedDatabases:
    """`Databases` whose statements pass the gate."""

    inner: Databases
    gate: Gate

    async def execute(self, connection: str, statement: str, *, timeout: timedelta) -> None:
        """Run one statement."""
        await self.gate(f"postgres:{connection}")
        await self.inner.execute(connection, statement, timeout=timeout)


@dataclass(frozen=True, slots=True)
class GatedEndpoints:
    """`Endpoints` whose calls pass the gate, unless they only read."""

    inner: Endpoints
    gate: Gate

    async def check(self, connection: str, method: str, path: str) -> bool:
        """Whether the endpoint honours keys."""
        return await self.inner.check(connection, method, path)

    async def call(self, connection: str, call: EndpointCall) -> EndpointAnswer:
        """Send the call."""
        if call.method != "GET":
            await self.gate(f"http:{connection}")
        return await self.inner.call(connection, call)
