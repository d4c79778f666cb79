"""The dialect of finops-autopilot: flat requests with a `job_id`; the flag in their metadata."""

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
    only,
    request_shape,
    without,
)
from jobforge.contract.dialects.translated import (
    CheckedReport,
    Hints,
    Priority,
    TranslatedRequest,
)
from jobforge.contract.limits import FreeText, Identifier, Instant, Name
from jobforge.contract.validation import validate

_VERSION = "1.0.0"
_ACTION_NAMES = ("action", "action_type", "action_name")
_KEYED = ("job_type", "tenant_id", "project_id", "payload")


class FinopsRequest(ModuleModel):
    """One job request."""

    job_type: FreeText
    job_id: Identifier | None = None
    tenant_id: Name
    project_id: Name
    requested_at: Instant
    payload: dict[str, Any]
    priority: Priority = "normal"
    max_retries: int = Field(default=3, ge=0, strict=True)
    timeout_seconds: int = Field(default=300, ge=0, strict=True)
    metadata: dict[str, Any] = Field(default_factory=dict)


class FinopsBundle(ModuleEnvelope):
    """What `analyze` writes as request-bundle.json."""

    requests: tuple[FinopsRequest, ...]


class FinopsFinding(ModuleModel):
    """One finding of a report."""

    finding_id: FreeText
    title: str
    description: str
    severity: Literal["info", "low", "medium", "high", "critical"]


class FinopsReport(ModuleEnvelope):
    """What `analyze` writes as report.json."""

    report_id: FreeText
    generated_at: Instant
    report_type: Literal["finops"]
    summary: dict[str, Any]
    findings: tuple[FinopsFinding, ...] = ()
    recommendations: tuple[str, ...] = ()


def recognise(document: Document) -> bool:
    """Requests with a `job_id`, or the marks of an empty bundle."""
    shape = request_shape(document)
    has_list = isinstance(document.get("requests"), list)
    return shape == "finops" or (shape is None and has_list and _is_marked(document))


def recognise_report(document: Document) -> bool:
    """The module's hash, or findings under a `generated_at`."""
    is_marked = _is_marked(document) or ("findings" in document and "generated_at" in document)
    return "requests" not in document and is_marked


def read_report(document: Document) -> CheckedReport:
    """Verify a report's hash and form.

    Raises:
        ContractViolation: for whatever does not fit or does not match.
    """
    _verify(document)
    report = validate(FinopsReport, document)
    return CheckedReport(
        dialect="finops",
        report_id=report.report_id,
        report_type=report.report_type,
        tenant=report.tenant_id,
        project=report.project_id,
        trace_id=report.trace_id,
        producer_hash="verified",
        source_module=report.module_id,
        created_at=report.generated_at,
        findings=len(report.findings),
        recommendations=len(report.recommendations),
        requested_job_types=(),
        content=document,
    )


def _is_marked(document: Document) -> bool:
    marks = member(document, "canonicalization")
    return "canonical_hash" in marks or "canonical_format" in marks


def _verify(document: Document) -> str:
    check_version(document, _VERSION)
    return check_hash(
        member(document, "canonicalization").get("canonical_hash"),
        without(document, "canonicalization"),
        what="producer hash",
        at="/canonicalization/canonical_hash",
    )


def _verify_keys(requests: Sequence[Document], _: FinopsBundle) -> list[str]:
    return [
        check_hash(
            raw.get("idempotency_key"),
            only(raw, *_KEYED),
            what="idempotency key",
            at=f"/requests/{index}/idempotency_key",
        )
        for index, raw in enumerate(requests)
    ]


def _translate(
    request: FinopsRequest, raw: Document, place: Keyed, module: str
) -> TranslatedRequest:
    check_payload_size(request.payload, at=place.pointer)
    return TranslatedRequest(
        request_id=request.job_id or place.derived_id,
        job_type=full_job_type(request.job_type, module),
        tenant=request.tenant_id,
        project=request.project_id,
        payload=request.payload,
        idempotency_key=place.key,
        required_scopes=(),
        is_flagged=_is_flagged(request),
        hints=Hints(
            priority=request.priority,
            max_duration_seconds=float(request.timeout_seconds),
            max_retries=request.max_retries,
        ),
        pointer=place.pointer,
        metadata=without(raw, "payload"),
    )


def _is_flagged(request: FinopsRequest) -> bool:
    """Any flag but a plain no counts, and so does what the module itself calls an action."""
    flag = request.metadata.get("requires_policy_token")
    names_action = any(name in request.payload for name in _ACTION_NAMES)
    return names_action or (flag is not None and flag is not False)


read = ModuleReader(
    dialect="finops",
    model=FinopsBundle,
    list_name="requests",
    prefix="job",
    requests=lambda bundle: bundle.requests,
    bundle_id=lambda _, digest: f"finops-{digest[:32]}",
    verify=_verify,
    verify_keys=_verify_keys,
    translate=_translate,
).read
