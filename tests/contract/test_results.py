"""What a run answers: children counted by status, manifests whose metrics may be zero."""

from __future__ import annotations

from typing import get_args

import pytest
from pydantic import ValidationError

from jobforge.contract.manifest import ArtifactOutput, RunManifest
from jobforge.contract.results import ChildRun, ChildStatus, Summary

MANIFEST = {
    "run_id": "7c0f5c6e-2f1b-4c55-9a57-0d8a7f3b1e10",
    "tenant_id": "b1d1f0c2-6a57-4f0e-8c11-5f4e2a9d7c33",
    "job_type": "autopilot.ops.scan",
    "created_at": "2026-03-01T08:00:00Z",
    "status": "complete",
}


def child(status: ChildStatus) -> ChildRun:
    return ChildRun(request_id="r", job_type="t", status=status, reason="because")


def test_every_status_is_counted_in_its_own_place() -> None:
    statuses: list[ChildStatus] = [*get_args(ChildStatus), "error", "executed", "executed"]

    summary = Summary.of([child(status) for status in statuses], action_jobs_blocked=2)

    assert summary.model_dump() == {
        "total": 9,
        "accepted": 1,
        "denied": 1,
        "skipped": 1,
        "queued": 1,
        "executed": 3,
        "errors": 2,
        "action_jobs_blocked": 2,
    }


def test_a_manifest_may_have_a_metric_of_zero() -> None:
    manifest = RunManifest.model_validate({**MANIFEST, "metrics": {"duration_ms": 0}})

    assert manifest.model_dump(mode="json")["metrics"] == {"duration_ms": 0}
    assert (manifest.schema_version, manifest.manifest_version) == ("1.0.0", "1.0")


@pytest.mark.parametrize(
    "changes",
    [{"size": -1}, {"checksum": "sha256:abc"}, {"checksum": "md5:" + "0" * 64}, {"ref": ""}],
)
def test_an_output_whose_size_or_checksum_cannot_be_is_refused(changes: dict[str, object]) -> None:
    output = {
        "name": "report",
        "type": "json",
        "ref": "artifact:1",
        "size": 0,
        "checksum": "sha256:" + "0" * 64,
        "mime_type": "application/json",
    }
    ArtifactOutput.model_validate(output)

    with pytest.raises(ValidationError):
        ArtifactOutput.model_validate({**output, **changes})
