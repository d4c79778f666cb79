"""Bundles and reports as finops-autopilot writes them."""

from __future__ import annotations

import copy

from tests.contract.producers.javascript import Json, drop, pick, sha


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
    sealed = copy.deepcopy(drop(document, "canonicalization"))
    for request in sealed.get("requests", []) if rekey else []:
        keyed = pick(request, "job_type", "tenant_id", "project_id", "payload")
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
