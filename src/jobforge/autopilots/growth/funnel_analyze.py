"""`autopilot.growth.funnel_analyze`: how far people come, where they leave, how long it takes."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal, Self

from pydantic import Field, model_validator

from jobforge.autopilots.growth.funnel.analysis import MAX_STEPS, analyze_funnel, sessions
from jobforge.autopilots.growth.funnel.events import (
    Columns,
    SortedEvents,
    read_file,
    read_rows,
)
from jobforge.autopilots.growth.funnel.model import FunnelResult
from jobforge.autopilots.growth.funnel.report import funnel_chart, to_html, to_markdown
from jobforge.autopilots.growth.funnel.result import Funnel, FunnelAnalyzeResult, FunnelStep
from jobforge.core.context import JobContext
from jobforge.core.data_source import DataSource, InlineRows
from jobforge.core.errors import SourceMalformed
from jobforge.core.job_type import JobType
from jobforge.core.model import Model

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_MICROSECONDS = 1_000_000


class FunnelAnalyzePayload(Model):
    """Events, and the steps that make the funnel, in order.

    `unit` is what is counted: users, or sessions that end after a pause of `session_gap_minutes`.
    Columns name who, what and when; times are ISO 8601 or Unix seconds.
    """

    events: DataSource
    steps: tuple[str, ...] = Field(min_length=2, max_length=MAX_STEPS)
    funnel_name: str = Field(default="funnel", max_length=200)
    window_hours: float | None = Field(default=168, gt=0, le=24 * 366)
    unit: Literal["user", "session"] = "user"
    session_gap_minutes: float = Field(default=30, gt=0, le=24 * 60)
    user_column: str = Field(default="user_id", min_length=1)
    event_column: str = Field(default="event", min_length=1)
    time_column: str = Field(default="timestamp", min_length=1)
    segment_by: str | None = None

    @model_validator(mode="after")
    def _steps_differ(self) -> Self:
        if len(set(self.steps)) < len(self.steps):
            raise ValueError("each step is named once")
        return self


async def load_events(payload: FunnelAnalyzePayload, context: JobContext) -> SortedEvents:
    """Read the payload's events.

    Raises:
        DatasetMissing: there is no such dataset.
        SourceMalformed: a column is missing, or no event is one of the steps.
    """
    columns = Columns(
        payload.user_column, payload.event_column, payload.time_column, payload.segment_by
    )
    only_steps = payload.unit == "user"
    if isinstance(payload.events, InlineRows):
        found = read_rows(payload.events.rows, columns, payload.steps, only_steps=only_steps)
    else:
        file = await context.data.file(payload.events)
        found = read_file(file, columns, payload.steps, only_steps=only_steps)
    if not (found.steps >= 0).any():
        raise SourceMalformed(f"no event is one of the steps: {', '.join(payload.steps)}")
    return found


def analyze_events(events: SortedEvents, payload: FunnelAnalyzePayload) -> FunnelAnalyzeResult:
    """The funnel over everybody, and over each segment of the first step's events."""
    units = events.units
    if payload.unit == "session":
        gap = round(payload.session_gap_minutes * 60 * _MICROSECONDS)
        units = sessions(units, events.times, gap)
    hours = payload.window_hours
    window = None if hours is None else round(hours * 3600 * _MICROSECONDS)

    def funnel(mask: NDArray[np.bool_] | None, segment: str | None) -> Funnel:
        own, times, steps = units, events.times, events.steps
        if mask is not None:
            own, times, steps = own[mask], times[mask], steps[mask]
        return _funnel(analyze_funnel(own, times, steps, payload.steps, window=window), segment)

    home = _segment_of_units(units, events) if events.segment_names else None
    segments = () if home is None else tuple(
        funnel(home == position, name) for position, name in enumerate(events.segment_names)
    )  # fmt: skip
    return FunnelAnalyzeResult(
        funnel_name=payload.funnel_name,
        unit=payload.unit,
        window_hours=hours,
        first_day=events.first_day,
        last_day=events.last_day,
        days=events.days,
        events_used=len(units),
        skipped_events=events.skipped,
        funnel=funnel(None, None),
        segments=segments,
    )


def _segment_of_units(units: NDArray[np.int64], events: SortedEvents) -> NDArray[np.int64]:
    """For each event, the segment of its unit's first event of step 0; -1 where there is none."""
    import numpy as np  # takes 100 ms that importing the job type should not cost

    home = np.full(int(units.max()) + 1, -1, dtype=np.int64)
    entries = np.flatnonzero(events.steps == 0)[::-1]
    home[units[entries]] = events.segments[entries]
    return home[units]


def _funnel(found: FunnelResult, segment: str | None) -> Funnel:
    steps = tuple(
        FunnelStep(
            name=step.name,
            units=step.units,
            from_start=step.from_start,
            from_previous=step.from_previous,
            interval=step.interval,
            drop_off=step.drop_off,
            median_seconds=step.median_seconds,
            p90_seconds=step.p90_seconds,
        )
        for step in found.steps
    )
    return Funnel(
        segment=segment,
        steps=steps,
        overall_conversion=found.overall,
        biggest_drop=found.biggest_drop,
    )


async def handle(payload: FunnelAnalyzePayload, context: JobContext) -> FunnelAnalyzeResult:
    """Read the events, analyse, store tables and a picture."""
    result = analyze_events(await load_events(payload, context), payload)
    stem = f"growth-funnel-{context.job.job_id}"
    chart = funnel_chart(result.funnel, f"Funnel {result.funnel_name}")
    files = (
        ("json", result.model_dump_json(indent=1), "funnel_report", "application/json"),
        ("md", to_markdown(result), "funnel_summary", "text/markdown"),
        ("svg", chart, "funnel_chart", "image/svg+xml"),
        ("html", to_html(result), "funnel_report_page", "text/html"),
    )
    for suffix, text, kind, mime_type in files:
        await context.artifacts.put(
            f"{stem}.{suffix}", text.encode(), kind=kind, mime_type=mime_type
        )
    return result


def _sources(payload: FunnelAnalyzePayload) -> tuple[DataSource, ...]:
    return () if isinstance(payload.events, InlineRows) else (payload.events,)


_EXAMPLE: Mapping[str, Any] = {
    "events": "site-events",
    "steps": ["visit", "signup", "activate"],
    "window_hours": 72,
    "segment_by": "device",
}

FUNNEL_ANALYZE = JobType(
    name="autopilot.growth.funnel_analyze",
    title="Analyse a funnel from events",
    domain="growth",
    payload=FunnelAnalyzePayload,
    result=FunnelAnalyzeResult,
    handle=handle,
    scopes=frozenset({"growth:read"}),
    timeout=timedelta(minutes=5),
    examples=(_EXAMPLE,),
    sources=_sources,
)
