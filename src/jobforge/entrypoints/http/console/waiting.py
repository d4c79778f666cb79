"""Why a job waits, in words."""

from __future__ import annotations

from dataclasses import dataclass

from jobforge.core.errors import Conflict
from jobforge.core.waiting import WaitingReason
from jobforge.entrypoints.http.access import App, Caller
from jobforge.ports.jobs import JobRecord


@dataclass(frozen=True, slots=True)
class Waits:
    """A job that waits, and every reason, the one that weighs most first."""

    job: JobRecord
    reasons: tuple[WaitingReason, ...]


async def why_waiting(app: App, caller: Caller, job: JobRecord) -> Waits | None:
    """Why a queued job has not begun; None where it waits no more."""
    if job.status != "queued":
        return None
    try:
        return Waits(job, await app.explain_waiting(job.job_id, caller.tenant))
    except Conflict:
        return None
