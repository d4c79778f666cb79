"""`/v1/jobs`: list, show, cancel and retry jobs."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel

from jobforge.contract.results import JobAnswer, JobStatus
from jobforge.core.authorization import Command
from jobforge.core.waiting import WaitingCode
from jobforge.entrypoints.http.access import App, Caller, permit
from jobforge.entrypoints.http.openapi import READ, READ_ONE, READ_STATE, WRITE
from jobforge.entrypoints.http.paging import Cursor, Limit, Listed, listed, page_of
from jobforge.entrypoints.http.route import ApiRoute
from jobforge.ports.jobs import JobFilter, JobListing, JobRecord
from jobforge.use_cases.show_job import to_answer

router = APIRouter(prefix="/v1/jobs", tags=["jobs"], route_class=ApiRoute)

Reader = Annotated[Caller, permit(Command.JOB_READ)]
JobId = Annotated[UUID, Path(description="The job's id.")]


class JobItem(BaseModel):
    """A job in a list."""

    id: UUID
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
    error: dict[str, Any] | None


class JobChanged(BaseModel):
    """What a job became."""

    id: UUID
    status: JobStatus


class WaitingView(BaseModel):
    """One reason why a job waits; `until` is when it ends by itself, where that is known."""

    code: WaitingCode
    message: str
    hint: str | None
    until: datetime | None


class WaitingList(BaseModel):
    """Every reason that holds the job now."""

    items: list[WaitingView]


@router.get("", responses=READ, operation_id="list_jobs")
async def list_jobs(  # noqa: PLR0913, PLR0917 (a filter each)
    app: App,
    caller: Reader,
    project: Annotated[UUID | None, Query(description="Only of this project.")] = None,
    run: Annotated[UUID | None, Query(description="Only of this run.")] = None,
    status: Annotated[JobStatus | None, Query(description="Only these.")] = None,
    job_type: Annotated[
        str | None, Query(alias="type", max_length=255, description="Only of this job type.")
    ] = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Listed[JobItem]:
    """List the jobs, the newest first."""
    wanted = JobFilter(caller.narrow(project), run, status, job_type)
    found = await app.show_job.page(caller.tenant, wanted, page_of(cursor, limit))
    return listed(
        [_to_item(job) for job in found], [(j.created_at, j.job_id) for j in found], limit
    )


@router.get("/{job_id}", responses=READ_ONE, operation_id="show_job")
async def show(app: App, caller: Reader, job_id: JobId) -> JobAnswer:
    """Show a job with its result."""
    return to_answer(await _find(app, caller, job_id))


@router.get("/{job_id}/waiting", responses=READ_STATE, operation_id="explain_waiting")
async def waiting(app: App, caller: Reader, job_id: JobId) -> WaitingList:
    """Say why a job has not begun yet, the reason that weighs most first."""
    await _find(app, caller, job_id)
    reasons = await app.explain_waiting(job_id, caller.tenant)
    return WaitingList(items=[WaitingView(**asdict(reason)) for reason in reasons])


@router.post("/{job_id}/cancel", responses=WRITE, operation_id="cancel_job")
async def cancel(
    app: App, caller: Annotated[Caller, permit(Command.JOB_CANCEL)], job_id: JobId
) -> JobChanged:
    """Cancel a job that has not ended. The result of an attempt still running is refused."""
    await _find(app, caller, job_id)
    await app.cancel_job(job_id, caller.tenant, caller.actor)
    return JobChanged(id=job_id, status="canceled")


@router.post("/{job_id}/retry", responses=WRITE, operation_id="retry_job")
async def retry(
    app: App, caller: Annotated[Caller, permit(Command.JOB_RETRY)], job_id: JobId
) -> JobChanged:
    """Queue a failed job anew. Actions are not retried: they need a new policy token."""
    await _find(app, caller, job_id)
    await app.retry_job(job_id, caller.tenant, caller.actor)
    return JobChanged(id=job_id, status="queued")


async def _find(app: App, caller: Caller, job_id: UUID) -> JobRecord:
    job = await app.show_job(job_id, caller.tenant)
    caller.check(job.project_id)
    return job


def _to_item(job: JobListing) -> JobItem:
    return JobItem(
        id=job.job_id,
        project_id=job.project_id,
        run_id=job.run_id,
        request_id=job.request_id,
        job_type=job.job_type,
        status=job.status,
        attempt=job.attempt,
        max_attempts=job.max_attempts,
        actor=job.actor,
        created_at=job.created_at,
        started_at=job.started_at,
        finished_at=job.finished_at,
        progress=job.progress,
        error=None if job.error is None else json.loads(job.error),
    )
