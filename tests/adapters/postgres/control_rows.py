"""Rows of tenant acme in the tables of what holds work back."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from tests.application import OPERATOR, Harness

from jobforge.core.controls import Scope, once
from jobforge.testing.admission import READ_TYPE

ROUTED = {
    ("switches", column) for column in ("tenant_id", "kind", "job_type", "reason", "actor", "since")
}
"""What the dispatch role may read of them."""

ENGINE_CALLS = {"find_stops", "find_kill_switches"}
"""Batches of any tenants, which see one tenant at each statement."""

OWN = {"limits", "lock_slots"}
"""Every tenant has limits from its first moment."""

_DAY = datetime(2026, 3, 1, tzinfo=UTC)
SAMPLES: dict[str, Any] = {"date": _DAY.date(), "int2": 1, "time": _DAY.time()}
"""Values of the types that only these tables have."""

_LONG = once(datetime(2026, 3, 1, tzinfo=UTC), datetime(2126, 3, 1, tzinfo=UTC))


async def fill_controls(app: Harness) -> None:
    """A pause and a window; the action of another filler touched a target."""
    scope = Scope(app.tenant.tenant_id, app.tenant.slug, READ_TYPE)
    await app.app.switches.turn_on("pause", scope, "tests", OPERATOR)
    await app.app.windows.add("nights", "closed", scope, _LONG, OPERATOR)
