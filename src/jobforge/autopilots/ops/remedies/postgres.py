"""Operations on a database for findings of a live scan."""

from __future__ import annotations

import re
from typing import Any

from jobforge.autopilots.ops.live.postgres import (
    DEAD_ROWS,
    INVALID_INDEX,
    NO_IDLE_TIMEOUT,
    PASSWORDS,
    UNSAFE_SETTING,
    UNUSED_INDEX,
)

CONNECTION = "connection:"
_RELATION = re.compile(r"(?:index|table) (?:([A-Za-z_][A-Za-z0-9_]*)\.)?([A-Za-z_][A-Za-z0-9_]*)")


def operation_for(check_id: str, resource: str) -> dict[str, Any] | None:
    """The operation that mends a finding about `index s.name`, `table s.name` or a setting."""
    relation = _RELATION.fullmatch(resource)
    namespace, name = relation.groups() if relation else (None, "")
    placed = {"namespace": namespace or "public"}
    if check_id in {UNUSED_INDEX.check_id, INVALID_INDEX.check_id} and name:
        return {"kind": "drop_index", "name": name, **placed}
    if check_id == DEAD_ROWS.check_id and name:
        return {"kind": "vacuum", "table": name, **placed}
    settings = {
        NO_IDLE_TIMEOUT.check_id: ("database", "60s"),
        PASSWORDS.check_id: ("system", "scram-sha-256"),
        UNSAFE_SETTING.check_id: ("system", "on"),
    }
    if check_id in settings and relation is None:
        scope, value = settings[check_id]
        return {"kind": "set", "name": resource, "value": value, "scope": scope}
    return None
