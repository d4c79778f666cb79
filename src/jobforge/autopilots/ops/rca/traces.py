"""What traces tell: who calls whom, who takes longer of its own, and where errors begin.

A span's own time is its duration without the time in which its children ran. Whether a service's
own time rose is judged by Welch's test, whether errors begin in it more often by the difference of
two proportions. Source: Welch 1947, "The generalization of Student's problem when several different
population variances are involved"; the bound of four standard errors is ours.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from jobforge.autopilots.ops.rows import Row, number_of, required_text, required_time, text_of
from jobforge.core.errors import SourceMalformed

MIN_SPANS: Final = 10
"""Of a service, before and during the incident; with fewer nothing is said."""
MIN_STANDARD_ERRORS: Final = 4.0
MIN_RISE: Final = 0.2
MAX_SPANS: Final = 2_000_000
_UNITS = (("duration_seconds", 1.0), ("duration_ms", 1e-3), ("duration_us", 1e-6),
          ("duration_ns", 1e-9), ("duration", 1.0))  # fmt: skip
_ERRORS = frozenset({"error", "status_code_error", "true", "1", "failed", "2"})


@dataclass(frozen=True, slots=True)
class Span:
    """One span; `start` is in Unix seconds, `duration` in seconds."""

    trace_id: str
    span_id: str
    parent_id: str
    service: str
    start: float
    duration: float
    is_error: bool


@dataclass(frozen=True, slots=True)
class TraceShift:
    """A service that takes longer of its own, or in which errors begin more often.

    Own times are means in seconds, error shares in [0, 1]; `strength` is in standard errors.
    """

    service: str
    own_before: float
    own_during: float
    errors_before: float
    errors_during: float
    spans: int
    strength: float

    @property
    def words(self) -> str:
        """What it says for the service."""
        parts = []
        if self.own_during > self.own_before * (1 + MIN_RISE):
            parts.append(
                f"its own time in a span rose from {self.own_before * 1e3:.3g} ms to "
                f"{self.own_during * 1e3:.3g} ms"
            )
        if self.errors_during > self.errors_before:
            parts.append(
                f"errors begin in {self.errors_during:.1%} of its spans, "
                f"before in {self.errors_before:.1%}"
            )
        return f"traces: {' and '.join(parts)} ({self.spans} spans)"


def spans_of(rows: Sequence[Row]) -> tuple[Span, ...]:
    """Spans of rows: trace_id, span_id, parent_id, service, start, duration in one of the units.

    Raises:
        SourceMalformed: a row lacks what a span needs, a duration is negative, or there are more
            than two million.
    """
    if len(rows) > MAX_SPANS:
        raise SourceMalformed(f"{len(rows):,} spans, more than {MAX_SPANS:,}")
    return tuple(_to_span(row, number) for number, row in enumerate(rows))


def _to_span(row: Row, number: int) -> Span:
    start = required_time(row, number, "traces", "start", "timestamp", "start_time", "at")
    status = text_of(row, "status", "status_code", "error").lower()
    return Span(
        trace_id=required_text(row, number, "traces", "trace_id", "traceId"),
        span_id=required_text(row, number, "traces", "span_id", "spanId"),
        parent_id=text_of(row, "parent_id", "parent_span_id", "parentSpanId"),
        service=required_text(row, number, "traces", "service", "service_name"),
        start=start.timestamp(),
        duration=_duration(row, number),
        is_error=status in _ERRORS,
    )


def _duration(row: Row, number: int) -> float:
    for name, unit in _UNITS:
        value = number_of(row, number, "traces", name)
        if value is not None:
            if value < 0:
                raise SourceMalformed(f"traces row {number}: {name} {value:g} is negative")
            return value * unit
    raise SourceMalformed(f"traces row {number}: no duration_ms")


def calls_of(spans: Iterable[Span]) -> tuple[tuple[str, str], ...]:
    """Who calls whom, sorted: a span's service and its parent's, where they differ."""
    spans = tuple(spans)
    services = {(span.trace_id, span.span_id): span.service for span in spans}
    found = set()
    for span in spans:
        caller = services.get((span.trace_id, span.parent_id))
        if caller is not None and caller != span.service:
            found.add((caller, span.service))
    return tuple(sorted(found))


def shifts_of(spans: Sequence[Span], start: float) -> tuple[TraceShift, ...]:
    """Services whose own time or errors rose from `start` on, the clearest first."""
    children = _children(spans)
    samples: defaultdict[str, list[tuple[bool, float, bool]]] = defaultdict(list)
    for span in spans:
        below = children.get((span.trace_id, span.span_id), [])
        begins = span.is_error and not any(child.is_error for child in below)
        samples[span.service].append((span.start >= start, _own_time(span, below), begins))
    found = [
        shift for service, taken in samples.items() if (shift := _shift(service, taken)) is not None
    ]
    return tuple(sorted(found, key=lambda shift: (-shift.strength, shift.service)))


def _children(spans: Sequence[Span]) -> dict[tuple[str, str], list[Span]]:
    children: defaultdict[tuple[str, str], list[Span]] = defaultdict(list)
    for span in spans:
        if span.parent_id and span.parent_id != span.span_id:
            children[span.trace_id, span.parent_id].append(span)
    return children


def _own_time(span: Span, children: Sequence[Span]) -> float:
    """The duration without the union of the children's, as far as they lie within."""
    end = span.start + span.duration
    covered, reached = 0.0, span.start
    for child in sorted(children, key=lambda item: item.start):
        low = max(child.start, reached)
        high = min(child.start + child.duration, end)
        if high > low:
            covered += high - low
            reached = high
    return max(0.0, span.duration - covered)


def _shift(service: str, samples: Sequence[tuple[bool, float, bool]]) -> TraceShift | None:
    now = np.array([is_now for is_now, _, _ in samples])
    own = np.array([time for _, time, _ in samples])
    errors = np.array([begins for _, _, begins in samples], dtype=np.float64)
    if min(now.sum(), (~now).sum()) < MIN_SPANS:
        return None
    before, during = own[~now], own[now]
    rise = during.mean() - before.mean()
    slower = rise / _standard_error(before, during) if rise > MIN_RISE * before.mean() else 0.0
    more = _proportions(errors[~now], errors[now])
    strength = max(float(slower), more)
    if strength < MIN_STANDARD_ERRORS:
        return None
    return TraceShift(
        service=service,
        own_before=float(before.mean()),
        own_during=float(during.mean()),
        errors_before=float(errors[~now].mean()),
        errors_during=float(errors[now].mean()),
        spans=len(samples),
        strength=strength,
    )


def _standard_error(before: np.ndarray, during: np.ndarray) -> float:
    variance = before.var(ddof=1) / before.size + during.var(ddof=1) / during.size
    # Times without any spread: a hundredth of the mean keeps the ratio finite.
    return max(float(np.sqrt(variance)), 0.01 * float(before.mean()), 1e-9)


def _proportions(before: np.ndarray, during: np.ndarray) -> float:
    pooled = (before.sum() + during.sum() + 1.0) / (before.size + during.size + 2.0)
    variance = pooled * (1.0 - pooled) * (1.0 / before.size + 1.0 / during.size)
    return float((during.mean() - before.mean()) / np.sqrt(variance))
