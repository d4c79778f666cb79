"""Bundles and reports in JobForge's own form."""

from __future__ import annotations

from tests.contract.producers.javascript import Json, drop

TENANT = "550e8400-e29b-41d4-a716-446655440000"
PROJECT = "550e8400-e29b-41d4-a716-446655440001"


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


def canonical_bundle(requests: object = None, **more: object) -> Json:
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
    return {"version": "1.0", **drop(canonical_bundle(), "schema_version")} | {
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
