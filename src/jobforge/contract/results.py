"""What a bundle run and a single job answer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any, Literal
from uuid import UUID

from jobforge.contract.manifest import ArtifactOutput, RunManifest
from jobforge.contract.model import WireModel

ChildStatus = Literal["accepted", "denied", "skipped", "queued", "executed", "error"]
Mode = Literal["dry_run", "execute"]
Dialect = Literal["jobforge", "ops", "support", "growth", "finops"]


class ChildRun(WireModel):
    """The fate of one request. `code` is stable, `reason` is for people."""

    request_id: str
    job_type: str
    status: ChildStatus
    reason: str
    code: str | None = None
    job_id: UUID | None = None
    error: dict[str, Any] | None = None
    warnings: tuple[dict[str, Any], ...] = ()


class Summary(WireModel):
    """Child runs counted by their status at the time of the answer."""

    total: int = 0
    accepted: int = 0
    denied: int = 0
    skipped: int = 0
    queued: int = 0
    executed: int = 0
    errors: int = 0
    action_jobs_blocked: int = 0

    @classmethod
    def of(cls, children: Iterable[ChildRun], *, action_jobs_blocked: int) -> Summary:
        """Count `children` by status."""
        count = Counter(child.status for child in children)
        return cls(
            total=count.total(),
            accepted=count["accepted"],
            denied=count["denied"],
            skipped=count["skipped"],
            queued=count["queued"],
            executed=count["executed"],
            errors=count["error"],
            action_jobs_blocked=action_jobs_blocked,
        )


class BundleResult(WireModel):
    """The answer to a bundle; the refusal of a whole bundle has the same shape."""

    success: bool
    bundle_run_id: UUID | None
    dry_run: bool
    mode: Mode
    dialect: Dialect | None
    trace_id: str | None
    plan_digest: str | None
    producer_hash: Literal["verified", "absent"] | None
    child_runs: tuple[ChildRun, ...]
    summary: Summary
    bundle_manifest_ref: str | None
    artifact_ref: str | None
    manifest: RunManifest


JobStatus = Literal["queued", "running", "executed", "error", "denied", "canceled"]


class JobAnswer(WireModel):
    """The answer to one job."""

    success: bool
    job_id: UUID | None
    job_type: str
    status: JobStatus
    data: dict[str, Any] | None
    manifest: RunManifest | None
    artifact_ref: str | None
    error: dict[str, Any] | None


__all__ = [
    "ArtifactOutput",
    "BundleResult",
    "ChildRun",
    "ChildStatus",
    "Dialect",
    "JobAnswer",
    "JobStatus",
    "Mode",
    "Summary",
]
