"""`/v1/job-changes`: cancel or retry the jobs that a filter finds, counted and confirmed first."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final, Literal
from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel, Field

from jobforge.contract.results import JobStatus
from jobforge.core.authorization import Command
from jobforge.core.errors import InvalidInput
from jobforge.entrypoints.http.access import App, Caller, permit
from jobforge.entrypoints.http.model import Body, Instant, JobTypeName
from jobforge.entrypoints.http.openapi import WRITE
from jobforge.entrypoints.http.route import ApiRoute
from jobforge.ports.jobs import JobFilter
from jobforge.use_cases.change_jobs import JobsPreview

router = APIRouter(prefix="/v1/job-changes", tags=["jobs"], route_class=ApiRoute)

Operator = Annotated[Caller, permit(Command.JOB_BULK)]
Change = Literal["cancel", "retry"]

AT_MOST: Final = 10_000
"""So many jobs one confirmation changes; the rest takes another one."""


class FilterBody(Body):
    """Which jobs; what is left out means any."""

    change: Change
    status: JobStatus | None = None
    job_type: JobTypeName | None = None
    run: UUID | None = None
    project: UUID | None = None


class PreviewView(BaseModel):
    """What the change would reach now, and the words that confirm it."""

    change: Change
    matching: int
    skipped: int = Field(description="Actions: they need a new policy token.")
    by_type: dict[str, int]
    seen_at: datetime
    confirm: str | None = Field(description="To be typed by whoever decides; null: nothing to do.")


class ConfirmedBody(FilterBody):
    """The same filter, what was seen, and the words that confirm it."""

    seen_at: Instant
    confirm: str = Field(max_length=100, examples=["cancel 12 jobs"])


class Changed(BaseModel):
    """How many were changed: at most those that were confirmed."""

    change: Change
    changed: int


@router.post("/preview", responses=WRITE, operation_id="preview_job_changes")
async def preview(app: App, caller: Operator, body: FilterBody) -> PreviewView:
    """Count the jobs that a filter finds, by type. Nothing is changed."""
    seen = await app.change_jobs.preview(body.change, _filter(caller, body), caller.tenant)
    count = min(seen.count, AT_MOST)
    return PreviewView(
        change=body.change,
        matching=seen.count,
        skipped=seen.skipped,
        by_type=seen.by_type,
        seen_at=seen.seen_at,
        confirm=_words(body.change, count) if count else None,
    )


@router.post("", responses=WRITE, operation_id="change_jobs")
async def change(app: App, caller: Operator, body: ConfirmedBody) -> Changed:
    """Cancel or retry the jobs that were counted. None that came since, and no more of them."""
    count = _confirmed(body)
    seen_at = min(body.seen_at, app.clock.now())
    changed = await app.change_jobs(
        body.change,
        _filter(caller, body),
        JobsPreview(seen_at, {"confirmed": count}),
        caller.tenant,
        caller.actor,
    )
    return Changed(change=body.change, changed=changed)


def _filter(caller: Caller, body: FilterBody) -> JobFilter:
    return JobFilter(caller.narrow(body.project), body.run, body.status, body.job_type)


def _words(change: Change, count: int) -> str:
    return f"{change} {count} jobs"


def _confirmed(body: ConfirmedBody) -> int:
    """How many jobs the words confirm.

    Raises:
        InvalidInput: they are not those of a preview.
    """
    number = body.confirm.removeprefix(f"{body.change} ").removesuffix(" jobs")
    is_number = number.isascii() and number.isdecimal() and len(number) <= len(str(AT_MOST))
    count = int(number) if is_number else 0
    if not 1 <= count <= AT_MOST or body.confirm != _words(body.change, count):
        raise InvalidInput(
            "the confirmation is not that of a preview",
            pointer="/confirm",
            hint="POST /v1/job-changes/preview says the words",
        )
    return count
