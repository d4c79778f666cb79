"""Bundles and reports as support-autopilot writes them."""

from __future__ import annotations

import copy

from tests.contract.producers.javascript import Json, compare_locale, drop, pick, sha


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
    sealed = copy.deepcopy(drop(document, "hash"))
    for job in sealed.get("jobs", []) if rekey else []:
        keyed = pick(job, "tenant_id", "project_id", "job_type", "payload")
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
