"""`autopilot.growth.experiment_readout`: what came out of an experiment, and what to do."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from math import isfinite
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from jobforge.autopilots.growth.experiments.readout_report import (
    effect_chart,
    to_html,
    to_markdown,
)
from jobforge.autopilots.growth.experiments.readout_result import (
    Decision,
    Effect,
    EffectVerdict,
    ExperimentReadoutResult,
    Verdict,
)
from jobforge.autopilots.growth.statistics.compare import Comparison, compare
from jobforge.autopilots.growth.statistics.many import (
    SRM_ALPHA,
    benjamini_hochberg,
    holm,
    srm_p_value,
)
from jobforge.autopilots.growth.statistics.power import mid_experiment_power
from jobforge.autopilots.growth.statistics.sample import Metric
from jobforge.core.context import JobContext
from jobforge.core.job_type import JobType
from jobforge.core.model import Model

Correction = Literal["holm", "benjamini_hochberg", "none"]


class VariantData(Model):
    """One variation: its users, its planned share of traffic, and the sums of each metric."""

    name: str = Field(min_length=1)
    users: int = Field(ge=0)
    weight: float = Field(default=1.0, gt=0)
    statistics: dict[str, dict[str, Any]]


class MetricSpec(Model):
    """One metric; `inverse` where less is better; a guardrail must not get worse."""

    name: str = Field(min_length=1)
    kind: Metric
    role: Literal["goal", "guardrail"] = "goal"
    inverse: bool = False


class ExperimentReadoutPayload(Model):
    """The first variant is the control.

    `planned_users` are those of all variants together that the plan asked for; with `sequential`
    they keep peeking honest, with `fixed` they tell whether the test ended too early.
    """

    experiment: str = Field(min_length=1, max_length=256)
    variants: tuple[VariantData, ...] = Field(min_length=2, max_length=10)
    metrics: tuple[MetricSpec, ...] = Field(min_length=1, max_length=50)
    method: Literal["fixed", "sequential", "bayesian"] = "fixed"
    alpha: float = Field(default=0.05, gt=0, lt=0.5)
    correction: Correction = "holm"
    planned_users: int | None = Field(default=None, gt=0)
    target_effect: float = Field(default=0.05, gt=0, le=1, description="Relative, for the power.")

    @model_validator(mode="after")
    def _every_variant_has_every_metric(self) -> Self:
        names = [variant.name for variant in self.variants]
        if len(set(names)) < len(names):
            raise ValueError("each variant has a name of its own")
        for variant in self.variants:
            missing = [m.name for m in self.metrics if m.name not in variant.statistics]
            if missing:
                raise ValueError(f"{variant.name} has no statistics of {', '.join(missing)}")
        if not any(metric.role == "goal" for metric in self.metrics):
            raise ValueError("an experiment has a goal metric")
        return self


def read_out(payload: ExperimentReadoutPayload) -> ExperimentReadoutResult:
    """Compare every variant with the control, correct for many tests, decide.

    Raises:
        InvalidInput: a statistic misses a sum, or the users are no split.
    """
    srm = srm_p_value([v.users for v in payload.variants], [v.weight for v in payload.variants])
    found = [
        (variant, metric, _compare(payload, variant, metric))
        for variant in payload.variants[1:] for metric in payload.metrics
    ]  # fmt: skip
    adjusted = _adjust([comparison for _, _, comparison in found], payload.correction)
    effects = tuple(
        _effect(variant, metric, comparison, p, payload)
        for (variant, metric, comparison), p in zip(found, adjusted, strict=True)
    )
    power = _power(payload)
    is_broken = srm < SRM_ALPHA
    return ExperimentReadoutResult(
        experiment=payload.experiment,
        users=sum(v.users for v in payload.variants),
        srm_p_value=srm,
        is_split_broken=is_broken,
        effects=effects,
        decisions=tuple(
            _decide(variant, effects, payload, is_broken=is_broken)
            for variant in payload.variants[1:]
        ),
        power_now=power[0],
        additional_users=power[1],
    )


def _compare(
    payload: ExperimentReadoutPayload, variant: VariantData, metric: MetricSpec
) -> Comparison:
    control = payload.variants[0].statistics[metric.name]
    planned = payload.planned_users if payload.method == "sequential" else None
    share = 2 / len(payload.variants)
    return compare(
        metric.kind,
        control,
        variant.statistics[metric.name],
        method=payload.method,
        alpha=payload.alpha,
        planned_users=planned * share if planned else None,
        inverse=metric.inverse,
    )


_CORRECTIONS: dict[Correction, Callable[[Sequence[float]], list[float]]] = {
    "holm": holm,
    "benjamini_hochberg": benjamini_hochberg,
    "none": list,
}


def _adjust(found: list[Comparison], correction: Correction) -> list[float | None]:
    """Adjusted p-values where there are any."""
    known = [c.p_value for c in found if c.p_value is not None]
    values = iter(_CORRECTIONS[correction](known))
    return [None if c.p_value is None else next(values) for c in found]


def _effect(
    variant: VariantData,
    metric: MetricSpec,
    found: Comparison,
    adjusted: float | None,
    payload: ExperimentReadoutPayload,
) -> Effect:
    low, high = found.interval
    return Effect(
        variant=variant.name,
        metric=metric.name,
        role=metric.role,
        uplift=found.uplift,
        low=low if isfinite(low) else None,
        high=high if isfinite(high) else None,
        p_value=found.p_value,
        adjusted_p_value=adjusted,
        chance_to_win=found.chance_to_win,
        expected_loss=found.expected_loss,
        verdict=_judge(found, adjusted, metric, payload.alpha),
        problem=found.problem,
    )


def _judge(
    found: Comparison, adjusted: float | None, metric: MetricSpec, alpha: float
) -> EffectVerdict:
    if found.problem is not None:
        return "not_judged"
    if found.chance_to_win is not None:
        if alpha / 2 < found.chance_to_win < 1 - alpha / 2:
            return "no_difference_found"
        return "better" if found.chance_to_win > alpha else "worse"
    if adjusted is None or adjusted >= alpha:
        return "no_difference_found"
    return "better" if (found.uplift > 0) != metric.inverse else "worse"


def _decide(
    variant: VariantData,
    effects: tuple[Effect, ...],
    payload: ExperimentReadoutPayload,
    *,
    is_broken: bool,
) -> Verdict:
    own = [effect for effect in effects if effect.variant == variant.name]
    decision, reasons = (
        _why_unreadable(own, is_broken=is_broken)
        or _why_harmful(own)
        or _why_early(payload, own)
        or _why_gained(own)
        or ("no_difference_found", ("no difference larger than the interval was found",))
    )
    return Verdict(variant=variant.name, decision=decision, reasons=reasons)


Reasons = tuple[Decision, tuple[str, ...]]


def _why_unreadable(own: list[Effect], *, is_broken: bool) -> Reasons | None:
    if is_broken:
        why = "the users are not split as planned: find the fault, then repeat the test"
        return "do_not_read", (why,)
    unknown = [effect.metric for effect in own if effect.verdict == "not_judged"]
    return (
        ("do_not_read", (f"no variance or baseline in {', '.join(unknown)}",)) if unknown else None
    )


def _why_harmful(own: list[Effect]) -> Reasons | None:
    harmed = [effect.metric for effect in own if effect.verdict == "worse"]
    return ("do_not_ship", (f"worse: {', '.join(harmed)}",)) if harmed else None


def _why_early(payload: ExperimentReadoutPayload, own: list[Effect]) -> Reasons | None:
    """A fixed test is read at its end only; the others may stop early for a gain."""
    users = sum(variant.users for variant in payload.variants)
    if payload.planned_users is None or users >= payload.planned_users:
        return None
    if payload.method != "fixed" and _why_gained(own):
        return None
    return "continue", (f"{users:,} of {payload.planned_users:,} planned users",)


def _why_gained(own: list[Effect]) -> Reasons | None:
    gained = [e.metric for e in own if e.role == "goal" and e.verdict == "better"]
    return ("ship", (f"better: {', '.join(gained)}", "no metric is worse")) if gained else None


def _power(payload: ExperimentReadoutPayload) -> tuple[float | None, float | None]:
    """Power of the first goal metric at the target effect, and users still needed."""
    goal = next(metric for metric in payload.metrics if metric.role == "goal")
    found = mid_experiment_power(
        payload.variants[0].statistics[goal.name],
        payload.variants[1].statistics[goal.name],
        metric=goal.kind,
        config={"alpha": payload.alpha},
        power_config={
            "target_mde": payload.target_effect,
            "num_variations": len(payload.variants),
            "p_value_corrected": payload.correction != "none",
        },
    )
    return (None, None) if found.problem else (found.power_now, found.additional_users)


async def handle(payload: ExperimentReadoutPayload, context: JobContext) -> ExperimentReadoutResult:
    """Read out, store the report."""
    result = read_out(payload)
    stem = f"growth-readout-{context.job.job_id}"
    files = (
        ("json", result.model_dump_json(indent=1), "experiment_readout", "application/json"),
        ("md", to_markdown(result), "experiment_summary", "text/markdown"),
        ("svg", effect_chart(result), "effect_chart", "image/svg+xml"),
        ("html", to_html(result), "experiment_report_page", "text/html"),
    )
    for suffix, text, kind, mime_type in files:
        await context.artifacts.put(
            f"{stem}.{suffix}", text.encode(), kind=kind, mime_type=mime_type
        )
    return result


EXPERIMENT_READOUT = JobType(
    name="autopilot.growth.experiment_readout",
    title="Read out an experiment",
    domain="growth",
    payload=ExperimentReadoutPayload,
    result=ExperimentReadoutResult,
    handle=handle,
    scopes=frozenset({"growth:read"}),
    timeout=timedelta(minutes=1),
    examples=(
        {
            "experiment": "shorter-form",
            "variants": [
                {"name": "control", "users": 10000,
                 "statistics": {"signup": {"n": 10000, "sum": 1000}}},
                {"name": "shorter", "users": 10050,
                 "statistics": {"signup": {"n": 10050, "sum": 1150}}},
            ],
            "metrics": [{"name": "signup", "kind": "proportion"}],
            "planned_users": 20000,
        },
    ),
)  # fmt: skip
