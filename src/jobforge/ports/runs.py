"""Bundle runs: what was asked and decided, and how it stands."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol
from uuid import UUID

from jobforge.contract.results import Dialect, Mode
from jobforge.ports.records import Page


@dataclass(frozen=True, slots=True)
class RunRecord:
    """A bundle run. `decisions` are the child runs as they were decided."""

    run_id: UUID
    project_id: UUID | None
    mode: Mode
    status: Literal["open", "closed", "refused"]
    dialect: Dialect | None
    bundle_id: str | None
    trace_id: str | None
    producer_hash: Literal["verified", "absent"] | None
    plan_digest: str | None
    effects_digest: str | None
    actor: str
    decisions: str
    action_jobs_blocked: int
    open_children: int
    artifact_ref: str | None
    error: str | None
    created_at: datetime
    closed_at: datetime | None = None
    traceparent: str | None = None


@dataclass(frozen=True, slots=True)
class RunListing:
    """A bundle run as a list shows it."""

    run_id: UUID
    project_id: UUID | None
    mode: Mode
    status: Literal["open", "closed", "refused"]
    dialect: Dialect | None
    bundle_id: str | None
    trace_id: str | None
    plan_digest: str | None
    actor: str
    open_children: int
    created_at: datetime
    closed_at: datetime | None


@dataclass(frozen=True, slots=True)
class RunFilter:
    """Which runs a list shows; None means any."""

    project_id: UUID | None = None
    status: str | None = None
    mode: str | None = None


class RunTable(Protocol):
    """Bundle runs."""

    async def insert(self, run: RunRecord) -> None:
        """Store one."""
        ...

    async def find(self, run_id: UUID) -> RunRecord | None:
        """The run of this id."""
        ...

    async def newest(self, limit: int) -> tuple[RunRecord, ...]:
        """The newest first."""
        ...

    async def status(self, run_id: UUID) -> str | None:
        """How the run stands; None where there is none of this id."""
        ...

    async def page(self, wanted: RunFilter, page: Page) -> tuple[RunListing, ...]:
        """One page of the runs, the newest first."""
        ...
