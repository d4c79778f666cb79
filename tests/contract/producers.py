"""Writes bundles and reports of each dialect the way its producer does.

Nothing here uses the code under test: numbers, key order and hashes are worked out again.
"""

from __future__ import annotations

import copy
import functools
import hashlib
import json
import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

Json = dict[str, Any]

TENANT = "550e8400-e29b-41d4-a716-446655440000"
PROJECT = "550e8400-e29b-41d4-a716-446655440001"

_COLLATION = " _-,;:!?.'\"()[]{}@*/\\&#%`^+<=>|~$0123456789" + "".join(
    pair for letter in "abcdefghijklmnopqrstuvwxyz" for pair in (letter, letter.upper())
)


def js_number(value: float) -> str:
    """ECMA-262 Number::toString, from the shortest digits that `repr` finds."""
    if value == 0:
        return "0"
    sign, digits_tuple, exponent = Decimal(repr(value)).normalize().as_tuple()
    assert isinstance(exponent, int)
    digits, point = "".join(map(str, digits_tuple)), len(digits_tuple) + exponent
    if 0 < point <= 21:
        text = digits.ljust(point, "0")
        text = text if len(digits) <= point else f"{digits[:point]}.{digits[point:]}"
    elif -6 < point <= 0:
        text = "0." + "0" * -point + digits
    else:
        mantissa = digits[0] + ("." + digits[1:] if len(digits) > 1 else "")
        text = f"{mantissa}e{'+' if point > 0 else '-'}{abs(point - 1)}"
    return ("-" if sign else "") + text


def js_text(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)


def compare_code_units(left: str, right: str) -> int:
    a, b = left.encode("utf-16-be"), right.encode("utf-16-be")
    return (a > b) - (a < b)


def compare_locale(left: str, right: str) -> int:
    """`localeCompare` for printable ASCII: letters first without case, then small ones first."""
    without_case = (
        [_COLLATION.index(c) for c in left.lower()],
        [_COLLATION.index(c) for c in right.lower()],
    )
    with_case = [_COLLATION.index(c) for c in left], [_COLLATION.index(c) for c in right]
    a, b = with_case if without_case[0] == without_case[1] else without_case
    return (a > b) - (a < b)


def js_json(value: object, compare: Callable[[str, str], int] = compare_code_units) -> str:
    """`JSON.stringify` of an object rebuilt with its keys in order."""
    match value:
        case None | True | False:
            return json.dumps(value)
        case str():
            return js_text(value)
        case int() | float():
            return js_number(float(value))
        case list():
            return "[" + ",".join(js_json(item, compare) for item in value) + "]"
        case dict():
            names = sorted(value, key=functools.cmp_to_key(compare))
            indices = [n for n in names if re.fullmatch("0|[1-9][0-9]*", n) and int(n) < 2**32 - 1]
            ordered = sorted(indices, key=int) + [n for n in names if n not in indices]
            members = (f"{js_text(n)}:{js_json(value[n], compare)}" for n in ordered)
            return "{" + ",".join(members) + "}"
        case _:
            raise TypeError(type(value))


def sha(value: object, compare: Callable[[str, str], int] = compare_code_units) -> str:
    return hashlib.sha256(js_json(value, compare).encode()).hexdigest()


def _pick(source: Json, *names: str) -> Json:
    return {name: source[name] for name in names if name in source}


def _drop(source: Json, *names: str) -> Json:
    return {name: value for name, value in source.items() if name not in names}


# ops ---------------------------------------------------------------------------------------


def ops_request(job_type: str, payload: Json, **more: object) -> Json:
    return {
        "version": "1.0.0",
        "job_type": job_type,
        "tenant_context": {"tenant_id": "acme", "project_id": "shop"},
        "priority": "high",
        "requested_at": "2026-03-01T08:00:00.000Z",
        "payload": payload,
        "evidence_links": [],
        "policy": {
            "requires_policy_token": True,
            "required_scopes": [],
            "requires_approval": True,
            "risk_level": "high",
            "compliance_tags": [],
        },
        "metadata": {"runnerless": True, "finops": {"max_cost_usd": 2}},
        **more,
    }


def seal_ops(document: Json, *, rekey: bool = True) -> Json:
    """Keys and hash as the module writes them; without `rekey` the keys stay as they are."""
    sealed = copy.deepcopy(_drop(document, "canonicalization"))
    if rekey and "requests" in sealed:
        sealed["idempotency_keys"] = []
        for request in sealed["requests"]:
            key = sha(_pick(request, "job_type", "tenant_context", "payload", "policy"))
            request.setdefault("metadata", {})["idempotency_key"] = key
            entry = {"job_type": request["job_type"], "idempotency_key": key}
            sealed["idempotency_keys"].insert(0, entry)
    marks = {"algorithm": "json-lexicographic", "hash_algorithm": "sha256", "hash": sha(sealed)}
    return {**sealed, "canonicalization": marks}


def ops_bundle(requests: list[Json] | None = None, **more: object) -> Json:
    if requests is None:
        requests = [
            ops_request(
                "autopilot.ops.alert_correlate",
                {"alert_ids": ["a-1", "a-2"], "confidence": 0.75, "windows": {"10": 1, "9": 2}},
            ),
            ops_request(
                "autopilot.ops.reliability_report", {"report_id": "r-1", "deviation": 1e-7}
            ),
        ]
    return seal_ops(
        {
            "schema_version": "1.0.0",
            "module_id": "ops",
            "tenant_id": "acme",
            "project_id": "shop",
            "trace_id": "trace-ops-1",
            "created_at": "2026-03-01T08:00:00.000Z",
            "dry_run": True,
            "requests": requests,
            **more,
        }
    )


def older_growth_bundle() -> Json:
    request = ops_request(
        "autopilot.growth.seo_scan",
        {"source_path": "/site", "source_type": "html_export"},
        cost_estimate={"credits": 20, "confidence": "medium"},
        expires_at="2026-03-08T08:00:00.000Z",
        constraints={"max_duration_ms": 1500, "requires_isolation": False},
    )
    return ops_bundle([request], module_id="growth")


def ops_report() -> Json:
    bundle = ops_bundle()
    evidence = {"id": "ev-1", "type": "signal", "description": "1 alert", "severity": "critical"}
    report = {
        "version": "1.0.0",
        "report_id": "3f1c2c52-0d0a-4c57-9d3c-0f5d0a2c7a11",
        "report_type": "ops.health_assessment",
        "tenant_context": {"tenant_id": "acme", "project_id": "shop"},
        "module": {"name": "ops-autopilot", "version": "0.1.0"},
        "generated_at": "2026-03-01T08:00:00.000Z",
        "summary": {"total_findings": 1, "by_severity": {"critical": 1}},
        "evidence": [evidence],
        "recommendations": [{"id": "rec-1", "title": "Look", "evidence": [evidence]}],
        "job_requests": bundle["requests"],
        "findings": {"alerts_total": 2},
        "metadata": {"correlation_id": "trace-ops-1"},
    }
    return seal_ops({**_drop(bundle, "requests", "canonicalization"), "report": report})


# support -----------------------------------------------------------------------------------


def support_job(payload: Json, **more: object) -> Json:
    return {
        "schema_version": "1.0",
        "module_id": "support",
        "tenant_id": "acme",
        "project_id": "shop",
        "trace_id": "trace-support-1",
        "job_type": "autopilot.support.triage",
        "job_id": "job_1767600000000_a1b2c3d4",
        "priority": "normal",
        "payload": payload,
        "created_at": "2026-03-01T08:00:00.000Z",
        "requires_policy_token": False,
        "metadata": {"finops": {"max_cost_usd": 0.25, "max_runtime_seconds": 60}},
        **more,
    }


def seal_support(document: Json, *, rekey: bool = True) -> Json:
    sealed = copy.deepcopy(_drop(document, "hash"))
    for job in sealed.get("jobs", []) if rekey else []:
        keyed = _pick(job, "tenant_id", "project_id", "job_type", "payload")
        job["idempotency_key"] = sha(keyed, compare_locale)
    marks = {"algorithm": "sha256", "canonical_json_hash": sha(sealed, compare_locale)}
    return {**sealed, "hash": marks}


def support_bundle(jobs: list[Json] | None = None, **more: object) -> Json:
    if jobs is None:
        payload = {"ticket_id": "t-1", "subject": "Grüße", "body_preview": "No \u2028 login 😀"}
        odd = {"ticket_id": "t-2", "Z1": 1, "a1": 2, "a_b": 3, "ab": 4, "B": 5, "b": 6}
        jobs = [support_job(payload), support_job(odd, job_id="job_2")]
    return seal_support(
        {
            "schema_version": "1.0",
            "module_id": "support",
            "tenant_id": "acme",
            "project_id": "shop",
            "trace_id": "trace-support-1",
            "jobs": jobs,
            **more,
        }
    )


def support_report() -> Json:
    finding = {
        "id": "support.bundle",
        "severity": "info",
        "title": "Prepared",
        "description": "Prepared 2 requests.",
        "evidence": [],
    }
    return seal_support(
        {
            "schema_version": "1.0",
            "module_id": "support",
            "report_type": "autopilot.support.analysis",
            "tenant_id": "acme",
            "project_id": "shop",
            "trace_id": "trace-support-1",
            "summary": "2 tickets.",
            "findings": [finding],
            "metadata": {"ticket_count": 2},
        }
    )


# growth ------------------------------------------------------------------------------------


def growth_wrapper(job_type: str, payload: Json, *, flag: bool = False, **more: object) -> Json:
    return {
        "job_type_status": "available",
        "requires_policy_token": flag,
        "request": {
            "tenant_id": "acme",
            "project_id": "shop",
            "id": "1767600000000-k3j2h1g0f",
            "created_at": "2026-03-01T08:00:00.000Z",
            "job_type": job_type,
            "payload": payload,
            "priority": "normal",
            "context": {"triggered_by": "growth-autopilot", "trace_id": "trace-growth-1"},
            "constraints": {"auto_execute": True, "require_approval": True, "max_cost_usd": 0.5},
            **more,
        },
    }


def seal_growth(document: Json, *, rekey: bool = True) -> Json:
    sealed = copy.deepcopy(_drop(document, "canonical_hash", "canonical_hash_algorithm"))
    for wrapper in sealed.get("requests", []) if rekey else []:
        keyed = _pick(wrapper["request"], "tenant_id", "project_id", "job_type", "payload")
        wrapper["idempotency_key"] = sha(keyed)
    sealed["canonicalization"] = "sorted_keys"
    return {**sealed, "canonical_hash": sha(sealed), "canonical_hash_algorithm": "sha256"}


def growth_bundle(requests: list[Json] | None = None, **more: object) -> Json:
    if requests is None:
        scan = {"source_path": "./site", "source_type": "html_export", "max_pages": 1000}
        requests = [
            growth_wrapper("autopilot.growth.seo_scan", scan),
            growth_wrapper(
                "autopilot.growth.publish_content",
                {"draft_id": "d-1"},
                flag=True,
                id="job-2",
                priority="medium",
            ),
        ]
    return seal_growth(
        {
            "schema_version": "2024-09-01",
            "module_id": "growth",
            "bundle_id": "bundle-1767600000000",
            "tenant_id": "acme",
            "project_id": "shop",
            "trace_id": "trace-growth-1",
            "created_at": "2026-03-01T08:00:00.000Z",
            "requests": requests,
            **more,
        }
    )


def growth_report() -> Json:
    return seal_growth(
        {
            "schema_version": "2024-09-01",
            "module_id": "growth",
            "report_id": "report-1767600000000",
            "tenant_id": "acme",
            "project_id": "shop",
            "trace_id": "trace-growth-1",
            "created_at": "2026-03-01T08:00:00.000Z",
            "report_type": "growth.analysis",
            "summary": {"seo_findings": 1, "funnel_biggest_drop_off_step": None},
            "findings": [
                {"id": "f-1", "title": "SEO", "description": "1 finding", "severity": "warning"}
            ],
            "recommendations": [
                {"id": "r-1", "title": "Queue", "description": "Scan", "job_type": "seo_scan"},
                {"id": "r-2", "title": "Read", "description": "Nothing to queue"},
            ],
            "inputs": {"event_count": 1, "run_manifest_count": 0},
        }
    )


# finops ------------------------------------------------------------------------------------


def finops_request(job_type: str, payload: Json, **more: object) -> Json:
    return {
        "job_type": job_type,
        "job_id": "job-1",
        "tenant_id": "acme",
        "project_id": "shop",
        "requested_at": "2026-03-01T08:00:00.000Z",
        "payload": payload,
        "priority": "normal",
        "max_retries": 3,
        "timeout_seconds": 300,
        "metadata": {"requires_policy_token": False, "job_type_status": "AVAILABLE"},
        **more,
    }


def seal_finops(document: Json, *, rekey: bool = True) -> Json:
    sealed = copy.deepcopy(_drop(document, "canonicalization"))
    for request in sealed.get("requests", []) if rekey else []:
        keyed = _pick(request, "job_type", "tenant_id", "project_id", "payload")
        request["idempotency_key"] = sha(keyed)
    marks = {
        "algorithm": "sha256",
        "canonical_format": "json-stable",
        "canonical_hash": sha(sealed),
    }
    return {**sealed, "canonicalization": marks}


def finops_bundle(requests: list[Json] | None = None, **more: object) -> Json:
    if requests is None:
        events = {"type": "file", "path": "./events.json", "format": "json"}
        requests = [
            finops_request("reconcile", {"operation": "reconcile", "events_source": events}),
            finops_request(
                "autopilot.finops.churn_risk_report",
                {
                    "operation": "churn_risk_report",
                    "weights": {"payment_failure": 0.3, "big": 1e21},
                },
                job_id="job-2",
                timeout_seconds=600,
            ),
        ]
    return seal_finops(
        {
            "schema_version": "1.0.0",
            "module_id": "finops",
            "tenant_id": "acme",
            "project_id": "shop",
            "trace_id": "trace-finops-1",
            "requests": requests,
            "metadata": {"job_count": len(requests)},
            **more,
        }
    )


def finops_report() -> Json:
    finding = {
        "finding_id": "recon-sub-1",
        "title": "MRR discrepancy",
        "description": "500 cents",
        "severity": "medium",
        "category": "reconciliation",
        "evidence": [],
        "metadata": {},
    }
    return seal_finops(
        {
            "schema_version": "1.0.0",
            "module_id": "finops",
            "tenant_id": "acme",
            "project_id": "shop",
            "trace_id": "trace-finops-1",
            "report_id": "finops-report-001fcc70100e",
            "generated_at": "2026-03-01T08:00:00.000Z",
            "report_type": "finops",
            "summary": {"event_count": 2},
            "findings": [finding],
            "recommendations": ["Ask the provider."],
            "metadata": {},
        }
    )


# jobforge ----------------------------------------------------------------------------------


def canonical_request(number: int = 1, **more: object) -> Json:
    return {
        "id": f"req-{number}",
        "job_type": "autopilot.ops.scan",
        "tenant_id": TENANT,
        "project_id": PROJECT,
        "payload": {"scan_type": "health"},
        "idempotency_key": f"scan {number}",
        "required_scopes": ["ops:read"],
        "is_action_job": False,
        **more,
    }


def canonical_bundle(requests: list[Json] | None = None, **more: object) -> Json:
    return {
        "schema_version": "1.0.0",
        "bundle_id": "bundle-1",
        "tenant_id": TENANT,
        "project_id": PROJECT,
        "trace_id": "trace-1",
        "requests": [canonical_request()] if requests is None else requests,
        "metadata": {
            "source": "ops-autopilot",
            "triggered_at": "2026-03-01T08:00:00Z",
            "note": {"kept": True},
        },
        **more,
    }


def older_canonical_bundle() -> Json:
    payload = {"tenant_id": TENANT, "project_id": PROJECT, "scan_type": "health"}
    return {"version": "1.0", **_drop(canonical_bundle(), "schema_version")} | {
        "requests": [canonical_request(payload=payload)]
    }


def canonical_report() -> Json:
    return {
        "schema_version": "1.0.0",
        "report_id": "report-1",
        "tenant_id": TENANT,
        "project_id": PROJECT,
        "trace_id": "trace-1",
        "module_id": "core",
        "report_type": "core.run",
        "created_at": "2026-03-01T08:00:00Z",
        "summary": {"runs": 1},
        "artifacts": [{"name": "log", "type": "text", "ref": "artifact:1", "size": 3}],
        "redaction_hints": {"redact_fields": ["email"], "retention_days": 30},
    }


BUNDLES: dict[str, Callable[[], Json]] = {
    "jobforge": canonical_bundle,
    "jobforge-older": older_canonical_bundle,
    "ops": ops_bundle,
    "older-growth": older_growth_bundle,
    "support": support_bundle,
    "growth": growth_bundle,
    "finops": finops_bundle,
}
REPORTS: dict[str, Callable[[], Json]] = {
    "jobforge": canonical_report,
    "ops": ops_report,
    "support": support_report,
    "growth": growth_report,
    "finops": finops_report,
}


def encode(document: object) -> bytes:
    """As a file: indented, in the order of making."""
    return (json.dumps(document, indent=2, ensure_ascii=False) + "\n").encode()
