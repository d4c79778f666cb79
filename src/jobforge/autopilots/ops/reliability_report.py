"""`autopilot.ops.reliability_report`: objectives, budgets and restore times of a period."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from pydantic import Field, model_validator

from jobforge.autopilots.ops.module_payload import without_metadata
from jobforge.autopilots.ops.reliability.budget import BudgetReport, Sample, budget_report
from jobforge.autopilots.ops.reliability.incidents import (
    Durations,
    Incident,
    durations,
    incidents_of,
    time_between_failures,
    time_to_acknowledge,
    time_to_detect,
    time_to_restore,
)
from jobforge.autopilots.ops.reports import store_json, store_text
from jobforge.autopilots.ops.rows import Row, number_of, required_text, required_time
from jobforge.core.context import JobContext
from jobforge.core.data_source import DataSource, NamedDataset
from jobforge.core.errors import DatasetMissing, SourceMalformed
from jobforge.core.job_type import JobType
from jobforge.core.model import Model

DEFAULT_OBJECTIVE = 0.999


class Objective(Model):
    """What share of a service's requests should be good."""

    service: str
    target: float = Field(gt=0, lt=1, description="A share, say 0.999.")


class ReliabilityReportPayload(Model):
    """Which period and services; without a period the data's own span."""

    report_id: str = Field(min_length=1, max_length=256)
    report_type: str | None = None
    period_start: datetime | None = None
    period_end: datetime | None = None
    services: tuple[str, ...] = Field(default=(), description="None means all.")
    objectives: tuple[Objective, ...] = Field(
        default=(), description=f"A service without one is judged by {DEFAULT_OBJECTIVE}."
    )
    slis: DataSource = Field(
        default=NamedDataset(name="slis"), description="Rows: service, timestamp, good, total."
    )
    incidents: DataSource = Field(
        default=NamedDataset(name="incidents"),
        description="Rows: incident_id, service, severity, started_at, detected_at, "
        "acknowledged_at, resolved_at.",
    )
    include_anomalies: bool = True
    include_recommendations: bool = True
    action: str | None = None
    recommendation_id: str | None = None
    priority: str | None = None
    category: str | None = None
    description: str | None = None
    expected_impact: str | None = None
    implementation_effort: str | None = None
    anomaly_id: str | None = None
    service: str | None = None
    metric: str | None = None
    severity: str | None = None
    deviation_percent: float | None = None
    profile_id: str | None = None

    @model_validator(mode="after")
    def _has_a_period(self) -> ReliabilityReportPayload:
        for instant in (self.period_start, self.period_end):
            if instant is not None and instant.tzinfo is None:
                raise ValueError("a period needs a time zone")
        if self.period_start and self.period_end and self.period_start >= self.period_end:
            raise ValueError("the period ends before it starts")
        return self


class BurnRateOut(Model):
    """A budget's speed in the hours before the period's end."""

    window_hours: float
    rate: float
    threshold: float
    alert: str | None


class ServiceObjective(Model):
    """One service against its objective; None means there were no requests to judge."""

    service: str
    objective: float
    good: float
    total: float
    attained: float | None
    budget_remaining: float | None
    exhausted_at: datetime | None
    burn_rates: tuple[BurnRateOut, ...]


class DurationOut(Model):
    """A time over incidents, in seconds; None where no incident notes both its instants."""

    count: int
    mean_seconds: float | None
    median_seconds: float | None
    longest_seconds: float | None


class ReliabilityReportResult(Model):
    """The period's reliability."""

    report_id: str
    period_start: datetime
    period_end: datetime
    objectives: tuple[ServiceObjective, ...]
    incident_count: int
    open_incident_count: int
    time_to_detect: DurationOut
    time_to_acknowledge: DurationOut
    time_to_restore: DurationOut
    time_between_failures_seconds: float | None
    findings: tuple[str, ...]
    recommendations: tuple[str, ...]
    notices: tuple[str, ...]


def _samples_of(rows: Sequence[Row]) -> dict[str, list[Sample]]:
    found: dict[str, list[Sample]] = {}
    for number, row in enumerate(rows):
        service = required_text(row, number, "slis", "service")
        at = required_time(row, number, "slis", "timestamp", "at", "time")
        good, total = (number_of(row, number, "slis", name) for name in ("good", "total"))
        if good is None or total is None:
            raise SourceMalformed(f"slis row {number}: needs good and total")
        if not 0 <= good <= total:
            raise SourceMalformed(f"slis row {number}: good is not between 0 and total")
        found.setdefault(service, []).append(Sample(at, good, total))
    return found


async def handle(payload: ReliabilityReportPayload, context: JobContext) -> ReliabilityReportResult:
    """Read indicators and incidents, whichever there are, and judge the period.

    Raises:
        DatasetMissing: there are neither indicators nor incidents.
        SourceMalformed: a row lacks what it should have.
    """
    slis, sli_notice = await _rows(payload.slis, "slis", context)
    incident_rows, incident_notice = await _rows(payload.incidents, "incidents", context)
    if not slis and not incident_rows:
        raise DatasetMissing(
            "there are neither indicators nor incidents to report on",
            hint="jobforge data add slis PATH; jobforge data add incidents PATH",
        )
    samples, incidents = _samples_of(slis), incidents_of(incident_rows)
    result = report_reliability(payload, samples, incidents, (*sli_notice, *incident_notice))
    await store_json(context, "ops-reliability", "reliability_report", result)
    await store_text(context, "ops-reliability", "reliability_summary", to_markdown(result))
    return result


async def _rows(
    source: DataSource, name: str, context: JobContext
) -> tuple[list[Row], tuple[str, ...]]:
    try:
        return list(await context.data.rows(source)), ()
    except DatasetMissing as error:
        return [], (f"{name} were not judged: {error.message}",)


def report_reliability(
    payload: ReliabilityReportPayload,
    samples: dict[str, list[Sample]],
    incidents: Sequence[Incident],
    notices: tuple[str, ...] = (),
) -> ReliabilityReportResult:
    """Judge indicators and incidents of the payload's services in its period."""
    begin, end = _period(payload, samples, incidents)
    wanted = set(payload.services) or None
    targets = {item.service: item.target for item in payload.objectives}
    budgets = [
        budget_report(
            service,
            found,
            objective=targets.get(service, DEFAULT_OBJECTIVE),
            begin=begin,
            end=end,
        )
        for service, found in sorted(samples.items())
        if wanted is None or service in wanted
    ]
    inside = [
        incident
        for incident in incidents
        if begin <= incident.started_at < end and (wanted is None or incident.service in wanted)
    ]
    between = time_between_failures(inside, begin, end)
    findings = _findings(budgets, inside)
    return ReliabilityReportResult(
        report_id=payload.report_id,
        period_start=begin,
        period_end=end,
        objectives=tuple(_to_objective(budget) for budget in budgets),
        incident_count=len(inside),
        open_incident_count=sum(incident.resolved_at is None for incident in inside),
        time_to_detect=_to_duration(durations(inside, time_to_detect)),
        time_to_acknowledge=_to_duration(durations(inside, time_to_acknowledge)),
        time_to_restore=_to_duration(durations(inside, time_to_restore)),
        time_between_failures_seconds=None if between is None else between.total_seconds(),
        findings=findings if payload.include_anomalies else (),
        recommendations=_advice(budgets, inside) if payload.include_recommendations else (),
        notices=notices,
    )


def _period(
    payload: ReliabilityReportPayload,
    samples: dict[str, list[Sample]],
    incidents: Sequence[Incident],
) -> tuple[datetime, datetime]:
    instants = [sample.at for found in samples.values() for sample in found]
    instants += [incident.started_at for incident in incidents]
    instants += [i.resolved_at for i in incidents if i.resolved_at is not None]
    # The end is exclusive: the last sample belongs to the period.
    begin = payload.period_start or min(instants)
    end = payload.period_end or max(instants) + timedelta(seconds=1)
    return begin, end


def _findings(budgets: Sequence[BudgetReport], incidents: Sequence[Incident]) -> tuple[str, ...]:
    found = []
    for budget in budgets:
        if budget.attained is None:
            found.append(f"{budget.service}: no requests in the period")
        elif budget.remaining is not None and budget.remaining < 0:
            found.append(
                f"{budget.service}: {budget.attained:.4%} of {budget.objective:.4%}, the budget is "
                f"overspent by {-budget.remaining:.0%}"
            )
        for burn in budget.burn_rates:
            if burn.alert:
                hours = burn.window.total_seconds() / 3600
                found.append(
                    f"{budget.service}: burnt {burn.rate:.1f} times too fast in the last "
                    f"{hours:g} h ({burn.alert})"
                )
    still_open = [incident.incident_id for incident in incidents if incident.resolved_at is None]
    if still_open:
        found.append(f"still open: {', '.join(still_open[:10])}")
    return tuple(found)


def _advice(budgets: Sequence[BudgetReport], incidents: Sequence[Incident]) -> tuple[str, ...]:
    advice = [
        f"{budget.service}: hold risky changes until the budget recovers"
        for budget in budgets
        if budget.remaining is not None and budget.remaining < 0
    ]
    detect, restore = durations(incidents, time_to_detect), durations(incidents, time_to_restore)
    if detect.median and restore.median and detect.median > restore.median / 2:
        share = detect.median / restore.median
        advice.append(f"detection takes {share:.0%} of the time to restore: alert earlier")
    unnoted = sum(incident.detected_at is None for incident in incidents)
    if unnoted:
        advice.append(f"{unnoted} of {len(incidents)} incidents note no detection: note it")
    return tuple(advice)


def _to_objective(budget: BudgetReport) -> ServiceObjective:
    return ServiceObjective(
        service=budget.service,
        objective=budget.objective,
        good=budget.good,
        total=budget.total,
        attained=budget.attained,
        budget_remaining=budget.remaining,
        exhausted_at=budget.exhausted_at,
        burn_rates=tuple(
            BurnRateOut(
                window_hours=burn.window.total_seconds() / 3600,
                rate=burn.rate,
                threshold=burn.threshold,
                alert=burn.alert,
            )
            for burn in budget.burn_rates
        ),
    )


def _to_duration(measured: Durations) -> DurationOut:
    mean, median, longest = (
        None if value is None else value.total_seconds()
        for value in (measured.mean, measured.median, measured.longest)
    )
    return DurationOut(
        count=measured.count, mean_seconds=mean, median_seconds=median, longest_seconds=longest
    )


def to_markdown(result: ReliabilityReportResult) -> str:
    """The report as a page for people."""
    lines = [
        f"# Reliability, {result.period_start:%Y-%m-%d %H:%M} "
        f"to {result.period_end:%Y-%m-%d %H:%M}",
        "",
        "| service | objective | attained | budget left |",
        "|---|---|---|---|",
    ]
    for item in result.objectives:
        attained = "no requests" if item.attained is None else f"{item.attained:.4%}"
        left = "unknown" if item.budget_remaining is None else f"{item.budget_remaining:.0%}"
        lines.append(f"| {item.service} | {item.objective:.3%} | {attained} | {left} |")
    lines += ["", f"{result.incident_count} incidents, {result.open_incident_count} still open."]
    for title, measured in (
        ("detect", result.time_to_detect),
        ("acknowledge", result.time_to_acknowledge),
        ("restore", result.time_to_restore),
    ):
        if measured.median_seconds is not None and measured.mean_seconds is not None:
            lines.append(
                f"- time to {title}: median {measured.median_seconds / 60:.1f} min, "
                f"mean {measured.mean_seconds / 60:.1f} min, of {measured.count}"
            )
    for heading, texts in (("Findings", result.findings), ("Advice", result.recommendations),
                           ("Not judged", result.notices)):  # fmt: skip
        if texts:
            lines += ["", f"## {heading}", "", *(f"- {text}" for text in texts)]
    return "\n".join(lines) + "\n"


RELIABILITY_REPORT = JobType(
    name="autopilot.ops.reliability_report",
    title="Report on reliability",
    domain="ops",
    payload=ReliabilityReportPayload,
    result=ReliabilityReportResult,
    scopes=frozenset({"ops:read"}),
    timeout=timedelta(minutes=5),
    handle=handle,
    translate=without_metadata,
    # Either may be missing; only both together are an error, which the handler raises.
    sources=lambda payload: (payload.slis, payload.incidents),
    examples=(
        {
            "report_id": "2026-01",
            "period_start": "2026-01-01T00:00:00Z",
            "period_end": "2026-02-01T00:00:00Z",
            "objectives": [{"service": "checkout", "target": 0.999}],
        },
    ),
)
