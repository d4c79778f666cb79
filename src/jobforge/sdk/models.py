"""What the server lists; a newer server's further fields are let through unread."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Generic, Literal, TypeVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from jobforge.contract.results import JobStatus, Mode

Item = TypeVar("Item", bound=BaseModel)


class _Listed(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Page(_Listed, Generic[Item]):
    """One page; `next` is the cursor of the following one, None at the end."""

    items: tuple[Item, ...]
    next: str | None


class RunItem(_Listed):
    """A bundle run in a list."""

    id: UUID
    project_id: UUID | None
    mode: Mode
    status: Literal["open", "closed", "refused"]
    bundle_id: str | None
    trace_id: str | None
    plan_digest: str | None
    actor: str
    open_children: int
    created_at: datetime
    closed_at: datetime | None


class JobItem(_Listed):
    """A job in a list."""

    id: UUID
    project_id: UUID | None
    run_id: UUID
    request_id: str
    job_type: str
    status: JobStatus
    attempt: int
    max_attempts: int
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    progress: float
    error: dict[str, Any] | None


class JobChanged(_Listed):
    """What a job became."""

    id: UUID
    status: JobStatus
