"""The dialect of growth-autopilot: each request in a wrapper that holds its key and its flag."""

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

_VERSION = "2024-09-01"
_KEYED = ("tenant_id", "project_id", "job_type", "payload")


class GrowthConstraints(ModuleModel):
    """Limits that the module asks for; `auto_execute` grants nothing."""

    auto_execute: bool = Field(strict=True)
    require_approval: bool = Field(strict=True)
    deadline: Instant | None = None
    max_cost_usd: float | None = Field(default=None, ge=0, strict=True)


class GrowthRequest(ModuleModel):
    """The job request proper. `medium` is the module's older word for `normal`."""

    id: Identifier | None = None
    tenant_id: Name
    project_id: Name
    created_at: Instant
    job_type: FreeText
    payload: dict[str, Any]
    priority: Literal["low", "medium", "normal", "high", "critical"] = "normal"
    constraints: GrowthConstraints


class GrowthWrapper(ModuleModel):
    """A request with its flag."""

    request: GrowthRequest
    requires_policy_token: bool = Field(default=False, strict=True)


class GrowthBundle(ModuleEnvelope):
    """What `analyze` writes as request-bundle.json."""

    bundle_id: Identifier | None = None
    created_at: Instant
    requests: tuple[GrowthWrapper, ...]


class GrowthFinding(ModuleModel):
    """One finding of a report."""

    id: FreeText
    title: str
    description: str
    severity: Literal["critical", "warning", "info", "opportunity"]


class GrowthRecommendation(ModuleModel):
    """One recommendation of a report."""

    id: FreeText
    title: str
    description: str
    job_type: FreeText | None = None


class GrowthReport(ModuleEnvelope):
    """What `analyze` writes as report.json."""

    report_id: FreeText
    created_at: Instant
    report_type: FreeText
    summary: dict[str, Any]
    findings: tuple[GrowthFinding, ...]
    recommendations: tuple[GrowthRecommendation, ...]


def recognise(document: Document) -> bool:
    """Requests inside wrappers, or the marks of an empty bundle."""
    shape = request_shape(document)
    has_list = isinstance(document.get("requests"), list)
    return shape == "growth" or (shape is None and has_list and _is_marked(document))


def recognise_report(document: Document) -> bool:
    """The module's hash, or its two lists under a `created_at`."""
    has_lists = "findings" in document and "recommendations" in document
    is_marked = _is_marked(document) or (has_lists and "created_at" in document)
    return "requests" not in document and is_marked


def read_report(document: Document) -> CheckedReport:
    """Verify a report's hash and form.

    Raises:
        ContractViolation: for whatever does not fit or does not match.
    """
    _verify(document)
    report = validate(GrowthReport, document)
    return CheckedReport(
        dialect="growth",
        report_id=report.report_id,
        report_type=report.report_type,
        tenant=report.tenant_id,
        project=report.project_id,
        trace_id=report.trace_id,
        producer_hash="verified",
        source_module=report.module_id,
        created_at=report.created_at,
        findings=len(report.findings),
        recommendations=len(report.recommendations),
        requested_job_types=tuple(
            full_job_type(recommendation.job_type, report.module_id)
            for recommendation in report.recommendations
            if recommendation.job_type is not None
        ),
        content=document,
    )


def _is_marked(document: Document) -> bool:
    return "canonical_hash" in document or isinstance(document.get("canonicalization"), str)


def _verify(document: Document) -> str:
    if "schema_version" in document:
        check_version(document, _VERSION)
    return check_hash(
        document.get("canonical_hash"),
        without(document, "canonical_hash", "canonical_hash_algorithm"),
        what="producer hash",
        at="/canonical_hash",
    )


def _verify_keys(requests: Sequence[Document], _: GrowthBundle) -> list[str]:
    return [
        check_hash(
            wrapper.get("idempotency_key"),
            only(wrapper["request"], *_KEYED),
            what="idempotency key",
            at=f"/requests/{index}/idempotency_key",
        )
        for index, wrapper in enumerate(requests)
    ]


def _translate(
    wrapper: GrowthWrapper, raw: Document, place: Keyed, module: str
) -> TranslatedRequest:
    request, at = wrapper.request, f"{place.pointer}/request"
    check_payload_size(request.payload, at=at)
    priority: Priority = "normal" if request.priority == "medium" else request.priority
    return TranslatedRequest(
        request_id=request.id or place.derived_id,
        job_type=full_job_type(request.job_type, module),
        tenant=request.tenant_id,
        project=request.project_id,
        payload=request.payload,
        idempotency_key=place.key,
        required_scopes=(),
        is_flagged=wrapper.requires_policy_token,
        hints=Hints(
            priority=priority,
            max_cost_usd=request.constraints.max_cost_usd,
            requires_approval=request.constraints.require_approval,
            expires_at=request.constraints.deadline,
        ),
        pointer=at,
        metadata={**without(raw, "request"), **without(raw["request"], "payload")},
    )


read = ModuleReader(
    dialect="growth",
    model=GrowthBundle,
    list_name="requests",
    prefix="job",
    requests=lambda bundle: bundle.requests,
    bundle_id=lambda bundle, digest: bundle.bundle_id or f"growth-{digest[:32]}",
    verify=_verify,
    verify_keys=_verify_keys,
    translate=_translate,
).read
