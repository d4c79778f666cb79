"""`jobforge job cancel` and `job retry`: one job, or those that a filter finds."""

from __future__ import annotations

import sys
from enum import StrEnum
from typing import Annotated
from uuid import UUID

import typer

from jobforge.bootstrap import Application
from jobforge.entrypoints.cli.options import AsJson, Tenant
from jobforge.entrypoints.cli.session import local_actor, out, print_json, run
from jobforge.ports.jobs import JobFilter
from jobforge.use_cases.change_jobs import JobChange, JobsPreview

OneJob = Annotated[
    UUID | None,
    typer.Argument(metavar="[ID]", help="The job's id; without it, those that a filter finds."),
]
OfType = Annotated[
    str | None, typer.Option("--type", metavar="TYPE", help="Only of this job type.")
]
OfRun = Annotated[UUID | None, typer.Option("--run", metavar="RUN", help="Only of this run.")]
Yes = Annotated[
    bool, typer.Option("--yes", help="Change what the filter finds, without asking first.")
]


class Cancelable(StrEnum):
    """Where a job can be canceled from."""

    queued = "queued"
    running = "running"


class Retryable(StrEnum):
    """Where a job can be queued anew from."""

    error = "error"
    denied = "denied"
    canceled = "canceled"


def cancel(  # noqa: PLR0913, PLR0917 (an option each)
    tenant: Tenant,
    job_id: OneJob = None,
    status: Annotated[
        Cancelable | None, typer.Option("--status", help="Only these; both by default.")
    ] = None,
    job_type: OfType = None,
    run_id: OfRun = None,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Cancel a job that has not ended, or many by a filter. A running handler is stopped.

    Example: jobforge job cancel --tenant acme --type autopilot.ops.scan --status queued
    """
    wanted = JobFilter(run_id=run_id, status=status and status.value, job_type=job_type)
    _change("cancel", tenant, job_id, wanted, is_sure=yes, as_json=as_json)


def retry(  # noqa: PLR0913, PLR0917 (an option each)
    tenant: Tenant,
    job_id: OneJob = None,
    status: Annotated[
        Retryable, typer.Option("--status", help="Only these; what failed by default.")
    ] = Retryable.error,
    job_type: OfType = None,
    run_id: OfRun = None,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Queue a failed job anew, or many by a filter. Actions are not: they need a new policy token.

    Example: jobforge job retry --tenant acme --status error --type autopilot.ops.scan
    """
    wanted = JobFilter(run_id=run_id, status=status.value, job_type=job_type)
    _change("retry", tenant, job_id, wanted, is_sure=yes, as_json=as_json)


_DONE: dict[JobChange, tuple[str, str]] = {
    "cancel": ("canceled", "Canceled"),
    "retry": ("queued", "Queued anew"),
}


def _change(
    change: JobChange,
    tenant: str,
    job_id: UUID | None,
    wanted: JobFilter,
    *,
    is_sure: bool,
    as_json: bool,
) -> None:
    async def command(app: Application) -> int:
        if job_id is None:
            await _change_many(app, change, tenant, wanted, is_sure=is_sure, as_json=as_json)
        else:
            await _change_one(app, change, tenant, job_id, as_json=as_json)
        return 0

    run(command, as_json=as_json)


async def _change_one(
    app: Application, change: JobChange, tenant: str, job_id: UUID, *, as_json: bool
) -> None:
    act = app.cancel_job if change == "cancel" else app.retry_job
    await act(job_id, await app.names.tenant(tenant), local_actor())
    status, said = _DONE[change]
    if as_json:
        print_json({"id": str(job_id), "status": status})
    else:
        out.print(f"{said}: job {job_id}")


async def _change_many(
    app: Application,
    change: JobChange,
    tenant: str,
    wanted: JobFilter,
    *,
    is_sure: bool,
    as_json: bool,
) -> None:
    owner = await app.names.tenant(tenant)
    seen = await app.change_jobs.preview(change, wanted, owner)
    if not as_json:
        _show(seen)
    if not is_sure and seen.count and sys.stdin.isatty() and not as_json:
        is_sure = typer.confirm(f"{change} {seen.count} jobs?")
    changed = 0
    if is_sure:
        changed = await app.change_jobs(change, wanted, seen, owner, local_actor())
    if as_json:
        print_json(
            {
                "matching": seen.count,
                "skipped": seen.skipped,
                "by_type": seen.by_type,
                "confirmed": is_sure,
                "changed": changed,
            }
        )
    elif is_sure:
        out.print(f"{_DONE[change][1]}: {changed} jobs")
    elif seen.count:
        out.print("Nothing was changed; --yes does it")


def _show(seen: JobsPreview) -> None:
    if not seen.count and not seen.skipped:
        out.print("No such job.")
    for job_type, count in seen.by_type.items():
        out.print(f"{count:>8,} {job_type}", markup=False)
    if seen.skipped:
        out.print(f"{seen.skipped:>8,} actions are left out: each needs a new policy token")
