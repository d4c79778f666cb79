"""`autopilot.ops.diagnose`: competing hypotheses, from metrics, changes, logs and traces."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import Field

from jobforge.autopilots.ops.module_payload import without_metadata
from jobforge.autopilots.ops.rca.changes import Change, changes_of, suspicious_changes
from jobforge.autopilots.ops.rca.diagnosis import Diagnosis, Hypothesis, diagnose_metrics
from jobforge.autopilots.ops.rca.logs import LogLine, unusual_patterns
from jobforge.autopilots.ops.rca.report import (
    HypothesisOut,
    LogPatternOut,
    SimilarIncidentOut,
    TimelineEntry,
    TraceShiftOut,
    advice_of,
    analysis_of,
    blast_radius_of,
    factors_of,
    timeline_of,
    to_hypothesis,
    to_pattern,
    to_shift,
)
from jobforge.autopilots.ops.rca.series_rows import series_of
from jobforge.autopilots.ops.rca.similar import similar_incidents
from jobforge.autopilots.ops.rca.traces import Span, calls_of, shifts_of, spans_of
from jobforge.autopilots.ops.rca.weighing import Clues, weigh
from jobforge.autopilots.ops.reports import store_json
from jobforge.autopilots.ops.rows import Row, edges_of, required_time, text_of
from jobforge.core.context import JobContext
from jobforge.core.data_source import DataSource
from jobforge.core.errors import DatasetMissing
from jobforge.core.job_type import JobType
from jobforge.core.model import Model


class DiagnoseOptions(Model):
    """How far to look around the onset, and whether to advise."""

    correlation_window_minutes: int = Field(default=60, ge=1, le=1440)
    include_recommendations: bool = True


class DiagnoseTarget(Model):
    """The objective that was violated."""

    service: str
    metric: str
    statistic: str | None = None


class DiagnosePayload(Model):
    """What is seen, where, and the data to judge it by; at least one kind of data is needed."""

    symptom: str = Field(min_length=1, max_length=4000)
    affected_resources: tuple[str, ...] = Field(min_length=1, max_length=1000)
    context_events: tuple[dict[str, Any], ...] = Field(
        default=(), max_length=1000, description="Changes: at, service, kind, description."
    )
    options: DiagnoseOptions = DiagnoseOptions()
    incident_start: datetime | None = Field(
        default=None, description="Without it: the first departure of the last tenth of the data."
    )
    target: DiagnoseTarget | None = None
    metrics: DataSource | None = Field(
        default=None,
        description="Rows: timestamp, service, metric, value, statistic; or a wide table with a "
        "time column and columns like cart_cpu.",
    )
    topology: DataSource | None = Field(default=None, description="Rows: caller, callee.")
    changes: DataSource | None = Field(default=None, description="Rows like context_events.")
    logs: DataSource | None = Field(default=None, description="Rows: timestamp, service, message.")
    traces: DataSource | None = Field(
        default=None,
        description="Spans. Rows: trace_id, span_id, parent_id, service, start, duration_ms, "
        "status. Without a topology they tell who calls whom.",
    )
    incidents: DataSource | None = Field(
        default=None, description="Past ones. Rows: incident_id, service, title, cause, resolution."
    )


class DiagnoseResult(Model):
    """The diagnosis; `abstained` with a reason where the evidence is thin."""

    symptom: str
    root_cause_analysis: str
    confidence: float
    affected_resources: tuple[str, ...]
    contributing_factors: tuple[str, ...]
    timeline: tuple[TimelineEntry, ...]
    abstained: bool
    hypotheses: tuple[HypothesisOut, ...]
    blast_radius: tuple[str, ...]
    log_patterns: tuple[LogPatternOut, ...]
    trace_shifts: tuple[TraceShiftOut, ...]
    similar_incidents: tuple[SimilarIncidentOut, ...]
    recommendations: tuple[str, ...]
    notices: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything the payload's sources gave."""

    metrics: Sequence[Row]
    calls: tuple[tuple[str, str], ...]
    changes: tuple[Change, ...]
    logs: tuple[LogLine, ...]
    incidents: Sequence[Row] = ()
    spans: tuple[Span, ...] = ()


async def _rows(source: DataSource | None, context: JobContext) -> list[Row]:
    return [] if source is None else list(await context.data.rows(source))


async def handle(payload: DiagnosePayload, context: JobContext) -> DiagnoseResult:
    """Read what the payload names and weigh it.

    Raises:
        DatasetMissing: a named source does not exist, or there is nothing to judge by.
        SourceMalformed: a row lacks what it should have.
    """
    metrics = await _rows(payload.metrics, context)
    events = [*payload.context_events, *await _rows(payload.changes, context)]
    lines = await _rows(payload.logs, context)
    spans = spans_of(await _rows(payload.traces, context))
    if not metrics and not lines and not events and not spans:
        raise DatasetMissing(
            "neither metrics nor logs, traces or changes are given to judge the symptom by",
            hint='jobforge data add metrics PATH, then "metrics": "metrics"',
        )
    await context.progress(0.3, f"read {len(metrics):,} samples, {len(lines):,} log lines")
    evidence = Evidence(
        metrics=metrics,
        calls=edges_of(await _rows(payload.topology, context)) or calls_of(spans),
        changes=changes_of(events),
        logs=_lines_of(lines),
        incidents=await _rows(payload.incidents, context),
        spans=spans,
    )
    result = diagnose(payload, evidence)
    await store_json(context, "ops-diagnose", "diagnosis_report", result)
    return result


def _lines_of(rows: Sequence[Row]) -> tuple[LogLine, ...]:
    return tuple(
        LogLine(
            at=required_time(row, number, "logs", "timestamp", "at", "time"),
            service=text_of(row, "service", "source", default="unknown"),
            text=text_of(row, "message", "text", "line"),
        )
        for number, row in enumerate(rows)
    )


def diagnose(payload: DiagnosePayload, evidence: Evidence) -> DiagnoseResult:
    """Weigh metrics, changes, logs and traces against each other.

    A change of a suspected service shortly before the onset speaks for it, as does a log template
    of its own that is new, or more time of its own in traces; where others have what it lacks,
    that is said against it.
    """
    metric_view = _diagnose_series(payload, evidence)
    start = _start(payload, metric_view, evidence)
    window = timedelta(minutes=payload.options.correlation_window_minutes)
    changes = suspicious_changes(evidence.changes, start, window) if start else ()
    end = max((line.at for line in evidence.logs), default=start) if start else None
    patterns = (
        unusual_patterns(evidence.logs, start, end + timedelta(seconds=1)) if start and end else []
    )
    shifts = shifts_of(evidence.spans, start.timestamp()) if start else ()
    hypotheses = weigh(metric_view, Clues.of(changes, patterns, shifts))
    leader = hypotheses[0] if hypotheses else None
    advice = advice_of(leader, changes)
    return DiagnoseResult(
        symptom=payload.symptom,
        root_cause_analysis=analysis_of(leader, metric_view),
        confidence=leader.confidence if leader else 0.0,
        affected_resources=payload.affected_resources,
        contributing_factors=factors_of(changes, patterns),
        timeline=timeline_of(start, metric_view, changes, patterns),
        abstained=leader is None,
        hypotheses=tuple(map(to_hypothesis, hypotheses)),
        blast_radius=blast_radius_of(leader, evidence.calls),
        log_patterns=tuple(map(to_pattern, patterns[:20])),
        trace_shifts=tuple(map(to_shift, shifts[:20])),
        similar_incidents=_similar(payload, evidence, leader),
        recommendations=advice if payload.options.include_recommendations else (),
        notices=_notices(metric_view, evidence, start),
    )


def _diagnose_series(payload: DiagnosePayload, evidence: Evidence) -> Diagnosis | None:
    if not evidence.metrics:
        return None
    target = payload.target.model_dump() if payload.target else None
    start = payload.incident_start.timestamp() if payload.incident_start else None
    return diagnose_metrics(
        series_of(evidence.metrics), target=target, topology=evidence.calls, incident_start=start
    )


def _start(payload: DiagnosePayload, view: Diagnosis | None, evidence: Evidence) -> datetime | None:
    if payload.incident_start is not None:
        return payload.incident_start
    onsets = [m.onset for m in view.ranked_metrics[:5] if m.onset is not None] if view else []
    if onsets and view is not None and not view.abstained:
        return datetime.fromtimestamp(min(onsets), tz=UTC)
    instants = sorted(line.at for line in evidence.logs)
    instants += sorted(datetime.fromtimestamp(span.start, tz=UTC) for span in evidence.spans)
    if instants:
        first, last = min(instants), max(instants)
        return first + (last - first) * 0.9
    return max((change.at for change in evidence.changes), default=None)


def _similar(
    payload: DiagnosePayload, evidence: Evidence, leader: Hypothesis | None
) -> tuple[SimilarIncidentOut, ...]:
    services = {*payload.affected_resources, *([leader.service] if leader else [])}
    found = similar_incidents(evidence.incidents, payload.symptom, services)
    return tuple(SimilarIncidentOut(**asdict(incident)) for incident in found)


def _notices(view: Diagnosis | None, evidence: Evidence, start: datetime | None) -> tuple[str, ...]:
    notices = []
    if view is None:
        notices.append("no metrics were given: the hypotheses rest on changes, logs and traces")
    elif view.abstained:
        notices.append(f"metrics: {view.reason}")
    if view is not None and not evidence.calls:
        notices.append("no topology was given: callers and callees were not told apart")
    if start is None:
        notices.append("no onset could be found")
    return tuple(notices)


def _sources(payload: DiagnosePayload) -> tuple[DataSource, ...]:
    named = (
        payload.metrics,
        payload.topology,
        payload.changes,
        payload.logs,
        payload.traces,
        payload.incidents,
    )
    return tuple(source for source in named if source is not None)


DIAGNOSE = JobType(
    name="autopilot.ops.diagnose",
    title="Diagnose an incident",
    domain="ops",
    payload=DiagnosePayload,
    result=DiagnoseResult,
    scopes=frozenset({"ops:read"}),
    timeout=timedelta(minutes=5),
    handle=handle,
    translate=without_metadata,
    sources=_sources,
    examples=(
        {
            "symptom": "checkout answers slowly",
            "affected_resources": ["checkout"],
            "metrics": "metrics",
            "topology": "topology",
            "incident_start": "2026-01-15T12:00:00Z",
            "target": {"service": "web", "metric": "latency"},
        },
    ),
)
