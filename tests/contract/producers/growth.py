"""Bundles and reports as growth-autopilot writes them."""

from __future__ import annotations

import copy

from tests.contract.producers.javascript import Json, drop, pick, sha


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
    sealed = copy.deepcopy(drop(document, "canonical_hash", "canonical_hash_algorithm"))
    for wrapper in sealed.get("requests", []) if rekey else []:
        keyed = pick(wrapper["request"], "tenant_id", "project_id", "job_type", "payload")
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
