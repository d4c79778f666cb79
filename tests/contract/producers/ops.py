"""Bundles and reports as ops-autopilot writes them, and the growth module once embedded in it."""

from __future__ import annotations

import copy

from tests.contract.producers.javascript import Json, drop, pick, sha


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
    sealed = copy.deepcopy(drop(document, "canonicalization"))
    if rekey and "requests" in sealed:
        sealed["idempotency_keys"] = []
        for request in sealed["requests"]:
            key = sha(pick(request, "job_type", "tenant_context", "payload", "policy"))
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
    return seal_ops({**drop(bundle, "requests", "canonicalization"), "report": report})
