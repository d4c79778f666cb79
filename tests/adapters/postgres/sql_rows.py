"""The way in by SQL: a row of tenant acme in its tables, and what the dispatch role may of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

if TYPE_CHECKING:
    from tests.application import Harness

INTAKE_ID = UUID(int=21)

KNOWN: dict[str, dict[int, Any]] = {"find_intake": {2: INTAKE_ID}}
"""By query: the parameters with which it finds these rows, by position."""

ACROSS = {"find_new_intakes"}
FUNCTIONS = {
    "submit_bundle",
    "run_status",
    "caller_tenant",
    "let_role_in",
    "keep_role_out",
    *ACROSS,
}
OPEN_TO_CALLERS = {"submit_bundle", "run_status"}

_SEEN = {
    "sql_grants": "tenant_id role_name project_id",
    "sql_intake": "tenant_id intake_id project_id mode submitted_at",
    "sql_intake_queue": "tenant_id intake_id queued_at",
    "bundle_runs": "project_id mode decisions error open_children",
    "jobs": "request_id job_type status attempt progress created_at",
    "job_results": "error",
    "plans": "requests effects",
}
SEEN = {(table, name) for table, names in _SEEN.items() for name in names.split()}
"""What the two functions read."""

_WRITTEN = {
    "sql_intake": "tenant_id intake_id role_name project_id mode bundle",
    "sql_intake_queue": "tenant_id intake_id",
}
WRITTEN = {(table, name) for table, names in _WRITTEN.items() for name in names.split()}
"""What they insert, and nothing else."""

_CALLER = "(tenant_id = ( SELECT jobforge.caller_tenant() AS caller_tenant))"
_BOUND = '(role_name = ( SELECT (SESSION_USER)::text AS "session_user"))'


def split(table: str, policies: list[Any]) -> tuple[list[Any], bool]:
    """The policies that are not for callers by SQL, and whether the table's see his tenant."""
    theirs = [p for p in policies if p["policyname"] in {"asked", "submitting"}]
    is_walled = all(
        p["roles"] == ["jobforge_dispatch"] and (p["cmd"], p["qual"], p["with_check"]) == _rule(p)
        for p in theirs
        if p["tablename"] == table
    )
    return [p for p in policies if p not in theirs], is_walled


def _rule(policy: Any) -> tuple[str, str | None, str | None]:  # noqa: ANN401 (a row)
    if policy["policyname"] == "submitting":
        return "INSERT", None, _CALLER
    return "SELECT", _BOUND if policy["tablename"] == "sql_grants" else _CALLER, None


async def fill_sql(app: Harness) -> None:
    """A role, and a bundle of its that waits."""
    tenant_id = app.tenant.tenant_id
    async with app.owner() as owner:
        await owner.execute(
            "INSERT INTO jobforge.sql_grants VALUES ($1, 'shop', NULL, 'ada', now())", tenant_id
        )
        await owner.execute(
            "INSERT INTO jobforge.sql_intake VALUES ($1, $2, 'shop', NULL, 'dry_run', '{}')",
            tenant_id,
            INTAKE_ID,
        )
        await owner.execute(
            "INSERT INTO jobforge.sql_intake_queue VALUES ($1, $2)", tenant_id, INTAKE_ID
        )
