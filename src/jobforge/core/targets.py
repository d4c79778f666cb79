"""What an action may change beyond the workspace, and the journal that outlives a kill."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Literal, Protocol

from pydantic import Field

from jobforge.core.model import Model

JournalState = Literal[
    "begun", "done", "refused", "undo_begun", "undone",
    "rolling_back", "rolled_back", "verified", "needs_person",
]  # fmt: skip


class JournalEntry(Model):
    """One line: what an attempt was about to do, or did. Without a step it is about the job."""

    step: int | None
    state: JournalState
    note: str
    attempt: int
    at: datetime


class Journal(Protocol):
    """What was begun and done, in order; written before the world is touched, and kept."""

    async def entries(self) -> tuple[JournalEntry, ...]:
        """Every line of this job, oldest first."""
        ...

    async def write(self, step: int | None, state: JournalState, note: str = "") -> None:
        """Add a line, durable before this returns.

        Raises:
            AttemptLost: another attempt holds the job by now; nothing more may be touched.
        """
        ...


class GitCommit(Model):
    """A commit as it stands."""

    tree: str
    parents: tuple[str, ...]
    message: str


class CommitDraft(Model):
    """A commit to make: the parent's tree with these files replaced."""

    parent: str
    files: tuple[tuple[str, bytes], ...]
    message: str
    at: datetime


class Repositories(Protocol):
    """Git repositories below the tenant's folder; `repository` is a relative path.

    Branches move, working trees stay untouched: a branch that is checked out is refused.

    Raises:
        DatasetMissing: there is no such repository, or no such file in the commit.
        PathDenied: the path leaves the tenant's folder, or the repository's own set-up would make
            git read or run something outside it.
        TargetUnavailable: git is not installed, does not end in time, or the remote is away.
    """

    async def find(self, repository: str, branch: str) -> str | None:
        """The commit a branch is at; `HEAD` is the current one."""
        ...

    async def describe(self, repository: str, commit: str) -> GitCommit:
        """What a commit holds."""
        ...

    async def read(self, repository: str, commit: str, path: str) -> bytes:
        """A file's bytes in a commit."""
        ...

    async def tree_with(self, repository: str, parent: str, files: Mapping[str, bytes]) -> str:
        """The tree that a commit with these files would have; nothing is written."""
        ...

    async def commit(self, repository: str, draft: CommitDraft) -> str:
        """Make the commit; no branch moves, so nobody sees it yet."""
        ...

    async def move(self, repository: str, branch: str, *, old: str | None, new: str | None) -> None:
        """Move a branch if it still is at `old` (None: not there); to None deletes it.

        Raises:
            PlanStale: it is elsewhere.
        """
        ...

    async def find_remote(self, repository: str, connection: str, branch: str) -> str | None:
        """The commit that the remote's branch is at."""
        ...

    async def push(
        self, repository: str, connection: str, branch: str, *, old: str | None, new: str | None
    ) -> None:
        """Move the remote's branch, if it still is at `old`; to None deletes it.

        Raises:
            PlanStale: it is elsewhere, or the remote does not want it.
        """
        ...


class Databases(Protocol):
    """PostgreSQL servers that connections name."""

    async def execute(self, connection: str, statement: str, *, timeout: timedelta) -> None:
        """Run one statement outside a transaction.

        Raises:
            ConnectionMissing: there is no such connection.
            EgressDenied: its address may not be reached.
            TargetUnavailable: no connection, or it did not end in time; it may still be running.
            HandlerFailed: the server refuses the statement.
        """
        ...


class EndpointCall(Model):
    """One call below a connection's URL; `idempotency_key` is the same however often it is sent."""

    method: str
    path: str
    body: bytes | None = None
    idempotency_key: str | None = None
    timeout: timedelta = Field(default=timedelta(seconds=30))


class EndpointAnswer(Model):
    """What came back."""

    status: int
    body: bytes


class Endpoints(Protocol):
    """HTTP endpoints that connections name, with the paths and methods their owner allows."""

    async def check(self, connection: str, method: str, path: str) -> bool:
        """Whether the endpoint keeps a key and answers a repetition without doing it again.

        Raises:
            ConnectionMissing: there is no such connection.
            EgressDenied: the connection does not allow this method and path.
        """
        ...

    async def call(self, connection: str, call: EndpointCall) -> EndpointAnswer:
        """Send the call; redirects are not followed.

        Raises:
            ConnectionMissing: there is no such connection.
            EgressDenied: the connection, or the address, is not allowed.
            NotReached: nothing was sent.
            TargetUnavailable: it was sent, and no whole answer came: it may have been done.
        """
        ...
