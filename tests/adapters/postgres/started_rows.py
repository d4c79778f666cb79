"""A row of tenant acme in every table of work that starts by itself."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from jobforge.ports.records import PendingGrant
from jobforge.ports.starting import ModuleCommand, StoredBundle

if TYPE_CHECKING:
    from tests.application import Harness

_NOW = datetime(2026, 3, 1, tzinfo=UTC)
GRANT_ID = UUID(int=17)
DIGEST = "sha256:" + "0" * 64

KNOWN: dict[str, dict[int, Any]] = {
    "find_pending_grant": {2: str(GRANT_ID)},
    "find_stored_bundle": {2: DIGEST},
    "find_module_command": {2: "analyse"},
}
"""By query: the parameters with which it finds these rows, by position."""


async def fill_started(app: Harness) -> None:
    """Put something of everything there."""
    grant = PendingGrant(
        jti=str(GRANT_ID),
        token_hash=None,
        actor="ada",
        project_id=None,
        plan_digest=DIGEST,
        effects_digest=DIGEST,
        scopes=(),
        job_types=("autopilot.ops.change",),
        expires_at=_NOW,
        granted_at=_NOW,
        granted_for="schedule:nightly",
    )
    async with app.app.storage.transaction(app.tenant.tenant_id) as unit:
        await unit.grants.put_aside(grant)
        await unit.bundles.insert(StoredBundle(DIGEST, "{}", _NOW))
        await unit.modules.insert(
            ModuleCommand("analyse", ("/bin/true",), (), 60, 1000, "ada", _NOW)
        )
