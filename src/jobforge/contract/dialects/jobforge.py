"""The canonical dialect: JobForge's own form, in both spellings. It carries no producer hash."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jobforge.contract.bundle import JobRequest, JobRequestBundle
from jobforge.contract.dialects.checks import (
    Document,
    check_count,
    check_payload_size,
    check_version,
    member,
    request_shape,
    take_tokens,
)
from jobforge.contract.dialects.translated import (
    CheckedReport,
    Hints,
    TranslatedBundle,
    TranslatedRequest,
)
from jobforge.contract.report import ReportEnvelope
from jobforge.contract.validation import validate

_MODULE_MARKS = ("module_id", "canonicalization", "canonical_hash", "hash")


def recognise(document: Document) -> bool:
    """Requests with an `id`, in a bundle with a `bundle_id` and without a module's marks."""
    shape = request_shape(document)
    is_unmarked = not any(mark in document for mark in _MODULE_MARKS)
    return shape == "jobforge" or (shape is None and "bundle_id" in document and is_unmarked)


def read(document: Document) -> TranslatedBundle:
    """Check the bundle and cut it to the one form.

    Raises:
        ContractViolation: for whatever does not fit.
    """
    _check_spelling(document)
    check_count(document, "requests")
    bundle = validate(JobRequestBundle, document)
    requests = [
        _translate(request, bundle, f"/requests/{index}")
        for index, request in enumerate(bundle.requests)
    ]
    kept, token = take_tokens(requests)
    return TranslatedBundle(
        dialect="jobforge",
        bundle_id=bundle.bundle_id,
        tenant=bundle.tenant_id,
        project=bundle.project_id,
        trace_id=bundle.trace_id,
        producer_hash="absent",
        source_module=bundle.metadata.source,
        requests=kept,
        metadata=member(document, "metadata"),
        policy_token=token,
    )


def recognise_report(document: Document) -> bool:
    """A `report_id` and a `created_at`, without a hash and without a module's lists."""
    has_own = "report_id" in document and "created_at" in document
    module_marks = ("canonicalization", "canonical_hash", "hash", "findings", "recommendations")
    return has_own and not any(mark in document for mark in module_marks)


def read_report(document: Document) -> CheckedReport:
    """Check a report in the canonical form.

    Raises:
        ContractViolation: for whatever does not fit.
    """
    check_version(document, "1.0.0")
    report = validate(ReportEnvelope, document)
    return CheckedReport(
        dialect="jobforge",
        report_id=report.report_id,
        report_type=report.report_type,
        tenant=report.tenant_id,
        project=report.project_id,
        trace_id=report.trace_id,
        producer_hash="absent",
        source_module=report.module_id,
        created_at=report.created_at,
        findings=0,
        recommendations=0,
        requested_job_types=(),
        content=document,
    )


def _check_spelling(document: Document) -> None:
    if "version" in document and "schema_version" not in document:
        check_version(document, "1.0", key="version")
    else:
        check_version(document, "1.0.0")


def _translate(request: JobRequest, bundle: JobRequestBundle, at: str) -> TranslatedRequest:
    check_payload_size(request.payload, at=at)
    payload, named = _split_payload(request.payload)
    project = request.project_id or bundle.project_id
    return TranslatedRequest(
        request_id=request.id,
        job_type=request.job_type,
        tenant=_strictest(bundle.tenant_id, request.tenant_id, named.get("tenant_id")),
        project=_strictest(bundle.project_id, project, named.get("project_id")),
        payload=payload,
        idempotency_key=request.idempotency_key,
        required_scopes=request.required_scopes,
        is_flagged=request.is_action_job,
        hints=Hints(),
        pointer=at,
    )


def _split_payload(payload: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """The payload proper, and the tenant and project that producers used to repeat in it."""
    named = {
        key: payload[key]
        for key in ("tenant_id", "project_id")
        if isinstance(payload.get(key), str)
    }
    return {key: value for key, value in payload.items() if key not in named}, named


def _strictest(expected: Any, *named: str | None) -> Any:  # noqa: ANN401 (str, or str | None)
    """The first name that differs from what the bundle says; a mismatch can't hide behind it."""
    for name in named:
        if name is not None and (expected is None or name.lower() != expected.lower()):
            return name
    return expected
