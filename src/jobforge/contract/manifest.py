"""The run manifest: what a run read, wrote and ran on (schema 1.0.0)."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import Field

from jobforge.contract.model import WireModel

ManifestStatus = Literal["pending", "complete", "failed"]


class ArtifactOutput(WireModel):
    """One stored output. `size` is bytes; `checksum` is `sha256:` and 64 hex digits."""

    name: str = Field(min_length=1)
    type: str = Field(min_length=1)
    ref: str = Field(min_length=1)
    size: int = Field(ge=0)
    checksum: str = Field(pattern=r"^sha256:[0-9a-f]{64}$")
    mime_type: str


class RunManifest(WireModel):
    """What happened in one run, and on what. Metrics may be zero; every `ref` resolves."""

    schema_version: Literal["1.0.0"] = "1.0.0"
    manifest_version: Literal["1.0"] = "1.0"
    run_id: UUID | None
    tenant_id: UUID | None
    project_id: UUID | None = None
    job_type: str
    created_at: datetime
    inputs_snapshot_ref: str | None = None
    logs_ref: str | None = None
    outputs: tuple[ArtifactOutput, ...] = ()
    metrics: dict[str, float] = Field(default_factory=dict)
    env_fingerprint: dict[str, str] = Field(default_factory=dict)
    tool_versions: dict[str, str | dict[str, str]] = Field(default_factory=dict)
    status: ManifestStatus
    error: dict[str, Any] | None = None
