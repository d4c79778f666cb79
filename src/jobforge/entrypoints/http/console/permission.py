"""What a yes to a plan allows, in one sentence; and how a plan stands."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

from jobforge.core.effects import PlannedEffect
from jobforge.core.plan import Effects
from jobforge.ports.records import GrantRecord, PendingGrant
from jobforge.ports.reviews import ReviewRecord
from jobforge.use_cases.show_plan import ShownPlan

PlanState = Literal["free", "waiting", "permitted", "closed"]

_MAX_NAMED = 3
_VERBS = {"create": "create", "update": "change", "delete": "delete"}


def state_of(review: ReviewRecord | None) -> PlanState:
    """How a plan stands: free to run, waiting for people, permitted, or over."""
    if review is None:
        return "free"
    if review.closed_at is not None:
        return "closed"
    return "waiting" if review.grant_jti is None else "permitted"


def sentence_of(
    review: ReviewRecord, requests: Sequence[Mapping[str, Any]], effects: Effects, given: int
) -> str:
    """What a yes allows: what would be changed, how often, and what it does not reach."""
    changes = [effect for planned in effects.values() for effect in planned]
    acting = [request for request in requests if effects.get(request["request_id"])]
    types = (
        ", ".join(sorted({str(request["job_type"]) for request in acting})) or "what it asks for"
    )
    left = review.approvals_needed - given - 1
    more = f" It takes {left} more after this one." if left > 0 else ""
    undo = " It cannot be taken back by itself." if review.is_irreversible else ""
    return (
        f"A yes lets {types} {_to_words(changes)}, exactly as shown below, once, within "
        f"24 hours, and nothing else.{undo}{more}"
    )


def token_state(shown: ShownPlan, now: datetime) -> str:
    """How the permission stands that the approvals led to."""
    if shown.review is None:
        return "It needs none."
    if shown.review.grant_jti is None:
        return "None yet: it is written with the last approval."
    return _grant_state(shown.grant, shown.used, now)


def _grant_state(grant: PendingGrant | None, used: GrantRecord | None, now: datetime) -> str:
    if used is not None and used.consumed_at is not None:
        return "Used: a permission is for one execution."
    if used is not None and used.revoked_at is not None:
        return "Revoked."
    if grant is not None and now >= grant.expires_at:
        return "Expired: it takes new approvals."
    return "Ready, and not used."


def _to_words(changes: Sequence[PlannedEffect]) -> str:
    """`change config/worker.yaml`; many targets are counted."""
    parts = []
    for change, count in sorted(Counter(effect.change for effect in changes).items()):
        named = sorted({effect.target for effect in changes if effect.change == change})
        what = ", ".join(named) if len(named) <= _MAX_NAMED else f"{len(named)} targets"
        parts.append(f"{_VERBS[change]} {what}" if count else "")
    return " and ".join(parts) or "change nothing"
