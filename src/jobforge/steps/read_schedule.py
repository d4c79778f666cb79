"""A schedule's row as the decision about it needs it."""

from __future__ import annotations

from datetime import timedelta

from jobforge.core.schedule import Timing
from jobforge.ports.starting import ScheduleRecord


def timing_of(schedule: ScheduleRecord) -> Timing:
    """When it is due."""
    return Timing(
        cron=schedule.cron,
        at=schedule.at,
        timezone=schedule.timezone,
        jitter=timedelta(seconds=schedule.jitter_seconds),
        on_missed=schedule.on_missed,
    )
