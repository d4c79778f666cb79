"""Why a job waits: every reason that holds it now, the one that weighs most first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Literal

from jobforge.core.controls import EVERY_TYPE, Limits

WaitingCode = Literal[
    "KILL_SWITCH",
    "PAUSED",
    "WINDOW",
    "DAILY_QUOTA",
    "RATE",
    "RUNNING_CAP",
    "BACKOFF",
    "NO_WORKER",
    "QUEUE",
]


@dataclass(frozen=True, slots=True)
class WaitingReason:
    """One reason. `until` is when it ends by itself, where that is known."""

    code: WaitingCode
    message: str
    hint: str | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Hold:
    """A switch or window that is in force. `name` is a reason given, or a window's name."""

    kind: Literal["kill", "pause", "window"]
    job_type: str
    only_actions: bool
    name: str


@dataclass(frozen=True, slots=True)
class WaitingFacts:
    """What there is to know about a queued job at the moment `at`.

    `ahead` counts the tenant's waiting jobs that are released before it; `released` its jobs in the
    queue. `jobs_today` and `rate_free_at` are what is used of the limits.
    """

    at: datetime
    job_type: str
    is_action: bool
    is_released: bool
    available_at: datetime
    ahead: int
    released: int
    jobs_today: int
    rate_free_at: datetime
    limits: Limits
    holds: tuple[Hold, ...]
    is_worker_there: bool


def explain(facts: WaitingFacts) -> tuple[WaitingReason, ...]:
    """Every reason why the job has not begun yet; at least one."""
    reasons = [*_held(facts), *_limited(facts)]
    if facts.available_at > facts.at:
        reasons.append(
            WaitingReason(
                "BACKOFF", "it failed, and is tried again after a pause", until=facts.available_at
            )
        )
    if not facts.is_worker_there:
        reasons.append(WaitingReason("NO_WORKER", "no worker runs", "jobforge worker"))
    if not reasons:
        where = "it is in the queue" if facts.is_released else f"{facts.ahead} jobs are before it"
        reasons.append(WaitingReason("QUEUE", f"{where}; its turn comes"))
    return tuple(reasons)


def _held(facts: WaitingFacts) -> list[WaitingReason]:
    order = ("kill", "pause", "window")
    holds = [
        hold
        for hold in facts.holds
        if hold.job_type in (EVERY_TYPE, facts.job_type)
        and (facts.is_action or not hold.only_actions)
    ]
    return [_to_reason(hold) for hold in sorted(holds, key=lambda hold: order.index(hold.kind))]


def _to_reason(hold: Hold) -> WaitingReason:
    if hold.kind == "kill":
        message = f"a kill switch is on ({hold.name}): it will be denied"
        return WaitingReason("KILL_SWITCH", message, "jobforge switch list")
    if hold.kind == "pause":
        return WaitingReason("PAUSED", f"it is paused: {hold.name}", "jobforge switch list")
    message = f"the window {hold.name} does not let it begin now"
    return WaitingReason("WINDOW", message, "jobforge window list")


def _limited(facts: WaitingFacts) -> Sequence[WaitingReason]:
    """Which limits keep it from the queue; what is in the queue already waits for its turn."""
    reasons, limits, hint = [], facts.limits, "jobforge limits show --tenant T"
    if limits.rate_per_minute is not None and (facts.is_released or facts.rate_free_at > facts.at):
        message = f"{limits.rate_per_minute} jobs of the tenant may start in a minute"
        reasons.append(WaitingReason("RATE", message, hint))
    if facts.is_released:
        return reasons
    if limits.daily_jobs is not None and facts.jobs_today >= limits.daily_jobs:
        today = datetime.combine(facts.at.astimezone(UTC).date(), time(), UTC)
        message = f"the {limits.daily_jobs} jobs of the tenant's day are used up"
        reasons.insert(0, WaitingReason("DAILY_QUOTA", message, hint, today + timedelta(days=1)))
    if facts.released >= limits.running_cap:
        message = (
            f"{facts.released} jobs of the tenant are in the queue or running, which is its cap; "
            f"{facts.ahead} wait before this one"
        )
        reasons.append(WaitingReason("RUNNING_CAP", message, hint))
    return reasons
