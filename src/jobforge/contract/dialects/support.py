"""The dialect of support-autopilot: `jobs`, and a hash over keys in locale order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from pydantic import Field

from jobforge.contract.dialects.checks import (
    Document,
    Keyed,
    ModuleEnvelope,
    ModuleModel,
    ModuleReader,
    check_hash,
    check_payload_size,
    check_version,
    full_job_type,
    member,
    number,
    only,
    without,
)
from jobforge.contract.dialects.translated import (
    CheckedReport,
    Hints,
    Priority,
    TranslatedRequest,
)
from jobforge.contract.limits import FreeText, Identifier, Instant, Name
from jobforge.contract.producer_json import by_locale
from jobforge.contract.validation import validate

_VERSION = "1.0"
_KEYED = ("tenant_id", "project_id", "job_type", "payload")


class SupportJob(ModuleModel):
    """One job request."""

    job_type: FreeText
    job_id: Identifier | None = None
    tenant_id: Name
    project_id: Name
    priority: Priority = "normal"
    payload: dict[str, Any]
    created_at: Instant
    scheduled_for: Instant | None = None
    requires_policy_token: bool = Field(default=False, strict=True)
    metadata: dict[str, Any] = Field(default_factory=dict)


class SupportBundle(ModuleEnvelope):
    """What `analyze` writes as request-bundle.json."""

    jobs: tuple[SupportJob, ...]


class SupportFinding(ModuleModel):
    """One finding of a report."""

    id: FreeText
    severity: Literal["info", "low", "medium", "high", "critical"]
    title: str
    description: str


class SupportReport(ModuleEnvelope):
    """What `analyze` writes as report.json. It has no id and no time."""

    report_type: FreeText
    summary: str
    findings: tuple[SupportFinding, ...]


def recognise(document: Document) -> bool:
    """A list of `jobs`."""
    return isinstance(document.get("jobs"), list)


def recognise_report(document: Document) -> bool:
    """A hash under `hash`, or findings under a summary that is a text."""
    is_hashed = "canonical_json_hash" in member(document, "hash")
    return "jobs" not in document and (
        is_hashed or ("findings" in document and isinstance(document.get("summary"), str))
    )


def read_report(document: Document) -> CheckedReport:
    """Verify a report's hash and form.

    Raises:
        ContractViolation: for whatever does not fit or does not match.
    """
    digest = _verify(document)
    report = validate(SupportReport, document)
    return CheckedReport(
        dialect="support",
        report_id=f"support-report-{digest[:32]}",
        report_type=report.report_type,
        tenant=report.tenant_id,
        project=report.project_id,
        trace_id=report.trace_id,
        producer_hash="verified",
        source_module=report.module_id,
        created_at=None,
        findings=len(report.findings),
        recommendations=0,
        requested_job_types=(),
        content=document,
    )


def _verify(document: Document) -> str:
    if "schema_version" in document:
        check_version(document, _VERSION)
    return check_hash(
        member(document, "hash").get("canonical_json_hash"),
        without(document, "hash"),
        what="producer hash",
        at="/hash/canonical_json_hash",
        order=by_locale,
    )


def _verify_keys(requests: Sequence[Document], _: SupportBundle) -> list[str]:
    return [
        check_hash(
            job.get("idempotency_key"),
            only(job, *_KEYED),
            what="idempotency key",
            at=f"/jobs/{index}/idempotency_key",
            order=by_locale,
        )
        for index, job in enumerate(requests)
    ]


def _translate(job: SupportJob, raw: Document, place: Keyed, module: str) -> TranslatedRequest:
    check_payload_size(job.payload, at=place.pointer)
    caps = member(job.metadata, "finops")
    return TranslatedRequest(
        request_id=job.job_id or place.derived_id,
        job_type=full_job_type(job.job_type, module),
        tenant=job.tenant_id,
        project=job.project_id,
        payload=job.payload,
        idempotency_key=place.key,
        required_scopes=(),
        is_flagged=job.requires_policy_token,
        hints=Hints(
            priority=job.priority,
            max_cost_usd=number(caps.get("max_cost_usd")),
            max_duration_seconds=number(caps.get("max_runtime_seconds")),
            not_before=job.scheduled_for,
        ),
        pointer=place.pointer,
        metadata=without(raw, "payload"),
    )


read = ModuleReader(
    dialect="support",
    model=SupportBundle,
    list_name="jobs",
    prefix="job",
    requests=lambda bundle: bundle.jobs,
    bundle_id=lambda _, digest: f"support-{digest[:32]}",
    verify=_verify,
    verify_keys=_verify_keys,
    translate=_translate,
).read
