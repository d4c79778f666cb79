"""`/console/jobs`: search jobs, look at one, change many."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from jobforge.contract.errors import JobForgeError
from jobforge.contract.manifest import RunManifest
from jobforge.core.authorization import Command
from jobforge.core.effects import parse_effects
from jobforge.core.errors import Conflict, InvalidInput
from jobforge.entrypoints.http.access import App, Caller
from jobforge.entrypoints.http.console.access import look
from jobforge.entrypoints.http.console.artifacts import to_shown
from jobforge.entrypoints.http.console.job_search import (
    STATUSES,
    JobSearch,
    Searched,
    SearchForm,
)
from jobforge.entrypoints.http.console.links import PAGE_ROWS, cut
from jobforge.entrypoints.http.console.pages import go_to, render
from jobforge.entrypoints.http.console.timeline import timeline_of
from jobforge.entrypoints.http.console.waiting import why_waiting
from jobforge.entrypoints.http.paging import page_of
from jobforge.entrypoints.http.problems import status_of
from jobforge.ports.jobs import JobListing, JobRecord
from jobforge.use_cases.change_jobs import JobChange

router = APIRouter(prefix="/jobs")

Reader = Annotated[Caller, look(Command.JOB_READ)]
Cursor = Annotated[str | None, Query(max_length=200)]
Bulk = Annotated[Caller, look(Command.JOB_BULK)]


@router.get("", name="jobs")
async def list_jobs(
    request: Request, app: App, caller: Reader, search: Searched, cursor: Cursor = None
) -> Response:
    """The jobs that a filter finds, the newest first."""
    error: JobForgeError | None = None
    jobs: Sequence[JobListing] = ()
    older: str | None = None
    try:
        wanted = search.to_filter(caller)
        found = await app.show_job.page(caller.tenant, wanted, page_of(cursor, PAGE_ROWS))
        places = [(job.created_at, job.job_id) for job in found]
        jobs, older = cut(found, places, "/jobs", search.given)
    except InvalidInput as invalid:
        error = invalid
    return await render(
        request,
        caller,
        "jobs.html",
        status=200 if error is None else status_of(error),
        jobs=jobs,
        older=older,
        search=search,
        statuses=STATUSES,
        types=sorted(job_type.name for job_type in app.catalog),
        error=error,
    )


@router.get("/change", name="preview_change")
async def preview(
    request: Request,
    app: App,
    caller: Bulk,
    search: Searched,
    what: Annotated[JobChange, Query()] = "cancel",
) -> Response:
    """How many jobs a change would reach; the number has to be typed to confirm it."""
    return await _preview(request, app, caller, search, what)


@router.post("/change", name="change_jobs")
async def change(
    request: Request,
    app: App,
    caller: Bulk,
    search: SearchForm,
    what: Annotated[JobChange, Query()] = "cancel",
) -> Response:
    """Change as many jobs as were confirmed, and none that came later."""
    confirmed = (await request.form()).get("confirm")
    wanted = search.to_filter(caller)
    seen = await app.change_jobs.preview(what, wanted, caller.tenant)
    if str(confirmed).strip() != str(seen.count) or not seen.count:
        conflict = Conflict(f"it would reach {seen.count} jobs, and {confirmed} was confirmed")
        return await _preview(request, app, caller, search, what, error=conflict)
    done = await app.change_jobs(what, wanted, seen, caller.tenant, caller.actor)
    return await _preview(request, app, caller, search, what, done=done)


@router.get("/{job_id}", name="job")
async def show(request: Request, app: App, caller: Reader, job_id: UUID) -> Response:
    """One job: how it went, why it waits, what it did."""
    return await _page(request, app, caller, job_id)


@router.post("/{job_id}/cancel", name="cancel_job")
async def cancel(
    request: Request,
    app: App,
    caller: Annotated[Caller, look(Command.JOB_CANCEL)],
    job_id: UUID,
) -> Response:
    """Cancel the job."""
    await _find(app, caller, job_id)
    try:
        await app.cancel_job(job_id, caller.tenant, caller.actor)
    except JobForgeError as error:
        return await _page(request, app, caller, job_id, error=error)
    return go_to(f"/jobs/{job_id}")


@router.post("/{job_id}/retry", name="retry_job")
async def retry(
    request: Request,
    app: App,
    caller: Annotated[Caller, look(Command.JOB_RETRY)],
    job_id: UUID,
) -> Response:
    """Queue the job anew."""
    await _find(app, caller, job_id)
    try:
        await app.retry_job(job_id, caller.tenant, caller.actor)
    except JobForgeError as error:
        return await _page(request, app, caller, job_id, error=error)
    return go_to(f"/jobs/{job_id}")


async def _page(
    request: Request,
    app: App,
    caller: Caller,
    job_id: UUID,
    *,
    error: JobForgeError | None = None,
) -> Response:
    job = await _find(app, caller, job_id)
    manifest = None if job.manifest is None else RunManifest.model_validate_json(job.manifest)
    return await render(
        request,
        caller,
        "job.html",
        status=200 if error is None else status_of(error),
        job=job,
        job_type=app.catalog.find(job.job_type),
        wait=await why_waiting(app, caller, job),
        timeline=timeline_of(job),
        journal=await app.show_job.journal(job_id, caller.tenant) if job.effects != "[]" else (),
        effects=parse_effects(job.effects),
        manifest=manifest,
        outputs=[to_shown(output) for output in manifest.outputs] if manifest else [],
        failure=None if job.error is None else json.loads(job.error),
        error=error,
    )


async def _preview(  # noqa: PLR0913 (what the page shows)
    request: Request,
    app: App,
    caller: Caller,
    search: JobSearch,
    what: JobChange,
    *,
    error: JobForgeError | None = None,
    done: int | None = None,
) -> Response:
    seen = None
    try:
        seen = await app.change_jobs.preview(what, search.to_filter(caller), caller.tenant)
    except InvalidInput as invalid:
        error = error or invalid
    return await render(
        request,
        caller,
        "change_jobs.html",
        status=200 if error is None else status_of(error),
        search=search,
        what=what,
        seen=seen,
        error=error,
        done=done,
    )


async def _find(app: App, caller: Caller, job_id: UUID) -> JobRecord:
    job = await app.show_job(job_id, caller.tenant)
    caller.check(job.project_id)
    return job
