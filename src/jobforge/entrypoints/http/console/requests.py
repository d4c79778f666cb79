"""Two plans' requests, side by side."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from jobforge.entrypoints.http.console import words

_SHOWN = ("job_type", "project", "required_scopes", "is_flagged", "payload")


@dataclass(frozen=True, slots=True)
class ChangedRequest:
    """A request that is not the same in both plans; `diff` is a unified diff of what is asked."""

    request_id: str
    change: Literal["create", "update", "delete"]
    diff: str


def compare_requests(
    old: Sequence[Mapping[str, Any]], new: Sequence[Mapping[str, Any]]
) -> list[ChangedRequest]:
    """What changed between two plans' requests, by request id."""
    before = {str(r["request_id"]): _to_text(r) for r in old}
    after = {str(r["request_id"]): _to_text(r) for r in new}
    return [
        ChangedRequest(name, _change(name, before, after), _diff(before.get(name), after.get(name)))
        for name in sorted(before.keys() | after.keys())
        if before.get(name) != after.get(name)
    ]


def _to_text(request: Mapping[str, Any]) -> str:
    return words.to_pretty({name: request.get(name) for name in _SHOWN})


def _change(
    name: str, before: Mapping[str, str], after: Mapping[str, str]
) -> Literal["create", "update", "delete"]:
    if name not in before:
        return "create"
    return "update" if name in after else "delete"


def _diff(old: str | None, new: str | None) -> str:
    lines = difflib.unified_diff(
        (old or "").splitlines(), (new or "").splitlines(), "old", "new", lineterm=""
    )
    return "\n".join(lines)
