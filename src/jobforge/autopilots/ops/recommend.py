"""`autopilot.ops.recommend`: what to change, ranked by saving x confidence / effort."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from decimal import Decimal
from typing import Any, Literal

from pydantic import Field

from jobforge.autopilots.ops.module_payload import without_metadata
from jobforge.autopilots.ops.remedies.advice import (
    advise_diagnosis,
    advise_findings,
    suspicion_of,
)
from jobforge.autopilots.ops.remedies.ready import is_mendable
from jobforge.autopilots.ops.reports import store_json
from jobforge.autopilots.ops.rows import Row, text_of
from jobforge.autopilots.ops.sizing.advice import (
    Advice,
    advise_sizes,
    resolve_conflicts,
    strengthen,
    usage_of,
)
from jobforge.contract.errors import JobForgeError
from jobforge.core.context import JobContext
from jobforge.core.data_source import DataSource
from jobforge.core.errors import DatasetMissing
from jobforge.core.job_type import JobType
from jobforge.core.model import Model

Category = Literal["optimization", "security", "reliability", "cost"]
Band = Literal["low", "medium", "high"]

BREACH: dict[Band, float] = {"low": 0.01, "medium": 0.05, "high": 0.10}
"""Share of the time a request may be exceeded, by risk tolerance."""
MAX_FILES = 500
"""Files that are read to try ready changes on."""
RISK_ORDER: tuple[Band, ...] = ("low", "medium", "high")
EFFORT_LIMIT: dict[str, tuple[Band, ...]] = {
    "immediate": ("low",),
    "short": ("low", "medium"),
    "long": ("low", "medium", "high"),
}


class RecommendConstraints(Model):
    """What a recommendation may cost, risk and take."""

    max_cost_impact: Decimal | None = Field(
        default=None, ge=0, description="Further spend per month that a raise may cause."
    )
    risk_tolerance: Band = "medium"
    implementation_timeframe: Literal["immediate", "short", "long"] = "short"


class RecommendPayload(Model):
    """Which kind of recommendation, and the data to make it from; one source is needed."""

    category: Category
    context_data: dict[str, Any] | None = None
    constraints: RecommendConstraints = RecommendConstraints()
    usage: DataSource | None = Field(
        default=None,
        description="Rows: resource, timestamp, value; metric, request, unit, "
        "price_per_unit_month, path, pointer.",
    )
    findings: DataSource | None = Field(
        default=None, description="Rows of a scan: check_id, severity, path, resource, …"
    )
    diagnosis: DataSource | None = Field(
        default=None, description="Hypotheses of a diagnosis. Rows: service, confidence, …"
    )


class RecommendationOut(Model):
    """One recommendation; `changes` are those of a payload of `autopilot.ops.apply`.

    `change` is the one change, where there is exactly one.
    """

    recommendation_id: str
    category: Category
    title: str
    description: str
    evidence: tuple[str, ...]
    risk: Band
    effort: Band
    confidence: float
    saving_per_month: Decimal | None
    saving_interval: tuple[Decimal, Decimal] | None
    score: float
    change: dict[str, Any] | None
    changes: tuple[dict[str, Any], ...]


class EstimatedImpact(Model):
    """Sums over the recommendations; cost is the saving per month, None without prices."""

    cost: Decimal | None
    performance: str
    reliability: str


class RecommendResult(Model):
    """Recommendations, best first."""

    category: Category
    recommendations: tuple[RecommendationOut, ...]
    priority_ordered: Literal[True]
    estimated_impact: EstimatedImpact
    notices: tuple[str, ...]


async def handle(payload: RecommendPayload, context: JobContext) -> RecommendResult:
    """Read usage, findings and a diagnosis, and recommend.

    Raises:
        DatasetMissing: no source is named, or one that is named does not exist.
        SourceMalformed: a row lacks what it should have.
    """
    if not _sources(payload):
        raise DatasetMissing(
            "neither usage nor findings nor a diagnosis is named to recommend from",
            hint='jobforge data add usage PATH, then "usage": "usage"',
        )
    usage, findings, diagnosis = [
        [] if source is None else list(await context.data.rows(source))
        for source in (payload.usage, payload.findings, payload.diagnosis)
    ]
    breach = BREACH[payload.constraints.risk_tolerance]
    sized, notices = advise_sizes(usage_of(usage), breach_probability=breach)
    files = await _files_of(findings, context)
    found = [
        *strengthen(sized, suspicion_of(diagnosis)),
        *advise_findings(findings, payload.category, files),
        *advise_diagnosis(diagnosis),
    ]
    result = choose(payload, found, notices)
    await store_json(context, "ops-recommend", "recommendations", result)
    return result


async def _files_of(findings: Sequence[Row], context: JobContext) -> dict[str, bytes]:
    """The workspace's files that ready changes may mend; one that cannot be read has none."""
    files: dict[str, bytes] = {}
    paths = dict.fromkeys(text_of(row, "path") for row in findings if is_mendable(row))
    for path in list(paths)[:MAX_FILES]:
        with suppress(JobForgeError):
            files[path] = await context.workspace.read(path)
    return files


def choose(payload: RecommendPayload, found: list[Advice], notices: list[str]) -> RecommendResult:
    """Keep what fits category and constraints, best first; say what was left out and why."""
    category = payload.category
    wanted = [advice for advice in found if category in {advice.category, "optimization"}]
    fitting = [advice for advice in wanted if _fits(advice, payload.constraints)]
    left_out = len(wanted) - len(fitting)
    kept, conflicts = resolve_conflicts(fitting)
    told = [*notices, *conflicts]
    if left_out:
        told.append(f"{left_out} recommendations are outside the constraints")
    savings = [advice.saving for advice in kept if advice.saving is not None]
    raised = sum(advice.category == "reliability" for advice in kept)
    lowered = sum(advice.category == "cost" for advice in kept)
    return RecommendResult(
        category=category,
        recommendations=tuple(_to_model(advice) for advice in kept),
        priority_ordered=True,
        estimated_impact=EstimatedImpact(
            cost=sum(savings, Decimal()) if savings else None,
            performance=f"{lowered} requests lowered, {raised} raised",
            reliability=f"requests may be exceeded for "
            f"{BREACH[payload.constraints.risk_tolerance]:.0%} of the time",
        ),
        notices=tuple(told),
    )


def _fits(advice: Advice, constraints: RecommendConstraints) -> bool:
    if advice.effort not in EFFORT_LIMIT[constraints.implementation_timeframe]:
        return False
    if RISK_ORDER.index(advice.risk) > RISK_ORDER.index(constraints.risk_tolerance):
        return False
    limit = constraints.max_cost_impact
    return limit is None or advice.saving is None or -advice.saving <= limit


def _to_model(advice: Advice) -> RecommendationOut:
    changes = tuple(dict(change) for change in advice.changes)
    return RecommendationOut(
        recommendation_id=advice.recommendation_id,
        category=advice.category,
        title=advice.title,
        description=advice.description,
        evidence=advice.evidence,
        risk=advice.risk,
        effort=advice.effort,
        confidence=advice.confidence,
        saving_per_month=advice.saving,
        saving_interval=advice.saving_interval,
        score=advice.score,
        change=changes[0] if len(changes) == 1 else None,
        changes=changes,
    )


def _sources(payload: RecommendPayload) -> tuple[DataSource, ...]:
    named = (payload.usage, payload.findings, payload.diagnosis)
    return tuple(source for source in named if source is not None)


RECOMMEND = JobType(
    name="autopilot.ops.recommend",
    title="Recommend changes",
    domain="ops",
    payload=RecommendPayload,
    result=RecommendResult,
    scopes=frozenset({"ops:read"}),
    timeout=timedelta(minutes=5),
    handle=handle,
    translate=without_metadata,
    sources=_sources,
    examples=(
        {"category": "cost", "usage": "usage"},
        {
            "category": "security",
            "findings": "findings",
            "constraints": {"implementation_timeframe": "long"},
        },
    ),
)
