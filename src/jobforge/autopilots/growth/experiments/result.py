"""What a proposing job answers: experiments, and the steps that get none."""

from __future__ import annotations

from typing import Literal

from jobforge.core.model import Model

GoalMetric = Literal["conversion", "engagement", "retention", "revenue"]


class Variant(Model):
    """One variant: what is different in it."""

    name: str
    title: str
    change: str
    source: str | None


class Proposal(Model):
    """One experiment. Shares are of users; gains are goal events per 30 days at the MDE."""

    rank: int
    title: str
    step: str
    hypothesis: str
    evidence: tuple[str, ...]
    variants: tuple[Variant, ...]
    primary_metric: str
    guardrails: tuple[str, ...]
    baseline_rate: float
    baseline_interval: tuple[float, float]
    minimum_detectable_effect: float
    users_per_variant: int
    total_users: int
    duration_days: int
    traffic_allocation: float
    power: float
    significance_level: float
    stop_rule: str
    expected_gain_per_month: float
    expected_gain_interval: tuple[float, float]
    conflicts: tuple[str, ...]


class Impact(Model):
    """Goal events per 30 days over all proposals; `confidence` is the lowest power among them."""

    min: float
    max: float
    confidence: float


class Declined(Model):
    """A step without a proposal, and why."""

    step: str
    reason: str


class ExperimentProposeResult(Model):
    """Proposals by their gain; where there are none, `not_proposed` says why."""

    goal_metric: GoalMetric
    funnel_name: str
    proposed_experiments: tuple[Proposal, ...]
    not_proposed: tuple[Declined, ...]
    estimated_impact: Impact | None
    required_sample_size: int
    recommended_duration_days: int
    daily_users: float
    assumptions: tuple[str, ...]
