"""`autopilot.growth.experiment_propose`: what to test, from the user's own funnel."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import Any

from pydantic import Field

from jobforge.autopilots.growth.experiments.funnel_counts import (
    FunnelCounts,
    FunnelTerms,
    counts_from_file,
    counts_from_rows,
)
from jobforge.autopilots.growth.experiments.page_clues import PageClues, read_clues
from jobforge.autopilots.growth.experiments.plan import (
    Leak,
    NotProposed,
    PlanLimits,
    Step,
    TestPlan,
    changes_for,
    find_leaks,
    kind_of,
    plan_test,
)
from jobforge.autopilots.growth.experiments.report import power_chart, to_html, to_markdown
from jobforge.autopilots.growth.experiments.result import (
    Declined,
    ExperimentProposeResult,
    GoalMetric,
    Impact,
    Proposal,
    Variant,
)
from jobforge.autopilots.growth.experiments.running import running_in
from jobforge.autopilots.growth.experiments.wording import (
    RunningExperiment,
    conflicts_of,
    evidence_of,
    stop_rule,
)
from jobforge.autopilots.growth.tables import package_table
from jobforge.core.context import HttpRequest, JobContext
from jobforge.core.data_source import DataSource, InlineRows
from jobforge.core.errors import SourceMalformed, TargetUnavailable
from jobforge.core.job_type import JobType
from jobforge.core.model import Model

MIN_ARMS = 2


class ProposeConstraints(Model):
    """What an experiment may take."""

    min_sample_size: int = Field(default=1000, ge=100)
    max_duration_days: int = Field(default=14, ge=1, le=90)
    traffic_allocation: float = Field(default=0.1, ge=0.05, le=0.5)
    drop_off_threshold: float = Field(default=0.2, ge=0, le=1)
    minimum_detectable_effect: float | None = Field(default=None, gt=0, le=1)
    alpha: float = Field(default=0.05, gt=0, lt=0.5)
    power: float = Field(default=0.8, gt=0.5, lt=1)


class ProposeOptions(Model):
    """How many variants and proposals; with control, one of the variants is the page as it is."""

    max_variants: int = Field(default=2, ge=2, le=5)
    include_control: bool = True
    max_proposals: int = Field(default=3, ge=1, le=20)


class ExperimentProposePayload(Model):
    """A goal, and the funnel to reach it.

    `funnel` holds rows of either kind: counts (`step`, `users`, in order; `days` says how many days
    they cover) or events (`user_id`, `event`, `timestamp`; then `steps` names them in order).
    `daily_users` enter the first step; from events it is counted. The goal names what the steps
    lead to; the arithmetic is that of shares of users for all of them. Running experiments are
    those given, and the definitions that `experiment_run` wrote into the tenant's folder.
    """

    goal_metric: GoalMetric
    funnel: DataSource
    steps: tuple[str, ...] = ()
    funnel_name: str = Field(default="funnel", max_length=200)
    daily_users: float | None = Field(default=None, gt=0)
    period_days: float | None = Field(default=None, gt=0)
    target_page: str | None = Field(default=None, max_length=2000)
    hypothesis_context: str | None = Field(default=None, max_length=2000)
    running_experiments: tuple[RunningExperiment, ...] = ()
    constraints: ProposeConstraints = ProposeConstraints()
    options: ProposeOptions = ProposeOptions()


def propose(
    counts: FunnelCounts, payload: ExperimentProposePayload, clues: PageClues
) -> ExperimentProposeResult:
    """Plan a test for each step that loses too many, and rank them by what they bring."""
    steps = [Step(name, users) for name, users in counts.steps]
    limits = _limits(payload, counts)
    leaks, left = find_leaks(steps, limits.threshold)
    planned: list[tuple[Leak, TestPlan]] = []
    for leak in leaks:
        arms = len(_variants(leak, payload, clues))
        if arms < MIN_ARMS:
            left.append(NotProposed(leak.after.name, "no change of the playbook fits"))
            continue
        share = leak.before.users / steps[0].users
        plan = plan_test(leak, replace(limits, variants=arms), share)
        if isinstance(plan, str):
            left.append(NotProposed(leak.after.name, plan))
        else:
            planned.append((leak, plan))
    planned.sort(key=lambda pair: (-pair[1].gain_per_month, pair[0].after.name))
    kept = planned[: payload.options.max_proposals]
    left += [NotProposed(leak.after.name, "brings less than the others") for leak, _ in
             planned[len(kept):]]  # fmt: skip
    proposals = tuple(
        _proposal(rank, leak, plan, payload, clues)
        for rank, (leak, plan) in enumerate(kept, start=1)
    )
    return _result(payload, counts, proposals, left)


def _limits(payload: ExperimentProposePayload, counts: FunnelCounts) -> PlanLimits:
    wanted = payload.constraints
    return PlanLimits(
        daily_users=counts.daily_users,
        variants=payload.options.max_variants,
        traffic_allocation=wanted.traffic_allocation,
        max_days=wanted.max_duration_days,
        min_sample=wanted.min_sample_size,
        mde=wanted.minimum_detectable_effect,
        alpha=wanted.alpha,
        power=wanted.power,
        threshold=wanted.drop_off_threshold,
    )


def _proposal(
    rank: int, leak: Leak, plan: TestPlan, payload: ExperimentProposePayload, clues: PageClues
) -> Proposal:
    playbook = package_table("experiments/playbook")
    kind = kind_of(leak.after.name, playbook)
    variants = _variants(leak, payload, clues)
    first = variants[1 if payload.options.include_control else 0]
    goal = payload.goal_metric
    level = payload.constraints.alpha / (len(variants) - 1)
    return Proposal(
        rank=rank,
        title=f"{first.title}: {leak.before.name} to {leak.after.name}",
        step=leak.after.name,
        hypothesis=(
            f"Because {playbook[kind]['because']} ({leak.rate:.1%} of {leak.before.users:,} go on "
            f"from {leak.before.name} to {leak.after.name}), we expect that this change raises "
            f"that share by at least {plan.mde:.1%}: {first.change}"
            + (f" Context: {payload.hypothesis_context}" if payload.hypothesis_context else "")
        ),
        evidence=evidence_of(leak, plan, payload.target_page, clues),
        variants=variants,
        primary_metric=f"share of users of {leak.before.name} who reach {leak.after.name} ({goal})",
        guardrails=tuple(playbook[kind]["guardrails"]),
        baseline_rate=plan.rate,
        baseline_interval=plan.rate_interval,
        minimum_detectable_effect=plan.mde,
        users_per_variant=plan.users_per_variant,
        total_users=plan.total_users,
        duration_days=plan.days,
        traffic_allocation=payload.constraints.traffic_allocation,
        power=plan.power,
        stop_rule=stop_rule(plan, level),
        significance_level=level,
        expected_gain_per_month=plan.gain_per_month,
        expected_gain_interval=plan.gain_interval,
        conflicts=conflicts_of(leak, payload.target_page, payload.running_experiments),
    )


def _variants(
    leak: Leak, payload: ExperimentProposePayload, clues: PageClues
) -> tuple[Variant, ...]:
    """The page as it is, then one change each; as many as fit the page and the limit."""
    room = payload.options.max_variants - (1 if payload.options.include_control else 0)
    playbook = package_table("experiments/playbook")
    changes = changes_for(kind_of(leak.after.name, playbook), playbook, clues)[:room]
    control = Variant(name="control", title="As it is", change="Nothing changes.", source=None)
    tried = tuple(
        Variant(name=change["id"], title=change["title"], change=change["change"],
                source=change["source"])
        for change in changes
    )  # fmt: skip
    return (control, *tried) if payload.options.include_control else tried


def _result(
    payload: ExperimentProposePayload,
    counts: FunnelCounts,
    proposals: tuple[Proposal, ...],
    left: list[NotProposed],
) -> ExperimentProposeResult:
    wanted = payload.constraints
    impact = Impact(
        min=sum(p.expected_gain_interval[0] for p in proposals),
        max=sum(p.expected_gain_interval[1] for p in proposals),
        confidence=min(p.power for p in proposals),
    ) if proposals else None  # fmt: skip
    return ExperimentProposeResult(
        goal_metric=payload.goal_metric,
        funnel_name=payload.funnel_name,
        proposed_experiments=proposals,
        not_proposed=tuple(Declined(step=entry.step, reason=entry.reason) for entry in left),
        estimated_impact=impact,
        required_sample_size=max(
            (p.total_users for p in proposals), default=wanted.min_sample_size
        ),
        recommended_duration_days=max(
            (p.duration_days for p in proposals), default=wanted.max_duration_days
        ),
        daily_users=counts.daily_users,
        assumptions=(
            f"users a day at the first step: {counts.daily_users:,.1f} ({counts.origin})",
            "gains hold if the change reaches the MDE and later steps keep their shares",
            f"both variants get the same traffic, {wanted.traffic_allocation:.0%} of all together",
        ),
    )


async def _count(payload: ExperimentProposePayload, context: JobContext) -> FunnelCounts:
    """The funnel as counts; where steps are named and a file holds events, without its rows."""
    terms = FunnelTerms(payload.steps, payload.daily_users, payload.period_days)
    if payload.steps and not isinstance(payload.funnel, InlineRows):
        with suppress(SourceMalformed):  # then they are counts, or the rows will say what is wrong
            return counts_from_file(await context.data.file(payload.funnel), terms)
    return counts_from_rows(await context.data.rows(payload.funnel), terms)


async def _look_at(payload: ExperimentProposePayload, context: JobContext) -> PageClues:
    if payload.target_page is None or not payload.target_page.startswith(("http://", "https://")):
        return PageClues()
    response = await context.http.fetch(HttpRequest(url=payload.target_page))
    if not response.status < 400:  # noqa: PLR2004 - the first error status
        raise TargetUnavailable(f"{payload.target_page} answers with {response.status}")
    return read_clues(response.body, url=response.url, elapsed=response.elapsed)


async def handle(payload: ExperimentProposePayload, context: JobContext) -> ExperimentProposeResult:
    """Read the funnel and the page, propose, store proposal, summary and power curve."""
    counts = await _count(payload, context)
    running = (*payload.running_experiments, *await running_in(context))
    known = payload.model_copy(update={"running_experiments": running})
    result = propose(counts, known, await _look_at(payload, context))
    stem = f"growth-experiment-{context.job.job_id}"
    files = [
        ("json", result.model_dump_json(indent=1), "experiment_proposal", "application/json"),
        ("md", to_markdown(result), "experiment_summary", "text/markdown"),
    ]
    if result.proposed_experiments:
        chart = power_chart(result.proposed_experiments)
        files.append(("svg", chart, "power_curve", "image/svg+xml"))
    files.append(("html", to_html(result), "experiment_report_page", "text/html"))
    for suffix, text, kind, mime_type in files:
        await context.artifacts.put(
            f"{stem}.{suffix}", text.encode(), kind=kind, mime_type=mime_type
        )
    return result


def translate(payload: Mapping[str, Any]) -> Mapping[str, Any]:
    """Turn the growth module's payload into ours; ours stays as it is.

    The module names its funnel by `funnel_metrics_id`; a dataset of that name holds its rows.
    """
    if "funnel_metrics_id" not in payload:
        return payload
    own = dict(payload)
    funnel = own.pop("funnel_metrics_id")
    constraints = dict(own.pop("constraints", {}))
    options = dict(own.pop("options", {}))
    if "drop_off_threshold" in own:
        constraints["drop_off_threshold"] = own.pop("drop_off_threshold")
    if "max_proposals" in own:
        options["max_proposals"] = own.pop("max_proposals")
    own.setdefault("goal_metric", "conversion")
    own.setdefault("funnel", {"type": "dataset", "name": funnel})
    return {**own, "constraints": constraints, "options": options}


def _sources(payload: ExperimentProposePayload) -> tuple[DataSource, ...]:
    return () if isinstance(payload.funnel, InlineRows) else (payload.funnel,)


EXPERIMENT_PROPOSE = JobType(
    name="autopilot.growth.experiment_propose",
    title="Propose experiments from a funnel",
    domain="growth",
    payload=ExperimentProposePayload,
    result=ExperimentProposeResult,
    handle=handle,
    scopes=frozenset({"growth:read"}),
    timeout=timedelta(minutes=2),
    examples=(
        {
            "goal_metric": "conversion",
            "funnel": [
                {"step": "visit", "users": 90000},
                {"step": "signup", "users": 9000},
                {"step": "activate", "users": 3600},
            ],
            "period_days": 30,
            "constraints": {"traffic_allocation": 0.5, "max_duration_days": 28},
        },
    ),
    translate=translate,
    sources=_sources,
)
