"""What an analysis of a funnel answers."""

from __future__ import annotations

from jobforge.core.model import Model


class FunnelStep(Model):
    """One step. Shares are None where nobody could convert; seconds count from the first step."""

    name: str
    units: int
    from_start: float | None
    from_previous: float | None
    interval: tuple[float, float] | None
    drop_off: int
    median_seconds: float | None
    p90_seconds: float | None


class Funnel(Model):
    """A funnel over everybody, or over one segment."""

    segment: str | None
    steps: tuple[FunnelStep, ...]
    overall_conversion: float | None
    biggest_drop: str | None


class FunnelAnalyzeResult(Model):
    """The funnel, and the same by segment; `skipped_events` had no user or no readable time."""

    funnel_name: str
    unit: str
    window_hours: float | None
    first_day: str
    last_day: str
    days: int
    events_used: int
    skipped_events: int
    funnel: Funnel
    segments: tuple[Funnel, ...]
