"""What is different between a past run's decisions and those that would be made today."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from jobforge.core.admission import Admission, Decision

_ALLOWED: Final = frozenset({"accepted", "queued", "executed", "error", "canceled"})
_ONLY_PERMISSION: Final = frozenset({"POLICY_TOKEN_REQUIRED", "DENIED_WITH_BUNDLE"})
"""Codes that say nothing but that no permission was given: a replay never has one."""


@dataclass(frozen=True, slots=True)
class ChangedDecision:
    """A request that would be decided otherwise today; None where it is not in the run or plan."""

    request_id: str
    then: str | None
    now: str | None
    reason: str


def compare_decisions(
    then: Sequence[Mapping[str, Any]], admission: Admission
) -> tuple[ChangedDecision, ...]:
    """The requests whose verdict or code is another one, in the order of the run.

    A request that ran with a permission is compared as if it had one today, too.
    """
    if admission.refusal is not None:
        code, reason = str(admission.refusal.code), admission.refusal.message
        return tuple(
            ChangedDecision(str(child["request_id"]), _then(child), f"refused {code}", reason)
            for child in then
        )
    today = {d.request.source.request_id: d for d in admission.decisions}
    return tuple(
        ChangedDecision(str(child["request_id"]), _then(child), _now(found), found.reason)
        for child in then
        if (found := today.get(str(child["request_id"]))) is not None and _differ(child, found)
    )


def _differ(child: Mapping[str, Any], today: Decision) -> bool:
    status, code = str(child["status"]), child["code"]
    if status == "skipped":
        # It was submitted before: what a replay leaves out on purpose.
        return False
    if today.code in _ONLY_PERMISSION:
        return status == "denied" and code not in _ONLY_PERMISSION
    if code in _ONLY_PERMISSION:
        return today.status != "accepted"
    is_allowed = status in _ALLOWED
    return is_allowed != (today.status == "accepted") or (not is_allowed and code != today.code)


def _then(child: Mapping[str, Any]) -> str:
    return f"{child['status']} {child['code']}" if child["code"] else str(child["status"])


def _now(today: Decision) -> str:
    return f"{today.status} {today.code}" if today.code else today.status
