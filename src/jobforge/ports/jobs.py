"""What use cases need of jobs: their rows, their keys, and their release."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from jobforge.contract.results import JobStatus
from jobforge.core.job_type import Isolation
from jobforge.ports.records import Page


@dataclass(frozen=True, slots=True)
class NewJob:
    """A job to insert. `effects` are the planned effects an action was approved for.

    `lane` says where its handler runs, so that jobs which compute wait for a place of their own.
    """

    job_id: UUID
    project_id: UUID | None
    run_id: UUID
    request_id: str
    job_type: str
    payload: str
    payload_digest: str
    idempotency_key: str | None
    effects: str
    trace_id: str
    actor: str
    grant_jti: str | None
    priority: int
    lane: Isolation
    max_attempts: int
    created_at: datetime


@dataclass(frozen=True, slots=True)
class JobRecord:
    """A job as it stands."""

    job_id: UUID
    project_id: UUID | None
    run_id: UUID
    request_id: str
    job_type: str
    status: JobStatus
    priority: int
    attempt: int
    max_attempts: int
    trace_id: str
    actor: str
    created_at: datetime
    available_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    progress: float
    progress_message: str | None
    artifact_ref: str | None
    payload: str
    effects: str
    result: str | None
    manifest: str | None
    error: str | None
    attempt_errors: str


@dataclass(frozen=True, slots=True)
class KnownKey:
    """An idempotency key that an earlier job used."""

    job_type: str
    key: str
    job_id: UUID
    payload_digest: str


@dataclass(frozen=True, slots=True)
class JobListing:
    """A job as a list shows it."""

    job_id: UUID
    project_id: UUID | None
    run_id: UUID
    request_id: str
    job_type: str
    status: JobStatus
    attempt: int
    max_attempts: int
    actor: str
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    progress: float
    error: str | None


@dataclass(frozen=True, slots=True)
class ChildProgress:
    """How far a child of a run is."""

    request_id: str
    status: JobStatus
    progress: float
    progress_message: str | None


@dataclass(frozen=True, slots=True)
class OpenJobs:
    """Jobs that have not ended: `waiting` ones wait for the cap, `released` ones for a worker."""

    waiting: int = 0
    released: int = 0
    running: int = 0


@dataclass(frozen=True, slots=True)
class JobFilter:
    """Which jobs a list shows; None means any.

    `created_until` is exclusive; `payload` is the text of a JSON object that the payload contains.
    """

    project_id: UUID | None = None
    run_id: UUID | None = None
    status: str | None = None
    job_type: str | None = None
    trace_id: str | None = None
    created_from: datetime | None = None
    created_until: datetime | None = None
    payload: str | None = None


class JobTable(Protocol):
    """Jobs."""

    async def insert_with_keys(self, jobs: Sequence[NewJob]) -> tuple[KnownKey, ...]:
        """Insert the jobs and their idempotency keys.

        Where another transaction took one of the keys meanwhile, nothing is inserted and the
        taken keys come back: decide again.
        """
        ...

    async def known_keys(self, keys: Sequence[tuple[str, str]]) -> tuple[KnownKey, ...]:
        """Those of the (job type, key) pairs that earlier jobs used."""
        ...

    async def find(self, job_id: UUID) -> JobRecord | None:
        """The job of this id."""
        ...

    async def of_run(self, run_id: UUID) -> tuple[JobRecord, ...]:
        """The jobs of a run."""
        ...

    async def newest(
        self, *, status: JobStatus | None, job_type: str | None, limit: int
    ) -> tuple[JobRecord, ...]:
        """The newest first."""
        ...

    async def progress_of(self, run_id: UUID) -> tuple[ChildProgress, ...]:
        """How far each job of a run is, by request."""
        ...

    async def page(self, wanted: JobFilter, page: Page) -> tuple[JobListing, ...]:
        """One page of the jobs, the newest first."""
        ...

    async def count_by_type(self, wanted: JobFilter) -> dict[str, int]:
        """How many jobs of each type the filter finds."""
        ...

    async def count_open(self) -> OpenJobs:
        """How many have not ended."""
        ...

    async def cancel(self, job_id: UUID, at: datetime) -> JobStatus | None:
        """Cancel it unless it has ended; the status before, or None where there is no such job."""
        ...

    async def retry(self, job_id: UUID, at: datetime, *, allowance: int) -> JobStatus | None:
        """Queue an ended job anew for `allowance` attempts more; the status before, or None."""
        ...

    async def report_progress(self, job_id: UUID, attempt: int, done: float, message: str) -> None:
        """Note how far an attempt is, if it still holds the job."""
        ...

    async def release(self, at: datetime) -> int:
        """Put waiting jobs into the queue, up to the tenant's cap; how many went."""
        ...
