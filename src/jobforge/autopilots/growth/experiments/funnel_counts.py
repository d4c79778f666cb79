"""A funnel as counts, whichever way the user has it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from jobforge.autopilots.growth.funnel.analysis import analyze_funnel
from jobforge.autopilots.growth.funnel.events import (
    Columns,
    SortedEvents,
    read_file,
    read_rows,
)
from jobforge.core.context import DatasetFile, Row
from jobforge.core.errors import PayloadInvalid, SourceMalformed
from jobforge.core.model import Model

DEFAULT_WINDOW = 7 * 24 * 3600 * 1_000_000
"""Seven days in microseconds, for a funnel that is counted from events."""


class FunnelCounts(Model):
    """A funnel as counts, and how many users enter it in a day."""

    steps: tuple[tuple[str, int], ...]
    daily_users: float
    origin: str


@dataclass(frozen=True, slots=True)
class FunnelTerms:
    """How to read a funnel: names of steps for events, users a day or days covered for counts."""

    steps: tuple[str, ...] = ()
    daily_users: float | None = None
    period_days: float | None = None


def counts_from_rows(rows: Sequence[Row], terms: FunnelTerms) -> FunnelCounts:
    """Read a funnel from counts or events.

    Raises:
        SourceMalformed: the rows are neither, or a count is no number.
        PayloadInvalid: events without `steps`, or counts without a number of users a day.
    """
    if not rows:
        raise SourceMalformed("the funnel has no rows")
    if {"step", "users"} <= rows[0].keys():
        return _from_counts(rows, terms)
    if "event" not in rows[0]:
        raise SourceMalformed("the funnel's rows have neither step and users, nor events")
    if not terms.steps:
        raise PayloadInvalid("events need steps, in order", pointer="/steps")
    return _from_events(rows, terms)


def counts_from_file(file: DatasetFile, terms: FunnelTerms) -> FunnelCounts:
    """Count a funnel from a file of events, however many.

    Raises:
        SourceMalformed: the file has no events.
    """
    return _from_sorted(read_file(file, Columns(), terms.steps, only_steps=True), terms)


def _from_counts(rows: Sequence[Row], terms: FunnelTerms) -> FunnelCounts:
    steps = tuple((str(row["step"]), _count(row)) for row in rows)
    if terms.daily_users is not None:
        return FunnelCounts(steps=steps, daily_users=terms.daily_users, origin="as given")
    period = terms.period_days or _days(rows[0])
    if period is None:
        raise PayloadInvalid(
            "counts say nothing about a day: give daily_users, or the days they cover",
            pointer="/daily_users",
        )
    daily = steps[0][1] / period
    return FunnelCounts(steps=steps, daily_users=daily, origin=f"over {period:g} days")


def _days(row: Row) -> float | None:
    """How many days the counts cover, where the rows say it."""
    try:
        days = float(row["days"])
    except (KeyError, TypeError, ValueError):
        return None
    return days if days > 0 else None


def _count(row: Row) -> int:
    try:
        count = int(row["users"])
    except (TypeError, ValueError):
        raise SourceMalformed(f"users of step {row['step']} is {row['users']!r}") from None
    if count < 0:
        raise SourceMalformed(f"users of step {row['step']} is {count}")
    return count


def _from_events(rows: Sequence[Row], terms: FunnelTerms) -> FunnelCounts:
    return _from_sorted(read_rows(rows, Columns(), terms.steps, only_steps=True), terms)


def _from_sorted(events: SortedEvents, terms: FunnelTerms) -> FunnelCounts:
    found = analyze_funnel(
        events.units, events.times, events.steps, terms.steps, window=DEFAULT_WINDOW
    )
    steps = tuple((step.name, step.units) for step in found.steps)
    daily = terms.daily_users or steps[0][1] / events.days
    return FunnelCounts(
        steps=steps, daily_users=daily, origin=f"{events.first_day} to {events.last_day}"
    )
