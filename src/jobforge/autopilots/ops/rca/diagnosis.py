"""`diagnose_metrics`: competing hypotheses about what caused an incident, or none."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from jobforge.autopilots.ops.rca.deviation import Deviations, deviations_of
from jobforge.autopilots.ops.rca.impact import Impact, explain_target, has_impacts
from jobforge.autopilots.ops.rca.series import MetricSeries, SeriesGrid, metric_kind, to_grid
from jobforge.autopilots.ops.rca.series_rows import series_of_table
from jobforge.core.errors import PayloadInvalid

MIN_RATIO = 4.0
"""Explained impact against the past's 95 % window below which no cause is named.

Chosen on the normal windows of two recorded systems: 1 of 84 lies above, no incident below 12.
"""
MIN_DEVIATION = 1.0
"""Score of the leading series below which no cause is named."""
CLEAR_RESOURCE = 2.0
"""Score from which a resource that runs out counts beside, or in place of, impacts."""
MAX_HYPOTHESES = 5
SYMPTOM_WEIGHT = 0.5


@dataclass(frozen=True, slots=True)
class RankedMetric:
    """One series and how much it departs."""

    service: str
    metric: str
    statistic: str | None
    score: float
    before: float
    now: float
    onset: float | None


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """One possible cause. `confidence` is in [0, 1]; `settled_by` says what would decide."""

    service: str
    confidence: float
    evidence_for: tuple[str, ...]
    evidence_against: tuple[str, ...]
    settled_by: str


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What probably caused the incident.

    `ranked_services` is best first and empty where the diagnosis abstained; `reason` says why.
    `method` is `impact` (requests and topology weighed) or `deviation` (series against their past).
    """

    ranked_services: list[str]
    ranked_metrics: list[RankedMetric]
    hypotheses: list[Hypothesis]
    abstained: bool
    reason: str
    method: str
    incident_start: float | None


def diagnose_metrics(
    metrics: Sequence[MetricSeries | Mapping[str, Any]] | Mapping[str, Any],
    *,
    target: Mapping[str, Any] | None = None,
    topology: Iterable[tuple[str, str]] | None = None,
    incident_start: float | None = None,
) -> Diagnosis:
    """Rank what probably caused the incident, or abstain where the evidence is thin.

    `metrics` are series, or one table as a mapping of columns: a time and `service_metric` columns.
    `target` is `{service, metric, statistic}` (`node` and `agg` are understood, too): the objective
    that was violated. `topology` holds pairs (caller, callee). Samples at or after
    `incident_start`, in Unix seconds, are the incident; without it the last tenth is.

    Raises:
        SourceMalformed: series do not hold together.
        PayloadInvalid: the target is no series of these, or has no service or metric.
    """
    grid = to_grid(series_of_table(metrics) if isinstance(metrics, Mapping) else metrics)
    if grid.times.size == 0:
        return _abstain("there are no samples", "deviation", incident_start)
    begin = _start_of(grid, incident_start)
    if not 0 < begin < grid.times.size:
        where = "before" if begin == 0 else "after"
        return _abstain(
            f"every sample lies {where} the incident's start", "deviation", incident_start
        )
    wanted = None if target is None else _parse_target(grid, target)
    deviations = deviations_of(grid, begin)
    ranked_metrics = _rank_metrics(grid, deviations, wanted)
    calls = _calls(topology)
    # Without calls every caller would count what its callees cost as its own.
    if wanted is not None and calls and has_impacts(grid, wanted[1]):
        impacts = explain_target(grid, begin, target=wanted, calls=calls)
        exhausted = _exhausted(ranked_metrics)
        found = _from_impacts(grid, begin, _weigh(impacts, exhausted), ranked_metrics, wanted)
        if not found.abstained or not exhausted:
            return found
    return _from_deviations(grid, begin, deviations, ranked_metrics)


def _exhausted(metrics: Sequence[RankedMetric]) -> dict[str, float]:
    """Services whose resources clearly depart, with the score of the clearest."""
    found: dict[str, float] = {}
    for item in metrics:
        if item.score >= CLEAR_RESOURCE and metric_kind(item.metric) == "resource":
            found.setdefault(item.service, item.score)
    return found


def _weigh(impacts: Sequence[Impact], exhausted: Mapping[str, float]) -> list[Impact]:
    """Impacts in order, those of services that run out of a resource raised by its score."""
    return sorted(
        impacts,
        key=lambda impact: (
            -impact.score * (1.0 + exhausted.get(impact.service, 0.0)),
            -impact.own,
            impact.service,
        ),
    )


def _start_of(grid: SeriesGrid, incident_start: float | None) -> int:
    if incident_start is None:
        return grid.times.size - max(1, grid.times.size // 10)
    return int(np.searchsorted(grid.times, incident_start, side="left"))


def _calls(topology: Iterable[tuple[str, str]] | None) -> dict[str, frozenset[str]]:
    calls: dict[str, set[str]] = {}
    for caller, callee in topology or ():
        calls.setdefault(str(caller), set()).add(str(callee))
    return {caller: frozenset(callees) for caller, callees in calls.items()}


def _parse_target(grid: SeriesGrid, target: Mapping[str, Any]) -> tuple[str, str, str | None]:
    service = target.get("service") or target.get("node")
    metric = target.get("metric")
    if not service or not metric:
        raise PayloadInvalid("a target has a service and a metric", pointer="/target")
    statistic = target.get("statistic") or target.get("agg")
    if grid.find(str(service), str(metric)) is None:
        raise PayloadInvalid(f"there is no series {metric} of {service}", pointer="/target")
    return str(service), str(metric), None if statistic is None else str(statistic)


def _rank_metrics(
    grid: SeriesGrid, deviations: Deviations, target: tuple[str, str, str | None] | None
) -> list[RankedMetric]:
    # The violated objective is where the trouble shows, which is seldom where it comes from.
    symptom = np.array([
        target is not None and pair == target[:2]
        for pair in zip(grid.services, grid.metrics, strict=True)
    ])  # fmt: skip
    scores = deviations.score * np.where(symptom, SYMPTOM_WEIGHT, 1.0)
    order = np.argsort(-scores, kind="stable")
    return [
        _to_metric(grid, deviations, int(row), float(scores[row]))
        for row in order
        if scores[row] > 0
    ]


def _to_metric(grid: SeriesGrid, deviations: Deviations, row: int, score: float) -> RankedMetric:
    onset = int(deviations.onset[row])
    return RankedMetric(
        service=grid.services[row],
        metric=grid.metrics[row],
        statistic=grid.statistics[row],
        score=score,
        before=float(deviations.center[row]),
        now=float(deviations.now[row]),
        onset=None if onset < 0 else float(grid.times[onset]),
    )


def _abstain(
    reason: str, method: str, start: float | None, metrics: Sequence[RankedMetric] = ()
) -> Diagnosis:
    return Diagnosis([], list(metrics), [], True, reason, method, start)


def _from_impacts(
    grid: SeriesGrid,
    begin: int,
    impacts: list[Impact],
    metrics: list[RankedMetric],
    target: tuple[str, str, str | None],
) -> Diagnosis:
    start = float(grid.times[begin])
    service, metric, _ = target
    best = impacts[0] if impacts else None
    if best is None or best.explained <= 0 or best.ratio < MIN_RATIO:
        found = 0.0 if best is None else best.ratio
        reason = (
            f"what {service}'s {metric} shows is usual: the leading service explains {found:.1f} "
            f"times what it does in 95 % of the past, {MIN_RATIO:g} are needed"
        )
        return _abstain(reason, "impact", start, metrics)
    named = [impact for impact in impacts if impact.explained > 0]
    weights = [impact.score for impact in named]
    ranked = [impact.service for impact in named]
    chosen = set(ranked)
    return Diagnosis(
        ranked_services=ranked,
        ranked_metrics=_service_order(metrics, ranked, metric),
        hypotheses=[
            _impact_hypothesis(impact, weights, target, named) for impact in named[:MAX_HYPOTHESES]
        ],
        abstained=False,
        reason=f"{len(chosen)} services explain part of {service}'s {metric}",
        method="impact",
        incident_start=start,
    )


def _service_order(
    metrics: list[RankedMetric], ranked: Sequence[str], metric: str
) -> list[RankedMetric]:
    place = {service: position for position, service in enumerate(ranked)}
    return sorted(
        metrics,
        key=lambda item: (
            place.get(item.service, len(place)),
            item.metric != metric,
            -item.score,
        ),
    )


def _impact_hypothesis(
    impact: Impact,
    weights: list[float],
    target: tuple[str, str, str | None],
    impacts: list[Impact],
) -> Hypothesis:
    service, metric, _ = target
    unit = "failed requests" if metric_kind(metric) == "availability" else "request-seconds"
    total = sum(weights)
    share = impact.score / total if total > 0 else 0.0
    # How remarkable the leading share is decides how much of the share is believed.
    strength = impact.ratio / (impact.ratio + MIN_RATIO)
    rivals = [other.service for other in impacts if other.service != impact.service][:2]
    against = [
        f"{other} explains {other_impact.share:.0%} as well"
        for other, other_impact in ((i.service, i) for i in impacts)
        if other in rivals and other_impact.share > impact.share / 2
    ]
    if impact.share < 0.5:  # noqa: PLR2004 (half)
        against.append(f"it explains only {impact.share:.0%} of the excess")
    return Hypothesis(
        service=impact.service,
        confidence=round(share * strength, 3),
        evidence_for=(
            f"its own excess coincides with {impact.share:.0%} of {service}'s {metric}: "
            f"{impact.explained:.3g} {unit}",
            f"that is {impact.ratio:.1f} times what it reaches in 95 % of the past",
        ),
        evidence_against=tuple(against),
        settled_by=f"traces of slow requests through {impact.service}, or undoing its last change",
    )


def _from_deviations(
    grid: SeriesGrid, begin: int, deviations: Deviations, metrics: list[RankedMetric]
) -> Diagnosis:
    start = float(grid.times[begin])
    best: dict[str, RankedMetric] = {}
    for item in metrics:
        best.setdefault(item.service, item)
    ranked = sorted(best, key=lambda service: (-best[service].score, service))
    if not ranked or best[ranked[0]].score < MIN_DEVIATION:
        leader = best[ranked[0]].score if ranked else 0.0
        reason = f"no series departs clearly: the leading score is {leader:.2f} of {MIN_DEVIATION}"
        return _abstain(reason, "deviation", start, metrics)
    weights = np.exp([best[service].score for service in ranked])
    shares = weights / weights.sum()
    return Diagnosis(
        ranked_services=ranked,
        ranked_metrics=metrics,
        hypotheses=[
            _deviation_hypothesis(best[service], float(share), metrics)
            for service, share in zip(ranked[:MAX_HYPOTHESES], shares, strict=False)
        ],
        abstained=False,
        reason=f"{int((deviations.score > MIN_DEVIATION).sum())} series depart from their past",
        method="deviation",
        incident_start=start,
    )


def _deviation_hypothesis(
    leader: RankedMetric, share: float, metrics: list[RankedMetric]
) -> Hypothesis:
    own = [item for item in metrics if item.service == leader.service][:3]
    earlier = [
        item.service
        for item in metrics
        if leader.onset is not None
        and item.onset is not None
        and item.onset < leader.onset
        and item.score > MIN_DEVIATION
        and item.service != leader.service
    ]
    against = [f"{name} departs earlier" for name in dict.fromkeys(earlier)][:2]
    if metric_kind(leader.metric) == "load":
        against.append("only its load departs, which is mostly an effect")
    return Hypothesis(
        service=leader.service,
        # A departure just above the bound is believed half.
        confidence=round(share * leader.score / (leader.score + MIN_DEVIATION), 3),
        evidence_for=tuple(
            f"{item.metric} went from {item.before:.4g} to {item.now:.4g}" for item in own
        ),
        evidence_against=tuple(against),
        settled_by=f"the resource use and log of {leader.service} at the onset",
    )
