"""Bundles of the job types that every installation has."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]

RECONCILE = "autopilot.finops.reconcile"
APPLY = "autopilot.ops.apply"


def bundle(tenant_id: str, *requests: Json) -> Json:
    """A canonical bundle."""
    return {
        "schema_version": "1.0.0",
        "bundle_id": "b",
        "tenant_id": tenant_id,
        "trace_id": "t",
        "requests": [{"tenant_id": tenant_id, **request} for request in requests],
        "metadata": {"source": "tests", "triggered_at": "2026-03-01T08:00:00Z"},
    }


def rows(*amounts: str) -> list[Json]:
    """Inline rows with these amounts."""
    return [
        {"id": f"r-{n}", "amount": amount, "currency": "EUR", "date": "2026-01-05"}
        for n, amount in enumerate(amounts)
    ]


def reconcile(number: int = 1, **payload: Any) -> Json:  # noqa: ANN401 (any field)
    """Read-only request `number`: two invoices against one payment."""
    fields = {
        "period_start": "2026-01-01T00:00:00Z",
        "period_end": "2026-01-31T23:59:59Z",
        "expected": rows("10.00", "20.00"),
        "actual": rows("10.00"),
    }
    return {
        "id": f"reconcile-{number}",
        "job_type": RECONCILE,
        "payload": fields | payload,
        "idempotency_key": f"reconcile-key-{number}",
    }


def apply(number: int = 1, *, size: int = 2) -> Json:
    """Action request `number`: it changes `settings.json` of the tenant's folder."""
    return {
        "id": f"apply-{number}",
        "job_type": APPLY,
        "payload": {
            "recommendation_id": "r",
            "change": {
                "adapter": "file",
                "path": "settings.json",
                "patch": [{"op": "replace", "path": "/size", "value": size}],
            },
        },
        "idempotency_key": f"apply-key-{number}",
    }
