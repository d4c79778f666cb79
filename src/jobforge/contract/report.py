"""The canonical report: what a module found, as it hands it over."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from jobforge.contract.limits import FreeText, Identifier, Instant, Name, UuidText
from jobforge.contract.model import WireModel

ModuleId = Literal["ops", "support", "growth", "finops", "core"]


class ReportArtifact(WireModel):
    """One file that belongs to a report. `size` is bytes; the producer's word, not checked here."""

    name: FreeText
    type: FreeText
    ref: str = Field(min_length=1)
    size: int | None = Field(default=None, gt=0, strict=True)
    checksum: str | None = None
    mime_type: str | None = None


class RedactionHints(WireModel):
    """What the producer wants hidden, encrypted or forgotten, and after how many days."""

    redact_fields: tuple[str, ...] | None = None
    encrypt_fields: tuple[str, ...] | None = None
    retention_days: int | None = Field(default=None, gt=0, strict=True)


class ReportEnvelope(WireModel):
    """A report in JobForge's own form. It carries no hash."""

    schema_version: Literal["1.0.0"]
    report_id: Identifier
    tenant_id: UuidText
    project_id: UuidText
    trace_id: Name
    module_id: ModuleId
    report_type: FreeText
    created_at: Instant
    summary: dict[str, Any] | None = None
    artifacts: tuple[ReportArtifact, ...] | None = None
    payload: dict[str, Any] | None = None
    redaction_hints: RedactionHints | None = None
