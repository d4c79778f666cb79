"""Plans of experiments from a funnel: where, what, how many users, how long, worth how much."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import ceil
from typing import Any

from jobforge.autopilots.growth.experiments.page_clues import PageClues
from jobforge.autopilots.growth.funnel.model import wilson
from jobforge.autopilots.growth.statistics.power import (
    minimum_detectable_effect,
    power_proportions,
    sample_size_proportions,
)

MIN_USERS = 100
"""Below this, a step's share is too uncertain to plan on: its 95 % interval is 20 points wide."""

MONTH_DAYS = 30
_WEEK = 7
_MAX_RELATIVE = 1.0


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the user's own funnel."""

    name: str
    users: int


@dataclass(frozen=True, slots=True)
class PlanLimits:
    """What an experiment may take; `mde` None asks for the smallest change that fits in time."""

    daily_users: float
    variants: int = 2
    traffic_allocation: float = 0.1
    max_days: int = 14
    min_sample: int = 1000
    mde: float | None = None
    alpha: float = 0.05
    power: float = 0.8
    threshold: float = 0.2


@dataclass(frozen=True, slots=True)
class Leak:
    """Where people leave: from `before` to `after`, and what a gain there brings at the end."""

    before: Step
    after: Step
    later: float

    @property
    def rate(self) -> float:
        """Share that goes on."""
        return self.after.users / self.before.users


@dataclass(frozen=True, slots=True)
class TestPlan:
    """How large and long a test has to be. Users are per variant; rates are shares of users."""

    rate: float
    rate_interval: tuple[float, float]
    mde: float
    users_per_variant: int
    total_users: int
    days: int
    power: float
    gain_per_month: float
    gain_interval: tuple[float, float]


@dataclass(frozen=True, slots=True)
class NotProposed:
    """A step for which no test is proposed, and why."""

    step: str
    reason: str


def find_leaks(steps: Sequence[Step], threshold: float) -> tuple[list[Leak], list[NotProposed]]:
    """Steps that lose at least this share of users, and those that cannot be judged."""
    leaks: list[Leak] = []
    left: list[NotProposed] = []
    last = steps[-1].users
    for before, after in pairwise(steps):
        if before.users < MIN_USERS:
            left.append(NotProposed(after.name, f"only {before.users} users reach {before.name}"))
        elif after.users > before.users:
            left.append(NotProposed(after.name, "more users than the step before: not a funnel"))
        elif after.users == 0:
            left.append(NotProposed(after.name, "nobody gets there: look for a fault, not a test"))
        elif 1 - after.users / before.users < threshold:
            left.append(NotProposed(after.name, f"loses less than {threshold:.0%}"))
        else:
            leaks.append(Leak(before, after, last / after.users))
    return leaks, left


def plan_test(leak: Leak, limits: PlanLimits, share_of_entry: float) -> TestPlan | str:
    """Size a test of one step, or say why there can be none.

    `share_of_entry` is the share of a day's users that reach the step before.
    """
    daily = limits.daily_users * share_of_entry * limits.traffic_allocation
    within = daily * limits.max_days / limits.variants
    if within < 1:
        return f"{daily:.1f} users a day reach {leak.before.name} with this allocation: too few"
    alpha = limits.alpha / (limits.variants - 1)
    mde = limits.mde or _reachable(leak.rate, within, limits, alpha)
    if mde is None:
        return f"in {limits.max_days} days not even a doubling of {leak.rate:.1%} can be seen"
    if leak.rate * (1 + mde) >= 1:
        return f"{leak.rate:.1%} cannot grow by {mde:.0%}"
    needed = sample_size_proportions(leak.rate, mde, alpha=alpha, power=limits.power)
    users = max(needed, ceil(limits.min_sample / limits.variants))
    days = _whole_weeks(users * limits.variants / daily)
    if days > limits.max_days:
        what = f"finding {mde:+.1%}" if needed == users else "the minimum sample size"
        return (
            f"{what} takes {users:,} users per variant, {days} days at {daily:.0f} users a day; "
            f"allowed are {limits.max_days}"
        )
    return _plan(leak, limits, mde, users, days, share_of_entry)


def _whole_weeks(days: float) -> int:
    """Whole weeks, so that each day of the week counts alike."""
    return max(1, ceil(days / _WEEK)) * _WEEK


def _reachable(rate: float, within: float, limits: PlanLimits, alpha: float) -> float | None:
    """The smallest relative change that the users of the allowed time can show."""
    weeks = limits.max_days // _WEEK
    users = within * weeks * _WEEK / limits.max_days
    if users < 1:
        return None
    mde = minimum_detectable_effect(rate, users, alpha=alpha, power=limits.power)
    for _ in range(50):
        if rate * (1 + mde) >= 1 or mde > _MAX_RELATIVE:
            return None
        if sample_size_proportions(rate, mde, alpha=alpha, power=limits.power) <= users:
            return mde
        mde *= 1.02
    return None


def _plan(
    leak: Leak, limits: PlanLimits, mde: float, users: int, days: int, share: float
) -> TestPlan:
    interval = wilson(leak.after.users, leak.before.users) or (leak.rate, leak.rate)
    monthly = limits.daily_users * share * MONTH_DAYS * mde * leak.later
    alpha = limits.alpha / (limits.variants - 1)
    return TestPlan(
        rate=leak.rate,
        rate_interval=interval,
        mde=mde,
        users_per_variant=users,
        total_users=users * limits.variants,
        days=days,
        power=power_proportions(leak.rate, mde, users, alpha=alpha),
        gain_per_month=monthly * leak.rate,
        gain_interval=(monthly * interval[0], monthly * interval[1]),
    )


def kind_of(step: str, playbook: dict[str, Any]) -> str:
    """The kind of a step, from the words in its name."""
    name = step.lower()
    kinds = (kind for kind, entry in playbook.items() if any(w in name for w in entry["words"]))
    return next(kinds, "other")


def changes_for(kind: str, playbook: dict[str, Any], clues: PageClues) -> list[dict[str, str]]:
    """Changes that fit what the page shows, those that name its facts first."""
    fitting = [c for c in playbook[kind]["changes"] if clues.has(c["facts"])]
    ordered = sorted(fitting, key=lambda c: c["facts"] == "any")
    return [{**change, "change": clues.fill(change["change"])} for change in ordered]
