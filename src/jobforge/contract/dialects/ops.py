"""The dialect of ops-autopilot and of the growth module that was once embedded in it.

Requests name their tenant in `tenant_context` and have no id; the idempotency key stands in
their metadata and, once more, in a list of the bundle.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from pydantic import Field

from jobforge.contract.codes import BundleCode
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
    request_shape,
    without,
)
from jobforge.contract.dialects.translated import (
    CheckedReport,
    Hints,
    Priority,
    TranslatedRequest,
)
from jobforge.contract.errors import ContractViolation
from jobforge.contract.limits import FreeText, Instant, Name
from jobforge.contract.producer_json import producer_hash
from jobforge.contract.validation import validate

_VERSION = "1.0.0"
_KEYED = ("job_type", "tenant_context", "payload", "policy")


class OpsTenantContext(ModuleModel):
    """Whose request it is."""

    tenant_id: Name
    project_id: Name


class OpsPolicy(ModuleModel):
    """What the module wants checked. Without one it wants a policy token."""

    requires_policy_token: bool = Field(default=True, strict=True)
    required_scopes: tuple[FreeText, ...] = ()
    requires_approval: bool = Field(default=False, strict=True)


class OpsConstraints(ModuleModel):
    """Limits that the module asks for."""

    max_duration_ms: int | None = Field(default=None, gt=0, strict=True)


class OpsRequest(ModuleModel):
    """One job request."""

    job_type: FreeText
    tenant_context: OpsTenantContext
    priority: Priority = "normal"
    requested_at: Instant
    expires_at: Instant | None = None
    payload: dict[str, Any]
    policy: OpsPolicy = OpsPolicy()
    constraints: OpsConstraints | None = None
    metadata: dict[str, Any] = Field(default_factory=dict)


class OpsListedKey(ModuleModel):
    """One entry of the bundle's own list of keys."""

    job_type: FreeText
    idempotency_key: FreeText


class OpsEnvelope(ModuleEnvelope):
    """What bundle and report have in common."""

    created_at: Instant
    idempotency_keys: tuple[OpsListedKey, ...]


class OpsBundle(OpsEnvelope):
    """What `analyze` writes as request-bundle.json."""

    requests: tuple[OpsRequest, ...]


class OpsReportBody(ModuleModel):
    """The report proper."""

    report_id: FreeText
    report_type: FreeText
    tenant_context: OpsTenantContext
    generated_at: Instant
    summary: dict[str, Any]
    evidence: tuple[dict[str, Any], ...]
    recommendations: tuple[dict[str, Any], ...]
    job_requests: tuple[OpsRequest, ...] = ()


class OpsReport(OpsEnvelope):
    """What `analyze` writes as report.json."""

    report: OpsReportBody


def recognise(document: Document) -> bool:
    """Requests with a `tenant_context`, or the marks of an empty bundle."""
    shape = request_shape(document)
    is_marked = "hash" in member(document, "canonicalization") or "idempotency_keys" in document
    has_list = isinstance(document.get("requests"), list)
    return shape == "ops" or (shape is None and has_list and is_marked)


def recognise_report(document: Document) -> bool:
    """A `report` inside, which has its own tenant context."""
    return "tenant_context" in member(document, "report")


def read_report(document: Document) -> CheckedReport:
    """Verify a report's hash, form, and the keys of the requests it repeats.

    Raises:
        ContractViolation: for whatever does not fit or does not match.
    """
    _verify(document)
    envelope = validate(OpsReport, document)
    report = envelope.report
    raw_requests = member(document, "report").get("job_requests", [])
    keys = [producer_hash(only(raw, *_KEYED)) for raw in raw_requests]
    _compare_lists(raw_requests, keys, envelope)
    return CheckedReport(
        dialect="ops",
        report_id=report.report_id,
        report_type=report.report_type,
        tenant=envelope.tenant_id,
        project=envelope.project_id,
        trace_id=envelope.trace_id,
        producer_hash="verified",
        source_module=envelope.module_id,
        created_at=envelope.created_at,
        findings=len(report.evidence),
        recommendations=len(report.recommendations),
        requested_job_types=tuple(
            full_job_type(request.job_type, envelope.module_id) for request in report.job_requests
        ),
        content=document,
    )


def _verify(document: Document) -> str:
    check_version(document, _VERSION)
    return check_hash(
        member(document, "canonicalization").get("hash"),
        without(document, "canonicalization"),
        what="producer hash",
        at="/canonicalization/hash",
    )


def _verify_keys(raw_requests: Sequence[Document], bundle: OpsBundle) -> list[str]:
    """Recompute each key; it must stand in the request's metadata and in the bundle's list."""
    keys = []
    for index, raw in enumerate(raw_requests):
        key = check_hash(
            member(raw, "metadata").get("idempotency_key"),
            only(raw, *_KEYED),
            what="idempotency key",
            at=f"/requests/{index}/metadata/idempotency_key",
        )
        keys.append(key)
    _compare_lists(raw_requests, keys, bundle)
    return keys


def _compare_lists(
    raw_requests: Sequence[Document], keys: Iterable[str], found: OpsEnvelope
) -> None:
    """Hold the list of keys against the recomputed ones; its order is that of their making."""
    expected = Counter((raw["job_type"], key) for raw, key in zip(raw_requests, keys, strict=True))
    listed = Counter(
        (entry.job_type, entry.idempotency_key.lower()) for entry in found.idempotency_keys
    )
    if expected != listed:
        raise ContractViolation(
            BundleCode.PRODUCER_HASH_MISMATCH,
            "the list of idempotency keys does not match the requests",
            pointer="/idempotency_keys",
        )


def _id_prefix(module: str) -> str:
    """The module's id where it can stand in an identifier."""
    is_plain = module.isascii() and module.replace("-", "").replace("_", "").isalnum()
    return module if is_plain else "ops"


def _translate(request: OpsRequest, raw: Document, place: Keyed, module: str) -> TranslatedRequest:
    check_payload_size(request.payload, at=place.pointer)
    longest = request.constraints.max_duration_ms if request.constraints else None
    return TranslatedRequest(
        request_id=place.derived_id,
        job_type=full_job_type(request.job_type, module),
        tenant=request.tenant_context.tenant_id,
        project=request.tenant_context.project_id,
        payload=request.payload,
        idempotency_key=place.key,
        required_scopes=request.policy.required_scopes,
        is_flagged=request.policy.requires_policy_token,
        hints=Hints(
            priority=request.priority,
            max_cost_usd=number(member(request.metadata, "finops").get("max_cost_usd")),
            max_duration_seconds=longest / 1000 if longest is not None else None,
            requires_approval=request.policy.requires_approval,
            expires_at=request.expires_at,
        ),
        pointer=place.pointer,
        metadata=without(raw, "payload"),
    )


read = ModuleReader(
    dialect="ops",
    model=OpsBundle,
    list_name="requests",
    prefix="req",
    requests=lambda bundle: bundle.requests,
    bundle_id=lambda bundle, digest: f"{_id_prefix(bundle.module_id)}-{digest[:32]}",
    verify=_verify,
    verify_keys=_verify_keys,
    translate=_translate,
).read
