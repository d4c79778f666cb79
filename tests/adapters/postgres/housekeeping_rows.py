"""What the dispatch role may see and remove of a tenant's past, one tenant at a time."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from tests.application import OPERATOR, Harness

KNOWN: dict[str, dict[int, Any]] = {"last_entry": {2: datetime(2126, 1, 1, tzinfo=UTC)}}
"""With which parameters a query finds rows."""

FUNCTIONS = {"measure_backlog", "prune_runs", "prune_leftovers", "prune_artifacts", "prune_audit"}
PRUNED = {
    "bundle_runs": "tenant_id run_id status plan_digest effects_digest created_at closed_at",
    "jobs": "tenant_id job_id run_id",
    "job_results": "tenant_id job_id",
    "idempotency_keys": "tenant_id job_id",
    "plans": "tenant_id digest effects_digest created_at",
    "artifacts": "tenant_id checksum created_at",
    "artifact_chunks": "tenant_id checksum",
    "audit_events": "tenant_id seq",
    "audit_checkpoints": "tenant_id seq kind",
}
"""The tables of the past, and the columns by which it is told what is old."""

SEEN = {(table, name) for table, names in PRUNED.items() for name in names.split()}
SEEN.add(("waiting_jobs", "created_at"))

OWN = {"last_entry"}
"""A chain has an entry from the tenant's first moment."""


def split(policies: list[Any], rule: str) -> tuple[list[Any], bool]:
    """The policies that are not for housekeeping, and whether those that are see one tenant."""
    keeping = [p for p in policies if p["policyname"] == "housekeeping"]
    is_walled = all(
        p["tablename"] in PRUNED
        and (p["roles"], p["qual"], p["with_check"]) == (["jobforge_dispatch"], rule, rule)
        for p in keeping
    )
    return [p for p in policies if p not in keeping], is_walled


async def fill_housekeeping(app: Harness) -> None:
    """A rule."""
    await app.app.retention.set(app.tenant, "runs", 90, OPERATOR)
