"""The answer to a bundle, built from its run, its decisions and its jobs as they stand."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, assert_never
from uuid import UUID

from jobforge.contract.codes import ChildCode
from jobforge.contract.errors import JobForgeError
from jobforge.contract.manifest import ArtifactOutput, ManifestStatus, RunManifest
from jobforge.contract.results import (
    BundleResult,
    ChildRun,
    ChildStatus,
    Dialect,
    JobAnswer,
    JobStatus,
    Mode,
    Summary,
)
from jobforge.core.failure import to_failure
from jobforge.core.starting import EXECUTOR

SUMMARY_MIME_TYPE = "text/markdown; charset=utf-8"


@dataclass(frozen=True, slots=True)
class RunFacts:
    """What is known of a bundle run besides its children."""

    run_id: UUID | None
    tenant_id: UUID | None
    project_id: UUID | None
    mode: Mode
    created_at: datetime
    dialect: Dialect | None = None
    trace_id: str | None = None
    plan_digest: str | None = None
    producer_hash: Literal["verified", "absent"] | None = None
    action_jobs_blocked: int = 0
    artifact_ref: str | None = None
    outputs: tuple[ArtifactOutput, ...] = ()
    error: Mapping[str, Any] | None = None


def summary_output(run_id: UUID, checksum: str, size: int) -> ArtifactOutput:
    """The stored summary of a run, as its manifest lists it; `size` is bytes."""
    return ArtifactOutput(
        name=f"bundle-run-{run_id}.md",
        type="summary",
        ref=f"artifact:{checksum}",
        size=size,
        checksum=checksum,
        mime_type=SUMMARY_MIME_TYPE,
    )


@dataclass(frozen=True, slots=True)
class JobState:
    """How a job stands; `error` is JSON text."""

    status: JobStatus
    error: str | None


def to_result(run: RunFacts, children: Sequence[ChildRun]) -> BundleResult:
    """Answer with these children. A skipped duplicate is no failure; a denial is."""
    summary = Summary.of(children, action_jobs_blocked=run.action_jobs_blocked)
    if run.error is not None:
        summary = summary.model_copy(update={"errors": 1})
    is_success = run.error is None and summary.denied == 0 and summary.errors == 0
    return BundleResult(
        success=is_success,
        bundle_run_id=run.run_id,
        dry_run=run.mode == "dry_run",
        mode=run.mode,
        dialect=run.dialect,
        trace_id=run.trace_id,
        plan_digest=run.plan_digest,
        producer_hash=run.producer_hash,
        child_runs=tuple(children),
        summary=summary,
        bundle_manifest_ref=None if run.run_id is None else f"run:{run.run_id}/manifest",
        artifact_ref=run.artifact_ref,
        manifest=_manifest(run, summary),
    )


def with_job_states(
    children: Sequence[ChildRun], jobs: Mapping[UUID, JobState]
) -> tuple[ChildRun, ...]:
    """The children with the status their jobs have now; skipped ones keep their own."""
    return tuple(
        _as_of(child, jobs[child.job_id])
        if child.status == "queued" and child.job_id is not None and child.job_id in jobs
        else child
        for child in children
    )


def _as_of(child: ChildRun, job: JobState) -> ChildRun:
    error = None if job.error is None else json.loads(job.error)
    if job.status == "canceled":
        error = {"code": ChildCode.CANCELED, "message": "The job was canceled"}
    if error is None:
        return child.model_copy(update=_words(job.status))
    update = {**_words(job.status), "error": error, "code": error.get("code")}
    if job.status in {"denied", "error", "canceled"}:
        update["reason"] = error.get("message", child.reason)
    return child.model_copy(update=update)


def _words(status: JobStatus) -> dict[str, Any]:
    match status:
        case "queued" | "running":
            words: tuple[ChildStatus, str] = ("queued", "Queued" if status == "queued" else "Runs")
        case "executed":
            words = ("executed", "Executed")
        case "denied":
            words = ("denied", "Denied")
        case "error" | "canceled":
            words = ("error", "Failed" if status == "error" else "Canceled")
        case _:
            assert_never(status)
    return {"status": words[0], "reason": words[1]}


def _manifest(run: RunFacts, summary: Summary) -> RunManifest:
    # Of a refused bundle nothing is kept that could be looked at.
    has_inputs = run.run_id is not None and run.error is None
    return RunManifest(
        run_id=run.run_id,
        tenant_id=run.tenant_id,
        project_id=run.project_id,
        job_type=EXECUTOR,
        created_at=run.created_at,
        inputs_snapshot_ref=f"run:{run.run_id}/inputs" if has_inputs else None,
        outputs=run.outputs,
        metrics={name: float(count) for name, count in summary.model_dump().items()},
        status=_manifest_status(run, summary),
        error=None if run.error is None else dict(run.error),
    )


def _manifest_status(run: RunFacts, summary: Summary) -> ManifestStatus:
    if run.error is not None or summary.errors > 0:
        return "failed"
    return "pending" if summary.queued > 0 else "complete"


def refused(error: JobForgeError, *, mode: Mode, at: datetime) -> BundleResult:
    """The answer to a bundle that was refused before a run could be recorded for it."""
    facts = RunFacts(
        run_id=None,
        tenant_id=None,
        project_id=None,
        mode=mode,
        created_at=at,
        error={"pointer": "", "hint": None, **to_failure(error)},
    )
    return to_result(facts, ())


def to_denied_answer(result: BundleResult, job_type: str) -> JobAnswer:
    """The answer to a single job that did not get as far as being queued.

    Where a switch is off, `data` says so: disabled is not failed, and never succeeded.
    """
    child = result.child_runs[0] if result.child_runs else None
    error = result.manifest.error if child is None else _child_error(child)
    is_disabled = error.get("code") == ChildCode.FEATURE_FLAG_DISABLED if error else False
    reason = error.get("message") if error else None
    return JobAnswer(
        success=False,
        job_id=None,
        job_type=job_type,
        status="denied",
        data={"disabled": True, "reason": reason} if is_disabled else None,
        manifest=result.manifest.model_copy(
            update={"job_type": job_type, "status": "failed", "error": error}
        ),
        artifact_ref=None,
        error=error,
    )


def _child_error(child: ChildRun) -> dict[str, Any]:
    if child.code in {ChildCode.ALREADY_SUBMITTED, ChildCode.IDEMPOTENCY_CONFLICT}:
        # The key of a single job is its token's: a key that was used is a token that was used.
        message = f"the policy token was used before, by job {child.job_id}"
        return {"code": str(ChildCode.POLICY_TOKEN_USED), "message": message}
    return child.error or {"code": child.code, "message": child.reason}
