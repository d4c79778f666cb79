"""What executing needs of the engine: batches of jobs begun and settled, of any tenants."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal, Protocol
from uuid import UUID

from jobforge.core.audit import AuditEntry
from jobforge.core.stop import Stop


@dataclass(frozen=True, slots=True)
class JobRef:
    """All that the queue knows of a job."""

    tenant_id: UUID
    job_id: UUID


@dataclass(frozen=True, slots=True)
class Attempt:
    """A started attempt: the job as it must run. `number` is the fence at its end.

    `stopped_by` is the reason of a kill switch that was on when it began. `waited` is how long it
    could have been started before, by the clocks of those who wrote that down: it may be negative.
    """

    ref: JobRef
    number: int
    max_attempts: int
    job_type: str
    payload: str = field(repr=False)
    effects: str = field(repr=False)
    project_id: UUID | None
    run_id: UUID
    request_id: str
    trace_id: str
    actor: str
    grant_jti: str | None
    tenant_slug: str
    is_host_allowed: bool
    stopped_by: str | None = None
    waited: timedelta = timedelta(0)


@dataclass(frozen=True, slots=True)
class NotStarted:
    """Nothing to run: finished already ('gone'), or not before `available_at`."""

    available_at: datetime | None


@dataclass(frozen=True, slots=True)
class Ending:
    """How an attempt ended. `queued` means it is tried again at `retry_at`."""

    attempt: Attempt
    status: Literal["executed", "error", "denied", "queued"]
    entry: AuditEntry
    result: str | None = field(default=None, repr=False)
    manifest: str | None = field(default=None, repr=False)
    artifact_ref: str | None = None
    error: str | None = None
    retry_at: datetime | None = None


class JobEngine(Protocol):
    """Begins and settles jobs in batches; each call is one transaction."""

    async def begin(self, refs: Sequence[JobRef]) -> list[Attempt | NotStarted]:
        """Start the jobs; the answers are in the order of `refs`."""
        ...

    async def settle(self, endings: Sequence[Ending]) -> list[bool]:
        """Write results, audit entries and the next releases; False where the fence refused."""
        ...

    async def sweep(self) -> int:
        """Enqueue released jobs that lost their queue row, release waiting ones; how many."""
        ...

    async def find_stops(self, attempts: Sequence[Attempt]) -> list[Stop | None]:
        """Which of the attempts must stop, in their order."""
        ...

    async def report_progress(self, attempt: Attempt, fraction: float, message: str) -> None:
        """Note how far an attempt is, and tell who watches its run."""
        ...


class AttemptRunner(Protocol):
    """Runs started attempts. What a handler does is an ending, never an exception."""

    async def __call__(self, attempt: Attempt) -> Ending:
        """Run the attempt and describe its end."""
        ...

    def stopped(self, attempt: Attempt, started: datetime, stop: Stop) -> Ending:
        """Describe the end of an attempt whose handler was stopped in the middle."""
        ...

    def fenced(self, attempt: Attempt) -> None:
        """The attempt's end was refused, or not even tried: it had lost its job."""
        ...
