"""Bundles as the four modules write them, hashes and keys included, and two of our own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from jobforge.contract.producer_json import producer_hash

Json = dict[str, Any]

TENANT, PROJECT = "kettle-works", "shop"
_MOMENT = "2026-03-01T08:00:00.000Z"


def ops_bundle() -> Json:
    """What ops-autopilot asks for; one of its types is in no catalogue of ours."""
    correlate = {"alert_ids": ["a-1", "a-2"], "root_cause": "worker memory", "confidence": 0.75}
    requests = [
        _ops_request("autopilot.ops.alert_correlate", correlate),
        _ops_request("autopilot.ops.health_check", {"service": "worker"}),
    ]
    bundle: Json = {
        "schema_version": "1.0.0",
        "module_id": "ops",
        "tenant_id": TENANT,
        "project_id": PROJECT,
        "trace_id": "demo-ops",
        "created_at": _MOMENT,
        "dry_run": True,
        "requests": requests,
        "idempotency_keys": [
            {
                "job_type": request["job_type"],
                "idempotency_key": request["metadata"]["idempotency_key"],
            }
            for request in requests
        ],
    }
    marks = {"algorithm": "json-lexicographic", "hash_algorithm": "sha256"}
    return {**bundle, "canonicalization": {**marks, "hash": producer_hash(bundle)}}


def _ops_request(job_type: str, payload: Json) -> Json:
    keyed: Json = {
        "job_type": job_type,
        "tenant_context": {"tenant_id": TENANT, "project_id": PROJECT},
        "payload": payload,
        "policy": {"requires_policy_token": True, "required_scopes": [], "risk_level": "high"},
    }
    return {
        **keyed,
        "version": "1.0.0",
        "priority": "critical",
        "requested_at": _MOMENT,
        "metadata": {"idempotency_key": producer_hash(keyed)},
    }


def support_bundle() -> Json:
    """What support-autopilot asks for."""
    job = _keyed(
        "autopilot.support.triage",
        {
            "ticket_id": "T-7",
            "subject": "Charged twice",
            "body_preview": "My card was charged twice for one kettle. Please refund one payment.",
            "ticket_priority": "high",
            "ticket_status": "open",
        },
    )
    key = job["idempotency_key"]
    bundle: Json = {
        "schema_version": "1.0",
        "module_id": "support",
        "tenant_id": TENANT,
        "project_id": PROJECT,
        "trace_id": "demo-support",
        "jobs": [
            {
                "schema_version": "1.0",
                "module_id": "support",
                "job_id": f"job_{key[:12]}",
                "priority": "normal",
                "created_at": _MOMENT,
                "requires_policy_token": False,
                **job,
            }
        ],
    }
    marks = {"algorithm": "sha256", "canonical_json_hash": producer_hash(bundle)}
    return {**bundle, "hash": marks}


def growth_bundle() -> Json:
    """What growth-autopilot asks for."""
    wanted: tuple[tuple[str, Json], ...] = (
        ("seo_scan", {"source_path": "./site", "source_type": "html_export", "max_pages": 100}),
        (
            "content_draft",
            {
                "profile_name": "kettles",
                "content_type": "meta_description",
                "goal": "Sell spare parts",
                "keywords": ["kettle", "spare parts"],
                "features": [],
                "use_llm": False,
                "variant_count": 1,
            },
        ),
    )
    requests = []
    for number, (verb, payload) in enumerate(wanted, start=1):
        job = _keyed(f"autopilot.growth.{verb}", payload)
        key = job.pop("idempotency_key")
        constraints = {"auto_execute": False, "require_approval": True}
        requests.append(
            {
                "idempotency_key": key,
                "request": {
                    "id": f"job-{number}",
                    "created_at": _MOMENT,
                    "constraints": constraints,
                    **job,
                },
                "job_type_status": "available",
                "requires_policy_token": False,
            }
        )
    bundle: Json = {
        "schema_version": "2024-09-01",
        "module_id": "growth",
        "bundle_id": "demo-growth",
        "tenant_id": TENANT,
        "project_id": PROJECT,
        "trace_id": "demo-growth",
        "created_at": _MOMENT,
        "requests": requests,
        "canonicalization": "sorted_keys",
    }
    return {
        **bundle,
        "canonical_hash": producer_hash(bundle),
        "canonical_hash_algorithm": "sha256",
    }


def finops_bundle() -> Json:
    """What finops-autopilot asks for."""
    job = _keyed(
        "autopilot.finops.reconcile",
        {
            "operation": "reconcile",
            "period_start": "2026-02-01T00:00:00.000Z",
            "period_end": "2026-02-28T23:59:59.999Z",
            "events_source": {"type": "file", "path": "./billing/events.json", "format": "json"},
            "output": {"report_path": "./output/reconciliation.json"},
        },
    )
    bundle: Json = {
        "schema_version": "1.0.0",
        "module_id": "finops",
        "tenant_id": TENANT,
        "project_id": PROJECT,
        "trace_id": "demo-finops",
        "requests": [
            {
                "job_id": f"job-{job['idempotency_key'][:16]}",
                "requested_at": _MOMENT,
                "priority": "normal",
                "metadata": {"requires_policy_token": False},
                **job,
            }
        ],
        "metadata": {"job_count": 1},
    }
    marks = {"algorithm": "sha256", "canonical_format": "json-stable"}
    return {**bundle, "canonicalization": {**marks, "canonical_hash": producer_hash(bundle)}}


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose a canonical bundle is; the canonical form names both by UUID."""

    tenant_id: str
    project_id: str


def own_bundle(owner: Owner, port: int) -> Json:
    """One request per domain in the canonical form."""
    site = f"http://127.0.0.1:{port}/"
    return _canonical(
        owner,
        "demo-four-domains",
        [
            ("scan", "autopilot.ops.scan", {"scan_type": "full", "targets": [site, "host:"]}),
            (
                "triage",
                "autopilot.support.triage",
                {
                    "ticket_id": "T-8",
                    "ticket_content": {
                        "subject": "Cannot log in",
                        "body": "The password reset mail never arrives. I need it today, please.",
                    },
                    "training": {"type": "dataset", "name": "tickets"},
                },
            ),
            ("seo", "autopilot.growth.seo_scan", {"target_url": site, "scan_depth": "crawl"}),
            (
                "reconcile",
                "autopilot.finops.reconcile",
                {
                    "period_start": "2026-02-01T00:00:00Z",
                    "period_end": "2026-02-28T23:59:59Z",
                    "expected": {"type": "dataset", "name": "invoices"},
                    "actual": {"type": "dataset", "name": "payments"},
                },
            ),
        ],
    )


def action_bundle(owner: Owner, bundle_id: str) -> Json:
    """One request that changes a file of the tenant's folder."""
    change = {
        "adapter": "file",
        "path": "config/worker.yaml",
        "patch": [{"op": "replace", "path": "/worker/memory_mb", "value": 512}],
    }
    payload = {"recommendation_id": "rec-worker-memory", "change": change}
    return _canonical(owner, bundle_id, [("apply", "autopilot.ops.apply", payload)])


def undo_bundle(owner: Owner, job_id: str) -> Json:
    """One request that takes an executed action back."""
    requests: list[tuple[str, str, Json]] = [("undo", "jobforge.undo", {"job_id": job_id})]
    return _canonical(owner, f"demo-undo-{job_id}", requests)


def _canonical(owner: Owner, bundle_id: str, requests: list[tuple[str, str, Json]]) -> Json:
    return {
        "schema_version": "1.0.0",
        "bundle_id": bundle_id,
        "tenant_id": owner.tenant_id,
        "project_id": owner.project_id,
        "trace_id": bundle_id,
        "requests": [
            {
                "id": request_id,
                "job_type": job_type,
                "tenant_id": owner.tenant_id,
                "project_id": owner.project_id,
                "payload": payload,
                "idempotency_key": f"{bundle_id}-{request_id}",
            }
            for request_id, job_type, payload in requests
        ],
        "metadata": {"source": "demo", "triggered_at": "2026-03-01T08:00:00Z"},
    }


def _keyed(job_type: str, payload: Json) -> Json:
    """A job with the key that support, growth and finops compute for it."""
    job: Json = {
        "tenant_id": TENANT,
        "project_id": PROJECT,
        "job_type": job_type,
        "payload": payload,
    }
    return {**job, "idempotency_key": producer_hash(job)}
