"""How soon a ticket's turn comes, from 1 (first) to 5 (last)."""

from __future__ import annotations

from jobforge.autopilots.support.signals import Sentiment, Signal, Urgency
from jobforge.autopilots.support.ticket import CustomerTier

_PRIORITY_OF: dict[str, int] = {"critical": 1, "high": 2, "medium": 3, "low": 4}
_REQUESTED_HIGH = frozenset({"critical", "urgent", "highest", "p1", "p0"})


def suggest_priority(
    urgency: Signal[Urgency] | None,
    sentiment: Signal[Sentiment] | None,
    *,
    tier: CustomerTier | None = None,
    requested: str | None = None,
) -> tuple[int, tuple[str, ...]]:
    """Return a priority from 1 (first) to 5 (last) and the steps that led to it.

    Urgency sets the start (medium where it was not judged). One step up for a negative mood, for an
    enterprise customer with something urgent, and where the requester marked it urgent; one step
    down for a positive mood without urgency. Never more than two steps from the start.
    """
    level = urgency.level if urgency else "medium"
    start = _PRIORITY_OF[level]
    steps = [(0, f"urgency {level} starts at {start}")]
    is_pressing = level in {"high", "critical"}
    if sentiment and sentiment.level == "negative":
        steps.append((-1, "negative mood: one up"))
    if sentiment and sentiment.level == "positive" and not is_pressing:
        steps.append((1, "positive mood and nothing pressing: one down"))
    if tier == "enterprise" and is_pressing:
        steps.append((-1, "enterprise customer with something pressing: one up"))
    if requested and requested.strip().lower() in _REQUESTED_HIGH:
        steps.append((-1, "marked urgent by the requester: one up"))
    change = max(-2, min(2, sum(step for step, _ in steps)))
    return max(1, min(5, start + change)), tuple(text for _, text in steps)
